"""Our own journal (JSON lines), or its `nfbl` records alone: the last report of each event counts."""

from __future__ import annotations

from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.jsontext import Json, parse_json
from streams.nfbl.annotations.rows import Annotations, Rows, real

KIND = "nfbl"


def is_record(record: Json) -> bool:
    """Whether a parsed line is a journal's, or one of its `nfbl` records without the journal's own fields."""
    return isinstance(record, dict) and isinstance(record.get("kind" if "kind" in record else "class_id"), str)


def read(document: Document) -> Annotations:
    """Read the events in the order in which they opened; other kinds of records are passed over.

    The class is the label. A last line that is torn off, as a killed session leaves it, is passed over too.

    Raises:
        ConfigError: a line is no record.
    """
    lines = document.text.split("\n")
    last: dict[tuple[str, str], tuple[int, dict[str, Json]]] = {}
    for place, line in enumerate(lines, 1):
        if not line.strip() or (place == len(lines) > 1 and not line.rstrip().endswith("}")):
            continue
        record = parse_json(document, line, place)
        if not isinstance(record, dict) or not is_record(record):
            raise document.error(place, "no record of a journal; expected an object with kind, or with class_id")
        if record.get("kind", KIND) == KIND:
            event = record.get("id")
            if not isinstance(event, str):
                raise document.error(place, "the record has no id; expected a text")
            last[str(record.get("session")), event] = (place, record)
    rows = Rows(document)
    for place, record in last.values():
        label, side = record.get("class_id"), record.get("side", "")
        score = record.get("score")
        if not isinstance(label, str) or not isinstance(side, str):
            raise document.error(place, "class_id or side is no text; expected an nfbl record")
        rows.add(
            place,
            real(document, place, "start_s", record.get("start_s")),
            real(document, place, "end_s", record.get("end_s")),
            label,
            side=side,
            score=None if score is None else real(document, place, "score", score),
        )
    return Annotations(Format.JOURNAL, rows.all(), document.declaration.base)
