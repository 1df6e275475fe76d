"""Our own table: the columns start_s, end_s and class, and perhaps side, score, note and clip, in any order."""

from __future__ import annotations

from typing import Final

from streams.nfbl.annotations.choice import choose_clip
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows, number
from streams.nfbl.annotations.table import Columns, read_table

REQUIRED: Final = ("start_s", "end_s", "class")


def read(document: Document) -> Annotations:
    """Read the table, columns separated by commas, semicolons or tabs.

    Raises:
        ConfigError: a column is missing or a value is not what it must be; the message names the line.
    """
    table = read_table(document)
    header, *lines = table.lines
    columns = Columns(document, header)
    start, end, label = (columns.need(name) for name in REQUIRED)
    side, score, note = columns.find("side"), columns.find("score"), columns.find("note", "comment")
    clip = columns.find("clip")
    chosen, notices = choose_clip(document, (line.at(clip) for line in lines if clip is not None))
    rows = Rows(document)
    for line in lines:
        if clip is not None and line.at(clip) != chosen:
            continue
        given = line.at(score)
        rows.add(
            line.number,
            number(document, line.number, "start_s", line.at(start), decimal_comma=table.decimal_comma),
            number(document, line.number, "end_s", line.at(end), decimal_comma=table.decimal_comma),
            line.at(label),
            side=line.at(side),
            score=number(document, line.number, "score", given, decimal_comma=table.decimal_comma) if given else None,
            comment=line.at(note),
        )
    return Annotations(Format.SIMPLE, rows.all(), document.declaration.base, notices)
