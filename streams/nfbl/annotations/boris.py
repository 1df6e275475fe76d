"""The aggregated events that BORIS exports as TSV or CSV, one row for each occurrence.

The columns that count: `Behavior`, `Behavior type` (STATE, or POINT without length), `Start (s)`, `Stop (s)`, and
`Media file name` (version 8) or `Media file` (before it), `Observation id` and `Subject`.
"""

from __future__ import annotations

from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.choice import choose_clip, choose_tier, listed
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows, number
from streams.nfbl.annotations.table import Columns, read_table

TYPES: Final = ("STATE", "POINT")

NO_STOP: Final = ("", "NA")
"""What a point event has for its end, by version."""


def is_boris(cells: list[str]) -> bool:
    """Whether the first row of a table is one of this format."""
    return {"behavior", "behavior type", "start (s)"} <= {cell.strip().casefold() for cell in cells}


def read(document: Document) -> Annotations:
    """Read the behaviours of the chosen video, or of the subject declared as `tier`.

    Raises:
        ConfigError: a column is missing, a value is not what it must be, or there are several videos or several
            observations of the chosen one.
    """
    table = read_table(document)
    header, *lines = table.lines
    columns = Columns(document, header)
    behavior, kind = columns.need("Behavior"), columns.need("Behavior type")
    start, stop = columns.need("Start (s)"), columns.need("Stop (s)")
    media = columns.find("Media file name", "Media file", "Media file path")
    observation, subject = columns.find("Observation id"), columns.find("Subject")
    comment = columns.find("Comment start")
    chosen, notices = choose_clip(document, (line.at(media) for line in lines if media is not None))
    lines = [line for line in lines if media is None or line.at(media) == chosen]
    observations = dict.fromkeys(line.at(observation) for line in lines)
    if len(observations) > 1:
        problem = f"several observations of one video ({listed(observations)}); expected one, export it alone"
        raise document.error(None, problem)
    tier = choose_tier(document, (line.at(subject) for line in lines), "subject")
    rows = Rows(document)
    for line in lines:
        if tier not in {None, line.at(subject)}:
            continue
        is_point = line.at(kind).upper() == "POINT"
        if not is_point and line.at(kind).upper() != "STATE":
            there = printable(line.at(kind), 40)
            raise document.error(line.number, f"Behavior type is {there!r}; expected {' or '.join(TYPES)}")
        start_s = number(document, line.number, "Start (s)", line.at(start), decimal_comma=table.decimal_comma)
        end_s = start_s
        if not (is_point and line.at(stop).upper() in NO_STOP):
            end_s = number(document, line.number, "Stop (s)", line.at(stop), decimal_comma=table.decimal_comma)
        rows.add(line.number, start_s, end_s, line.at(behavior), comment=line.at(comment))
    return Annotations(Format.BORIS, rows.all(), document.declaration.base, notices)
