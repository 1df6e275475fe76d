"""The one family of errors a user can meet, each with the exit code it ends the command with.

Every message is one line that says what happened, to which thing, and what to do about it.
The command line catches `MonitorError` once, prints the line and exits; nothing else may reach a user.
"""

from __future__ import annotations


class MonitorError(Exception):
    """Something failed; the base of the family (exit code 1)."""

    exit_code = 1


class ConfigError(MonitorError):
    """A setting, profile, option or argument is wrong (exit code 2)."""

    exit_code = 2


class SourceUnreadable(MonitorError):
    """A source exists but holds nothing that can be played (exit code 1)."""


class SourceLost(MonitorError):
    """A live source went away for good (exit code 3)."""

    exit_code = 3


class DeidentificationFailed(MonitorError):
    """De-identification cannot run at all; nothing may be released (exit code 1)."""


class ModelUnavailable(MonitorError):
    """A model file, package or server that was asked for is missing or wrong (exit code 1)."""


class JournalError(MonitorError):
    """A journal cannot be written, read or trusted (exit code 1)."""


class RecordingError(MonitorError):
    """A recording or its audit trail cannot be written or read back (exit code 1)."""


class ExportError(MonitorError):
    """What is made of a journal cannot be written (exit code 1)."""
