"""ELAN's tab-delimited export: columns chosen by the user, found by the names that ELAN gives them.

Times may stand as `ss.msec`, `msec` or `hh:mm:ss.ms`, labels in a column of their own beside the tier's name or in a
column for each tier. An export without a first line of column names cannot be told apart and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.choice import choose_tier
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows, number
from streams.nfbl.annotations.table import Columns, Line, Table, read_table

_TIME: Final = re.compile(r"(Begin|End) Time - |Duration - ", re.IGNORECASE)
_CLOCK: Final = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9](?:[.,][0-9]{1,6})?)")

_VALUES: Final = ("Annotation", "Annotation Value", "Value")
_TIERS: Final = ("Tier", "Tier Name", "Tier ID")
_OTHERS: Final = ("participant", "annotator", "file", "file name", "file path", "media file", "cv description", "")


def is_elan_tab(cells: list[str]) -> bool:
    """Whether the first row of a table is one of this format."""
    return any(_TIME.match(cell.strip()) for cell in cells)


def read(document: Document) -> Annotations:
    """Read every cell that holds a label.

    Raises:
        ConfigError: there is no column of begins, of ends or durations, or of labels; or a time is none.
    """
    table = read_table(document, comments=True, quoted_tabs=False)
    header, *lines = table.lines
    columns = Columns(document, header)
    start = _times(document, table, columns, "Begin Time")
    end = _times(document, table, columns, "End Time")
    length = _times(document, table, columns, "Duration")
    if start is None or (end is None and length is None):
        problem = "no columns of times in the first line; expected Begin Time - ss.msec and End Time - ss.msec"
        raise document.error(header.number, f"{problem}, export with column names")
    value, tier_place = columns.find(*_VALUES), columns.find(*_TIERS)
    if value is None:
        own = [
            (place, name)
            for place, name in enumerate(columns.names)
            if place != tier_place and name.casefold() not in _OTHERS and not _TIME.match(name)
        ]
        tier = choose_tier(document, (name for _, name in own))
        labels = [(place, name) for place, name in own if tier in {None, name}]
    else:
        tier = choose_tier(document, (line.at(tier_place) for line in lines))
        labels = [(value, "")]
    rows = Rows(document)
    for line in lines:
        if value is not None and tier is not None and line.at(tier_place) != tier:
            continue
        for place, name in labels:
            if label := line.at(place):
                begin_s = start(line)
                end_s = end(line) if end is not None else begin_s + length(line) if length is not None else begin_s
                rows.add(line.number, begin_s, end_s, label, comment=name or line.at(tier_place))
    return Annotations(Format.ELAN_TAB, rows.all(), document.declaration.base)


def _times(document: Document, table: Table, columns: Columns, what: str) -> Callable[[Line], float] | None:
    """What reads seconds out of a row, from the most exact of the columns that are there."""
    for unit, scale in (("ss.msec", 1.0), ("msec", 0.001)):
        place = columns.find(f"{what} - {unit}")
        if place is not None:
            return lambda line: (
                number(document, line.number, what, line.at(place), decimal_comma=table.decimal_comma) * scale
            )
    clock = columns.find(f"{what} - hh:mm:ss.ms")
    if clock is None:
        return None
    return lambda line: _clock_s(document, line, what, line.at(clock))


def _clock_s(document: Document, line: Line, what: str, text: str) -> float:
    found = _CLOCK.fullmatch(text)
    if found is None:
        problem = f"{what} is {printable(text, 40)!r}; expected a time such as 00:01:02.345"
        raise document.error(line.number, problem)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))
