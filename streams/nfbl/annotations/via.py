"""The CSV that VIA 3, the VGG annotator, exports: `#` lines that explain, then one row for each segment.

Its columns are metadata_id, file_list, flags, temporal_coordinates, spatial_coordinates and metadata. Values of
attributes with options are the options' ids; the line `# ATTRIBUTE = {...}` says what they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.nfbl.annotations.choice import choose_clip, choose_tier
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document, Place
from streams.nfbl.annotations.jsontext import Json, parse_json
from streams.nfbl.annotations.rows import Annotations, Rows, real
from streams.nfbl.annotations.table import Line, is_comment, read_table

HEADER: Final = ("metadata_id", "file_list", "flags", "temporal_coordinates", "spatial_coordinates", "metadata")

UNSET: Final = "_DEFAULT"
"""What VIA writes for a text nobody entered."""

CHECKBOX: Final = 2
"""The type of an attribute of which several options may be chosen, their ids joined by commas."""


@dataclass(frozen=True, slots=True)
class _Attribute:
    name: str
    kind: int
    options: dict[str, str]


def is_via(text: str) -> bool:
    """Whether a file begins as one of this format."""
    return text.startswith("#") and "# CSV_HEADER = metadata_id," in text[:100_000]


def read(document: Document) -> Annotations:
    """Read every value of every attribute of the chosen video, or of the attribute declared as `tier`, as a label.

    A segment of two times lasts from the one to the other, one of a single time is a point; rows without a time
    describe the whole file and are left out.

    Raises:
        ConfigError: a row is not what it must be, or there are several videos and none was chosen.
    """
    attributes = _attributes(document)
    tier = choose_tier(document, (attribute.name for attribute in attributes.values()), "attribute")
    lines = read_table(document, comments=True).lines
    files = [_file(document, line) for line in lines]
    chosen, notices = choose_clip(document, files)
    rows = Rows(document)
    for line in (line for line, file in zip(lines, files, strict=True) if file == chosen):
        times = _times(document, line)
        if times is None:
            continue
        metadata = parse_json(document, line.cells[5], line.number)
        if not isinstance(metadata, dict):
            raise document.error(line.number, 'metadata is no object; expected {"1": "label"}')
        for key, value in metadata.items():
            attribute = attributes.get(key, _Attribute(key, 0, {}))
            if tier in {None, attribute.name}:
                for label in _labels(document, line.number, attribute, value):
                    rows.add(line.number, *times, label, comment=attribute.name)
    return Annotations(Format.VIA, rows.all(), document.declaration.base, notices)


def _file(document: Document, line: Line) -> str:
    """The first file of a row; the others of a view show the same from elsewhere."""
    if len(line.cells) < len(HEADER):
        problem = f"the row has {len(line.cells)} cells; expected {len(HEADER)}: {','.join(HEADER)}"
        raise document.error(line.number, problem)
    listed = parse_json(document, line.cells[1], line.number)
    first = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(first, str):
        raise document.error(line.number, 'file_list names no file; expected ["name.mp4"]')
    return first


def _times(document: Document, line: Line) -> tuple[float, float] | None:
    """Start and end of a row, None where it describes the whole file."""
    times = parse_json(document, line.cells[3], line.number)
    if not isinstance(times, list) or len(times) > 2:
        raise document.error(line.number, "temporal_coordinates are no times; expected [start, end] or [time]")
    if not times:
        return None
    start_s, end_s = (real(document, line.number, "temporal_coordinates", times[at]) for at in (0, -1))
    return start_s, end_s


def _labels(document: Document, place: Place, attribute: _Attribute, value: Json) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise document.error(place, f"the value of {attribute.name} is no text; expected a label or an option")
    text = str(value)
    parts = text.split(",") if attribute.kind == CHECKBOX else [text]
    return [attribute.options.get(part, part) for part in parts if part.strip() and part != UNSET]


def _attributes(document: Document) -> dict[str, _Attribute]:
    """The attributes by id; early versions wrote their names alone."""
    for place, line in enumerate(document.text.splitlines(), 1):
        key, separator, value = line.partition("=")
        if not is_comment(line):
            break
        if not separator or key.strip(" #") not in {"ATTRIBUTE", "ATTRIBUTES"}:
            continue
        found = parse_json(document, value, place)
        if not isinstance(found, dict):
            raise document.error(place, "ATTRIBUTE is no object; expected the line as VIA exports it")
        return {key: _attribute(key, attribute) for key, attribute in found.items()}
    return {}


def _attribute(key: str, found: Json) -> _Attribute:
    if not isinstance(found, dict):
        return _Attribute(found if isinstance(found, str) else key, 0, {})
    name, kind, options = found.get("aname"), found.get("type"), found.get("options")
    return _Attribute(
        name=name if isinstance(name, str) else key,
        kind=kind if isinstance(kind, int) else 0,
        options={id_: text for id_, text in options.items() if isinstance(text, str)}
        if isinstance(options, dict)
        else {},
    )
