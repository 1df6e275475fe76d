"""Tables as text: rows of cells with their line, and columns found by name."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final, Literal

from configs.yamlfile import printable
from streams.nfbl.annotations.document import MAX_ROWS, Document

SEPARATORS: Final = ",;\t"


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of one row of a table, stripped, and the number of its last line in the file."""

    number: int
    cells: tuple[str, ...]

    def at(self, place: int | None) -> str:
        """The cell at `place`, empty where the row is shorter or there is no such column."""
        return self.cells[place] if place is not None and place < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file that are not blank; `separator` is the sign that its first row holds most of."""

    separator: str
    lines: tuple[Line, ...]

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma may stand for a decimal point: it does not separate the columns."""
        return self.separator != ","


def first_line(text: str) -> str:
    """The first line that is neither blank nor a `#` comment."""
    for line in text.splitlines():
        if line.strip() and not is_comment(line):
            return line
    return ""


def is_comment(line: str) -> bool:
    """Whether a line is a comment; ELAN may put its own in quotes."""
    return line.lstrip().startswith(("#", '"#'))


def read_table(document: Document, *, comments: bool = False, quoted_tabs: bool = True) -> Table:
    """Split the text into rows of cells.

    With `comments`, lines that begin with # are passed over up to the first one that does not; without `quoted_tabs`,
    quotes mean nothing where tabs separate the cells.

    Raises:
        ConfigError: it is empty, no CSV, or has more than `MAX_ROWS` rows.
    """
    separator = max(SEPARATORS, key=first_line(document.text).count)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted_tabs or separator != "\t" else csv.QUOTE_NONE
    stream = io.StringIO(document.text, newline="")
    passed = _pass_comments(stream) if comments else 0
    reader = csv.reader(stream, delimiter=separator, strict=True, quoting=quoting)
    lines: list[Line] = []
    try:
        for found in reader:
            cells = tuple(cell.strip() for cell in found)
            if not any(cells):
                continue
            if len(lines) > MAX_ROWS:
                problem = f"more than {MAX_ROWS} rows; give the annotations of one session"
                raise document.error(passed + reader.line_num, problem)
            lines.append(Line(passed + reader.line_num, cells))
    except csv.Error as error:
        problem = f"not readable as CSV ({printable(str(error), 100)}); expected rows of cells, quotes closed"
        raise document.error(passed + reader.line_num, problem) from error
    if not lines:
        raise document.error(1, "the file is empty; expected a table of annotations")
    return Table(separator, tuple(lines))


def _pass_comments(stream: io.StringIO) -> int:
    """Stand before the first line that is neither blank nor a comment; how many lines that were."""
    passed = 0
    while True:
        before = stream.tell()
        line = stream.readline()
        if not line or (line.strip() and not is_comment(line)):
            stream.seek(before)
            return passed
        passed += 1


class Columns:
    """The columns of a table by the names in its first row; case and spaces around them do not matter."""

    def __init__(self, document: Document, header: Line) -> None:
        """Read the names."""
        self._document = document
        self._header = header
        self._names = [cell.casefold() for cell in header.cells]

    @property
    def names(self) -> tuple[str, ...]:
        """The names as they are written."""
        return self._header.cells

    def find(self, *names: str) -> int | None:
        """The place of the first of `names` that is there; ConfigError where it is there twice."""
        for name in names:
            count = self._names.count(name.casefold())
            if count > 1:
                raise self._document.error(self._header.number, f"the column {name} is there twice; keep one")
            if count:
                return self._names.index(name.casefold())
        return None

    def need(self, *names: str) -> int:
        """The same, and ConfigError where none of them is there."""
        place = self.find(*names)
        if place is None:
            there = printable(", ".join(self.names), 100)
            problem = f"no column {names[0]} in the first line ({there}); expected it there"
            raise self._document.error(self._header.number, problem)
        return place
