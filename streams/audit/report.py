"""Shows an audit as plain text for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from streams.audit.plan import AuditReport
from streams.audit.rows import Row, headline, sections
from streams.audit.voices import speakers

SCHEMA: Final = 1
"""Version of the JSON; raised when a field changes its meaning or goes away."""

WIDTH: Final = 100
"""Columns of the table: fits half a wide screen and a mail."""

_NAME_WIDTH: Final = 34

_DOUBTS: Final = 10
"""Frames in doubt listed in the table; the page and the JSON have more."""

_MARKS: Final = {True: "ok", False: "NO", None: ""}
_MARK_WIDTH: Final = 4


def table(report: AuditReport) -> str:
    """All figures as aligned text of at most `WIDTH` columns, the verdict last, where a terminal shows it."""
    lines = [*_wrapped(f"{report.source.name} -> {report.output.name}")]
    for section in sections(report):
        lines += ["", section.title]
        for row in section.rows:
            lines += _row(row)
        lines += _wrapped(section.remark, "  ")
    lines += _doubts(report)
    if report.speakers is not None:
        lines += ["", "Speakers recognised again"]
        for line in speakers.table(report.speakers).splitlines():
            lines += _wrapped(line, "  ") if len(line) + 2 > WIDTH else [f"  {line}"]
    for notice in () if report.pictures is None else report.pictures.notices:
        lines += _wrapped(notice, "  ")
    return "\n".join([*lines, "", *_wrapped(headline(report))])


def as_json(report: AuditReport) -> str:
    """All figures as one JSON object; units are in the names. Pictures of frames in doubt are left out."""
    content = asdict(report)
    for doubt in () if report.pictures is None else content["pictures"]["doubts"]:
        del doubt["jpeg"]
    answer = {
        "schema": SCHEMA,
        "verdict": report.verdict,
        "passed": report.passed,
        "headline": headline(report),
        "failures": report.failures,
        "original_sound": report.original_sound,
    }
    return json.dumps({**answer, **content}, indent=2, allow_nan=False)


def _row(row: Row) -> Iterator[str]:
    width = WIDTH - 2 - _MARK_WIDTH - _NAME_WIDTH - 1
    parts = textwrap.wrap(row.value, width) or [""]
    yield f"  {_MARKS[row.good]:<{_MARK_WIDTH}}{row.name:<{_NAME_WIDTH}} {parts[0]}".rstrip()
    for part in parts[1:]:
        yield f"{'':{2 + _MARK_WIDTH + _NAME_WIDTH}} {part}"


def _doubts(report: AuditReport) -> Iterator[str]:
    if not report.doubts:
        return
    yield ""
    worst = sorted(report.doubts, key=lambda doubt: doubt.share_hidden)[:_DOUBTS]
    shown = "" if report.doubtful_frames == len(worst) else f", {len(worst)} of the worst; --html and --json have more"
    yield f"Frames in doubt ({report.doubtful_frames}{shown})"
    for doubt in sorted(worst, key=lambda doubt: doubt.t_s):
        yield from _wrapped(f"frame {doubt.index}, {doubt.t_s:.2f} s: {'; '.join(doubt.reasons)}", "  ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  " if indent else "")
