"""Anvil's .anvil: XML, often UTF-16, of tracks with elements whose attributes hold the labels.

An element of a primary track has `start` and `end` in seconds, or one `time`. An element of a span track names the
first and last element of the track it refers to instead, one of a singleton track the only one, and has their times.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from streams.nfbl.annotations.choice import choose_tier, listed
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.markup import parse_markup
from streams.nfbl.annotations.rows import Annotations, Rows, number

ROOT: Final = "annotation"

REFERRING: Final = ("span", "singleton")

Span = tuple[float, float]

_INDEX: Final = re.compile(r"[0-9]{1,9}")


def read(document: Document) -> Annotations:
    """Read every attribute of every element, or of the track declared as `tier`, as a label.

    Tracks whose elements have no time are left out and listed.

    Raises:
        ConfigError: it is no such XML, a time is none, or an element refers to nothing.
    """
    root = parse_markup(document, ROOT)
    tracks = root.findall("body/track")
    tier = choose_tier(document, (track.get("name", "") for track in tracks), "track")
    spans: dict[str, dict[str, Span]] = {}
    timeless: list[str] = []
    rows = Rows(document)
    for track in sorted(tracks, key=_refers):
        name = track.get("name", "")
        elements = spans[name] = {}
        for count, element in enumerate(track.iterfind("el")):
            place = f"track {name}, element {element.get('index', str(count))}"
            span = _span(document, place, track, element, spans)
            if span is None:
                timeless.append(name)
                continue
            elements[element.get("index", str(count))] = span
            if tier in {None, name}:
                for attribute in element.iterfind("attribute"):
                    if label := (attribute.text or "").strip():
                        rows.add(place, *span, label, comment=name)
    notices: tuple[str, ...] = ()
    if timeless:
        notices = (f"{document.name}: tracks without times left out: {listed(dict.fromkeys(timeless))}",)
    return Annotations(Format.ANVIL, rows.all(), document.declaration.base, notices)


def _refers(track: ET.Element) -> bool:
    """Tracks that refer to others come after those; Anvil itself writes them so, converters may not."""
    return track.get("type") in REFERRING


def _span(
    document: Document, place: str, track: ET.Element, element: ET.Element, spans: dict[str, dict[str, Span]]
) -> Span | None:
    """Seconds of one element, None where it has no time."""
    start, end, point = element.get("start"), element.get("end"), element.get("time")
    if _refers(track):
        first, last = (start, end) if track.get("type") == "span" else (element.get("ref"),) * 2
        known = spans.get(track.get("ref", ""), {})
        if first is None or last is None or not (_INDEX.fullmatch(first) and _INDEX.fullmatch(last)):
            return None
        if first not in known or last not in known:
            raise document.error(place, "it refers to no element with a time; expected one, save it with Anvil")
        return known[first][0], known[last][1]
    if start is not None and end is not None:
        return number(document, place, "start", start), number(document, place, "end", end)
    if point is not None:
        return (number(document, place, "time", point),) * 2
    return None
