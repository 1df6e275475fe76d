"""What a reader hands over: rows of media time with a label, checked the same way for every format."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import MAX_ROWS, Document, Place

POINT_S: Final = 0.2
"""An event without length (a point event of an annotation tool) lasts this long."""

MAX_S: Final = 1e6
"""Twelve days: later times are another unit, or damage."""

MAX_LABEL: Final = 300
"""Characters of a label that are kept; the longest name of a class has a fifth of it, a transcript has more."""

SIDES: Final = ("left", "right", "both", "none")

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Row:
    """One annotation: [start_s, end_s) of media time and what it is called in the file.

    `side` is left, right, both or none; `score` is 0-1, None where the format has none.
    """

    start_s: float
    end_s: float
    label: str
    side: str = "none"
    score: float | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The rows of one file in its order; `base` is the number of the first class where labels are numbers."""

    format: Format
    rows: tuple[Row, ...]
    base: int | None
    notices: tuple[str, ...] = ()


class Rows:
    """Collects the rows of a file, each checked as it comes."""

    def __init__(self, document: Document) -> None:
        """Begin with none."""
        self._document = document
        self._rows: list[Row] = []

    def add(
        self,
        place: Place,
        start_s: float,
        end_s: float,
        label: str,
        *,
        side: str = "",
        score: float | None = None,
        comment: str = "",
    ) -> None:
        """Add the row found at `place`; one without length lasts `POINT_S`.

        Raises:
            ConfigError: there are too many rows, or a value is not what it must be.
        """
        error = self._document.error
        if len(self._rows) >= MAX_ROWS:
            raise error(place, f"more than {MAX_ROWS} rows; give the annotations of one session")
        for what, time_s in (("start", start_s), ("end", end_s)):
            if not 0 <= time_s <= MAX_S:
                raise error(place, f"the {what} is {time_s:g} s; expected seconds of media time from 0 to {MAX_S:g}")
        if end_s < start_s:
            raise error(place, f"the end {end_s:g} s is before the start {start_s:g} s; expected the end after it")
        found = side.strip().casefold() or "none"
        if found not in SIDES:
            raise error(place, f"side is {printable(side, 40)!r}; expected {', '.join(SIDES)} or nothing")
        if score is not None and not 0 <= score <= 1:
            raise error(place, f"score is {score:g}; expected a number from 0 to 1 or nothing")
        # One character more than is ever looked up: a cut label must not become the name it begins with.
        label = label.strip()[: MAX_LABEL + 1]
        end_s = end_s if end_s > start_s else start_s + POINT_S
        self._rows.append(Row(start_s + 0.0, end_s, label, found, score, comment.strip()[:MAX_LABEL]))

    def __len__(self) -> int:
        """Rows so far."""
        return len(self._rows)

    def all(self) -> tuple[Row, ...]:
        """The rows in the order in which they came."""
        return tuple(self._rows)


def number(document: Document, place: Place, what: str, text: str, *, decimal_comma: bool = False) -> float:
    """A finite number; ConfigError naming `what`. A comma may stand for the point where it separates nothing else."""
    plain = text.strip()
    if decimal_comma:
        plain = plain.replace(",", ".")
    value = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    if not math.isfinite(value):
        raise document.error(place, f"{what} is {printable(text, 40)!r}; expected a number such as 12.5")
    return value


def real(document: Document, place: Place, what: str, value: object) -> float:
    """A number of a JSON file as float; ConfigError naming `what` where it is none, or a text or boolean."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found):
            return found
    shown = f"the text {printable(value, 40)!r}" if isinstance(value, str) else f"of the type {type(value).__name__}"
    raise document.error(place, f"{what} is {shown}; expected a finite number such as 12.5")
