"""A table as CSV (RFC 4180, UTF-8, line feeds): a first line of names, an empty cell for what is not known."""

from __future__ import annotations

import csv
import io
from typing import Final

from monitor.export.columns import Cell, Row, Type
from monitor.export.tables import COMMON, TABLES

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet, and the texts are those of models and of strangers."""


class CsvTable:
    """Makes the lines of one table."""

    def __init__(self, kind: str) -> None:
        """The table of a kind of record."""
        self._names = (*(name for name, *_ in COMMON), *(column.name for column in TABLES[kind].columns))
        self._texts = (*(False for _ in COMMON), *(column.type is Type.TEXT for column in TABLES[kind].columns))

    def header(self) -> bytes:
        """The first line."""
        return _line(self._names)

    def line(self, row: Row) -> bytes:
        """One row. An apostrophe goes before a text that a spreadsheet would take for a formula."""
        return _line([_cell(cell, text=text) for cell, text in zip(row, self._texts, strict=True)])


def _cell(cell: Cell, *, text: bool) -> Cell:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if text and isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _line(cells: Row | list[Cell]) -> bytes:
    buffer = io.StringIO(newline="")
    # The writer quotes what its own line end is made of, and either of the two ends a line for some reader.
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n").encode() + b"\n"
