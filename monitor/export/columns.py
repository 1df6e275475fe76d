"""What a column of a table is: its name, type and unit, what it means, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

Cell: TypeAlias = str | float | int | bool | None
"""One value of a row; None where the journal has none."""

Row: TypeAlias = tuple[Cell, ...]

Told = TypeVar("Told")
"""What a row is made of: a record, or several of them taken together."""


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    """UTF-8; may be a model's words or a person's."""
    NAME = "name"
    """One of a closed list of words."""
    NUMBER = "number"
    """64-bit floating point."""
    COUNT = "count"
    """64-bit integer."""
    FLAG = "flag"
    """True or false."""
    TIME = "time"
    """Wall time in UTC with milliseconds."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Told]):
    """One column of a table; `unit` is empty where there is none."""

    name: str
    type: Type
    unit: str
    meaning: str
    read: Callable[[Told], Cell]


@dataclass(frozen=True, slots=True)
class Table(Generic[Told]):
    """One kind of the journal's lines as a table."""

    kind: str
    says: str
    """What one row is."""
    columns: Sequence[Column[Told]]

    def row(self, told: Told) -> Row:
        """The cells of one row, in the order of the columns."""
        return tuple(column.read(told) for column in self.columns)
