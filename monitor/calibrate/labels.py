"""Reads what people say of recordings or of spans in them: `recording,label[,start_s,end_s]`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buffers.evidence import Window
from configs.csvfile import Columns, read_number, read_rows
from configs.errors import ConfigError
from configs.yamlfile import printable

EXPECTED: Final = "a CSV with the columns recording,label and perhaps start_s,end_s"

LEAST_SHARE: Final = 0.5
"""Share of a window that its label has to cover."""

_SPAN: Final = ("start_s", "end_s")
_COLUMNS: Final = Columns(("recording", "label"), _SPAN, EXPECTED)
_WORDS: Final = {"positive": True, "win": True, "1": True, "negative": False, "lose": False, "0": False}


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """What a person said of [start_s, end_s) of a recording; a whole recording ends at infinity."""

    start_s: float
    end_s: float
    positive: bool


@dataclass(frozen=True, slots=True)
class SessionLabels:
    """Labels by the recording's name as the file gives it."""

    name: str
    spans: Mapping[str, tuple[LabelledSpan, ...]]


def read_session_labels(path: Path) -> SessionLabels:
    """Read the labels of recordings.

    Raises:
        ConfigError: the file cannot be read, or a row is not what it must be; the message names the line.
    """
    name = printable(path.name, 120)
    spans: dict[str, list[LabelledSpan]] = {}
    for line, row in read_rows(path, name, _COLUMNS):
        where = f"{name}:{line}"
        if len({column in row for column in _SPAN}) > 1:
            raise ConfigError(f"{where}: start_s and end_s go together; expected {EXPECTED}")
        recording = row["recording"]
        if not recording:
            raise ConfigError(f"{where}: names no recording; give its file name, or the name of its journal")
        span = _span(where, row)
        known = spans.setdefault(recording, [])
        if known and math.inf in {span.end_s, known[-1].end_s}:
            raise ConfigError(
                f"{where}: {printable(recording)} is labelled as a whole and once more; keep the whole or the spans"
            )
        known.append(span)
    if not spans:
        raise ConfigError(f"{name}: holds no labels; expected {EXPECTED}")
    return SessionLabels(name, {recording: tuple(known) for recording, known in spans.items()})


def label_of(window: Window, spans: tuple[LabelledSpan, ...]) -> bool | None:
    """Whether a window is labelled positive; None unless one label covers at least half of it and more than the other.

    Spans of one label that overlap are not counted twice only as far as people label without overlap.
    """
    covered = {True: 0.0, False: 0.0}
    for span in spans:
        covered[span.positive] += max(0.0, min(window.end_s, span.end_s) - max(window.start_s, span.start_s))
    label = covered[True] > covered[False]
    enough = covered[label] >= LEAST_SHARE * window.length_s > 0
    return label if enough and covered[True] != covered[False] else None


def _span(where: str, row: Mapping[str, str]) -> LabelledSpan:
    positive = _WORDS.get(row["label"].casefold())
    if positive is None:
        raise ConfigError(
            f"{where}: label is {printable(row['label'], 40)!r}, expected positive or negative (win, lose, 1 and 0 too)"
        )
    given = [row.get(column, "") for column in _SPAN]
    if not any(given):
        return LabelledSpan(0.0, math.inf, positive)
    start_s, end_s = (read_number(where, column, text) for column, text in zip(_SPAN, given, strict=True))
    if end_s <= start_s:
        raise ConfigError(f"{where}: end_s {end_s:g} is not after start_s {start_s:g}; a span ends after it starts")
    return LabelledSpan(start_s, end_s, positive)
