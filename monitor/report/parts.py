"""What a report is put together from: sections with charts, figures and tables, all of it plain text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.report.charts import Chart

FOLDED_ROWS: Final = 30
"""Longer lists are folded away: a reader comes for the charts first, and paper is not for lists of thousands."""


class Kind(StrEnum):
    """How the cells of a column are set."""

    TEXT = "text"
    NUMBER = "number"
    WORDS = "words"
    """Whole sentences, perhaps of a model."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a caption; `note` says what is not in it. `cards` is for rows that a phone shows one below another."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    cards: bool = False
    fold_at: int = FOLDED_ROWS

    @property
    def folded(self) -> bool:
        """Whether a reader has to unfold it."""
        return len(self.rows) > self.fold_at


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report under a heading."""

    name: str
    title: str
    lead: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole report.

    Attributes:
        title: what it is of.
        state: one line: whether the session ended, and how.
        running: whether the journal goes on or was cut off, so that the report is of a part.
        warnings: what has to be known before anything is read.
        privacy: what to think of before it is passed on.
        glance: the few figures most readers come for.
        sections: the rest.
    """

    title: str
    state: str
    running: bool
    warnings: tuple[str, ...]
    privacy: str
    glance: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by their names: `#name` holds numbers, `=name` sentences."""
    kinds = {"#": Kind.NUMBER, "=": Kind.WORDS}
    return tuple(Column(name[1:], kinds[name[0]]) if name[0] in kinds else Column(name) for name in names)
