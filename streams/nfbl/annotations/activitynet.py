"""JSON of ActivityNet's kind: `database.{video}.annotations[{segment: [s, e], label}]`, in seconds."""

from __future__ import annotations

from streams.nfbl.annotations.choice import choose_clip
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.jsontext import parse_json
from streams.nfbl.annotations.rows import Annotations, Rows, real


def read(document: Document) -> Annotations:
    """Read the annotations of the chosen video; other keys are passed over.

    Raises:
        ConfigError: it is no such JSON, or has several videos and none was chosen.
    """
    whole = parse_json(document, document.text)
    database = whole.get("database") if isinstance(whole, dict) else None
    if not isinstance(database, dict):
        raise document.error(None, 'no object "database" in it; expected {"database": {VIDEO: {"annotations": [...]}}}')
    chosen, notices = choose_clip(document, database)
    rows = Rows(document)
    if chosen is not None:
        video = database[chosen]
        annotations = video.get("annotations") if isinstance(video, dict) else None
        if not isinstance(annotations, list):
            raise document.error(f"video {chosen}", 'no list "annotations" in it; expected [{"segment", "label"}]')
        for count, annotation in enumerate(annotations):
            place = f"video {chosen}, annotation {count}"
            segment = annotation.get("segment") if isinstance(annotation, dict) else None
            if not (isinstance(annotation, dict) and isinstance(segment, list) and len(segment) == 2):
                raise document.error(place, 'expected {"segment": [start, end], "label": ...}')
            label = annotation.get("label")
            if isinstance(label, bool) or not isinstance(label, str | int):
                raise document.error(place, 'its "label" is no text or number; expected one')
            score = annotation.get("score")
            rows.add(
                place,
                real(document, place, "the start", segment[0]),
                real(document, place, "the end", segment[1]),
                str(label),
                score=None if score is None else real(document, place, "score", score),
            )
    return Annotations(Format.ACTIVITYNET, rows.all(), document.declaration.base, notices)
