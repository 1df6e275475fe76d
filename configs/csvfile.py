"""Reads a CSV that people made: known columns in any order, and one line of complaint that names the place."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configs.errors import ConfigError
from configs.yamlfile import printable

MAX_BYTES: Final = 50_000_000
"""Larger files are no labels."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns a file must have, those it may have (others are ignored), and in words what is `expected`."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    expected: str


def read_rows(path: Path, name: str, columns: Columns) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and known columns of each row that is not empty, values without blanks at their ends.

    `name` is what messages call the file. A mark of byte order, either line end and quotes are read as they are meant.

    Raises:
        ConfigError: the file cannot be read, is no text or no CSV, or lacks a column; the message names the line.
    """
    reader = csv.reader(io.StringIO(read_text(path, name, columns.expected), newline=""), strict=True)
    places: dict[str, int] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{name}:{reader.line_num}"
            if places is None:
                places = _header(where, cells, columns)
                continue
            if len(cells) <= max(places[column] for column in columns.required):
                raise ConfigError(
                    f"{where}: has {len(cells)} columns, fewer than the first line; expected {columns.expected}"
                )
            yield (
                reader.line_num,
                {column: cells[place].strip() for column, place in places.items() if place < len(cells)},
            )
    except csv.Error as error:
        raise ConfigError(
            f"{name}:{reader.line_num}: not readable as CSV ({error}); expected {columns.expected}"
        ) from error
    if places is None:
        raise ConfigError(f"{name}: is empty; expected {columns.expected}")


def read_text(path: Path, name: str, expected: str) -> str:
    """The text of a file of at most `MAX_BYTES` in UTF-8; ConfigError where it is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}; expected {expected}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB; expected {expected}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8 text; save it as UTF-8, expected {expected}") from error
    if "\0" in text:
        raise ConfigError(f"{name}: holds a zero byte, so it is no text; expected {expected}")
    return text


def read_number(where: str, column: str, text: str) -> float:
    """A number from 0 that is not infinite; ConfigError that names `where` and the column."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ConfigError(f"{where}: {column} is {printable(text, 40)!r}, expected a number from 0 such as 12.5")
    return number


def _header(where: str, cells: list[str], columns: Columns) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in cells]
    missing = [column for column in columns.required if column not in names]
    if missing:
        raise ConfigError(f"{where}: no column {', '.join(missing)} in the first line; expected {columns.expected}")
    wanted = (*columns.required, *columns.optional)
    twice = next((column for column in wanted if names.count(column) > 1), None)
    if twice:
        raise ConfigError(f"{where}: the column {twice} is there twice; keep one")
    return {column: names.index(column) for column in wanted if column in names}
