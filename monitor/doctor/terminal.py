"""What the dashboard would be drawn on. Asked in this process: another one has another output."""

from __future__ import annotations

import locale
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Final, TextIO

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

LEAST_SIZE: Final = (80, 24)
"""Columns and lines of the smallest dashboard that shows everything."""

_findings = Findings("terminal")


def _terminal(_: Asked) -> Iterator[Check]:
    yield terminal(sys.stdout, os.environ, shutil.get_terminal_size())


def terminal(stdout: TextIO, environ: Mapping[str, str], size: tuple[int, int]) -> Check:
    """Judge an output by itself, the environment and its size (columns, lines)."""
    encoding = getattr(stdout, "encoding", None) or "ascii"
    term = environ.get("TERM", "")
    if not stdout.isatty():
        return _findings.skip("output", f"no terminal ({encoding}): plain lines instead of the dashboard")
    found = f"{size[0]}x{size[1]}, TERM={term or 'not set'}, {encoding}, {_colours(environ)}"
    if term in {"", "dumb", "unknown"}:
        return _findings.warn("output", f"{found}: cannot move its cursor", "plain lines instead: --ui plain")
    if size[0] < LEAST_SIZE[0] or size[1] < LEAST_SIZE[1]:
        return _findings.warn("output", f"{found}: small", f"{LEAST_SIZE[0]}x{LEAST_SIZE[1]} shows everything")
    if not writes_unicode(stdout):
        return _findings.warn("output", f"{found}: no glyphs beyond ASCII", "a UTF-8 locale, as LANG=C.UTF-8")
    return _findings.ok("output", found)


def writes_unicode(stdout: TextIO) -> bool:
    """Whether glyphs beyond ASCII can be written to it."""
    try:
        "●→".encode(getattr(stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _colours(environ: Mapping[str, str]) -> str:
    if "NO_COLOR" in environ:
        return "no colours (NO_COLOR)"
    if environ.get("COLORTERM", "") in {"truecolor", "24bit"}:
        return "16 million colours"
    return "256 colours" if "256" in environ.get("TERM", "") else "16 colours"


def _locale(_: Asked) -> Iterator[Check]:
    encoding = locale.getpreferredencoding(do_setlocale=False)
    yield _findings.ok("locale", f"{encoding}, file names {sys.getfilesystemencoding()}")


SECTION: Final = Section("terminal", __name__, (Probe("output", _terminal), Probe("locale", _locale)))
