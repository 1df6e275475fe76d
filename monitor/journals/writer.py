"""Whether somebody writes a journal just now: whoever does holds its lock."""

from __future__ import annotations

import fcntl
from typing import Protocol


class _Open(Protocol):
    def fileno(self) -> int:
        """The descriptor of an open file."""


def being_written(file: _Open | int) -> bool:
    """Whether a session holds the journal that is open as `file`.

    The lock is tried for a moment, so ask only of journals that look as if their writer were gone: a session that
    began in that very moment would be refused.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
