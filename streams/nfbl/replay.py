"""A body-language feed replayed from an annotation file: what a rater or another program noted, told in media time."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buffers.records import Group, NfblEvent, Phase
from configs.errors import ConfigError
from configs.taxonomy import NfblClass, taxonomy
from configs.yamlfile import printable

MAX_BYTES: Final = 50_000_000
"""Larger files are no annotations of one session."""

MAX_ROWS: Final = 100_000
"""Eight hours at 9 events a minute are 4,320 rows."""

POINT_S: Final = 0.2
"""An event without length (a point event of an annotation tool) lasts this long."""

REQUIRED: Final = ("start_s", "end_s", "class")
SIDES: Final = ("left", "right", "both", "none")
EXPECTED: Final = "a CSV with the columns start_s,end_s,class and perhaps side,score"


@dataclass(frozen=True, slots=True)
class _Row:
    start_s: float
    end_s: float
    found: NfblClass
    side: str
    score: float


class ReplayedFeed:
    """Events of one annotation file, each opened at its start and closed at its end.

    The file is UTF-8 CSV, separated by commas, semicolons or tabs, with the columns `start_s`, `end_s` (seconds of
    media time) and `class` (an N-id, an iMiGUE C-id or a name of the taxonomy), and perhaps `side` and `score`, in
    any order; other columns are ignored. Rows of unknown classes are left out and listed in `notices`. `source` names
    the feed in records, `digest` identifies its events.
    """

    def __init__(self, path: Path, *, duration_s: float | None = None) -> None:
        """Read the whole file; rows that lie outside a medium of `duration_s` are left out and noted.

        Raises:
            ConfigError: the file cannot be read, or a row is not what it must be; the message names the line.
        """
        self.source = f"replay:{path.name}"
        unmapped: Counter[str] = Counter()
        rows: list[_Row] = []
        outside = 0
        for label, row in _rows(path):
            if row is None:
                unmapped[label] += 1
            elif duration_s is not None and row.start_s >= duration_s:
                outside += 1
            else:
                rows.append(row)
        self.notices: tuple[str, ...] = tuple(_notices(path, unmapped, outside, duration_s))
        rows.sort(key=lambda row: (row.start_s, row.end_s))
        reports = [report for number, row in enumerate(rows, 1) for report in self._reports(f"e{number}", row)]
        reports.sort(key=_time)
        self.digest = hashlib.sha256(repr(reports).encode()).hexdigest()
        self._reports_left = reports[::-1]

    def events_until(self, t_s: float) -> tuple[NfblEvent, ...]:
        """Reports due at or before `t_s` that were not given yet, in order of time."""
        due: list[NfblEvent] = []
        while self._reports_left and _time(self._reports_left[-1]) <= t_s:
            due.append(self._reports_left.pop())
        return tuple(due)

    def _reports(self, event_id: str, row: _Row) -> Iterator[NfblEvent]:
        for phase, end_s in ((Phase.OPEN, row.start_s), (Phase.CLOSE, row.end_s)):
            yield NfblEvent(
                id=event_id,
                phase=phase,
                group=Group(row.found.group),
                class_id=row.found.id,
                name=row.found.name,
                side=row.side,
                start_s=row.start_s,
                end_s=end_s,
                score=row.score,
                alternatives=(),
                source=self.source,
            )


def _time(report: NfblEvent) -> float:
    return report.start_s if report.phase is Phase.OPEN else report.end_s


def _notices(path: Path, unmapped: Counter[str], outside: int, duration_s: float | None) -> Iterator[str]:
    name = printable(path.name)
    if unmapped:
        listed = ", ".join(f"{printable(label, 40)!r} ({count})" for label, count in unmapped.most_common(10))
        more = f" and {len(unmapped) - 10} more" if len(unmapped) > 10 else ""
        yield f"{name}: {unmapped.total()} rows left out, their classes are not in the taxonomy: {listed}{more}"
    if outside:
        yield f"{name}: {outside} rows left out, they start after the end of the media at {duration_s:g} s"


def _rows(path: Path) -> Iterator[tuple[str, _Row | None]]:
    """The label of each row, and the row unless the label is unknown."""
    text, name = _text(path), printable(str(path), 300)
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    places: dict[str, int] | None = None
    rows = 0
    try:
        for cells in reader:
            where = f"{name}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if places is None:
                places = _header(where, cells)
                continue
            rows += 1
            if rows > MAX_ROWS:
                raise ConfigError(f"{where}: more than {MAX_ROWS} rows; give the annotations of one session")
            values = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
            yield values["class"], _row(where, values, decimal_comma=separator != ",")
    except csv.Error as error:
        raise ConfigError(f"{name}:{reader.line_num}: not readable as CSV ({error}); expected {EXPECTED}") from error
    if places is None:
        raise ConfigError(f"{name}:1: the file is empty; expected {EXPECTED}")


def _text(path: Path) -> str:
    name = printable(str(path), 300)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}; expected {EXPECTED}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB; expected {EXPECTED}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8 text; save it as UTF-8, expected {EXPECTED}") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{name}:{line}: holds a zero byte, so it is no text; expected {EXPECTED}")
    return text


def _header(where: str, cells: list[str]) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise ConfigError(f"{where}: no column {', '.join(missing)} in the first line; expected {EXPECTED}")
    wanted = (*REQUIRED, "side", "score")
    twice = next((name for name in wanted if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{where}: the column {twice} is there twice; keep one")
    return {name: names.index(name) for name in wanted if name in names}


def _row(where: str, values: dict[str, str], *, decimal_comma: bool) -> _Row | None:
    start_s = _number(where, "start_s", values["start_s"], decimal_comma)
    end_s = _number(where, "end_s", values["end_s"], decimal_comma)
    if end_s < start_s:
        raise ConfigError(f"{where}: end_s {end_s:g} is before start_s {start_s:g}; an event ends after it starts")
    side = values.get("side", "").casefold() or "none"
    if side not in SIDES:
        raise ConfigError(f"{where}: side is {printable(side, 40)!r}, expected {', '.join(SIDES)} or nothing")
    score = _number(where, "score", values.get("score") or "1", decimal_comma)
    if score > 1:
        raise ConfigError(f"{where}: score is {score:g}, expected a number from 0 to 1 or nothing")
    found = taxonomy().find(values["class"])
    if found is None:
        return None
    return _Row(start_s, end_s if end_s > start_s else start_s + POINT_S, found, side, score)


def _number(where: str, column: str, text: str, decimal_comma: bool) -> float:
    """A number from 0 upwards. Where commas do not separate columns, a comma may stand for the decimal point."""
    try:
        number = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ConfigError(f"{where}: {column} is {printable(text, 40)!r}, expected a number from 0 such as 12.5")
    return number
