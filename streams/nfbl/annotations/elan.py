"""ELAN's .eaf: annotations on tiers between time slots in milliseconds (EAF 2.7 and later).

An annotation that refers to another one has that one's times. A slot without a time (time subdivision) lies evenly
between its neighbours on the tier that have one, which is how ELAN itself draws it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from configs.yamlfile import printable
from streams.nfbl.annotations.choice import choose_tier, same_clip
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.markup import parse_markup
from streams.nfbl.annotations.rows import Annotations, Rows, number

ROOT: Final = "ANNOTATION_DOCUMENT"

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Annotation:
    id: str
    tier: str
    value: str
    slots: tuple[str, str] | None
    parent: str | None


def read(document: Document) -> Annotations:
    """Read all tiers, or the declared one, in the order of the file.

    Raises:
        ConfigError: it is no such XML, its times are no milliseconds, or an annotation refers to nothing.
    """
    root = parse_markup(document, ROOT)
    head = root.find("HEADER")
    units = "milliseconds" if head is None else head.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        problem = f"its TIME_UNITS are {printable(units, 40)}; expected milliseconds, save it with the current ELAN"
        raise document.error("HEADER", problem)
    annotations = {annotation.id: annotation for annotation in _annotations(document, root)}
    slots = _slots(document, root, annotations.values())
    origin_s = _origin_s(document, head)
    tier = choose_tier(document, (found.get("TIER_ID", "") for found in root.iter("TIER")))
    spans = _spans(document, annotations, slots)
    rows = Rows(document)
    for annotation in annotations.values():
        if tier is None or annotation.tier == tier:
            start_s, end_s = spans[annotation.id]
            place = f"annotation {annotation.id} of tier {annotation.tier}"
            rows.add(place, start_s + origin_s, end_s + origin_s, annotation.value, comment=annotation.tier)
    return Annotations(Format.ELAN, rows.all(), document.declaration.base)


def _annotations(document: Document, root: ET.Element) -> Iterator[_Annotation]:
    known: set[str] = set()
    for tier in root.iter("TIER"):
        name = tier.get("TIER_ID", "")
        for element in tier.iterfind("ANNOTATION/*"):
            found = element.get("ANNOTATION_ID", "")
            place = f"annotation {found} of tier {name}"
            if not found or found in known:
                raise document.error(place, "its ANNOTATION_ID is missing or taken; expected one of its own")
            known.add(found)
            value = (element.findtext("ANNOTATION_VALUE") or "").strip()
            first, last = element.get("TIME_SLOT_REF1"), element.get("TIME_SLOT_REF2")
            parent = element.get("ANNOTATION_REF")
            slots = (first, last) if first is not None and last is not None else None
            if (slots is None) == (parent is None):
                raise document.error(place, "it has neither two time slots nor a parent; expected the one or the other")
            yield _Annotation(found, name, value, slots, parent)


def _slots(document: Document, root: ET.Element, annotations: Iterable[_Annotation]) -> dict[str, float]:
    """Seconds of every time slot; slots without a time are spread between their neighbours."""
    times: dict[str, float | None] = {}
    for slot in root.iterfind("TIME_ORDER/TIME_SLOT"):
        name, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        place = f"time slot {name}"
        times[name] = None if value is None else number(document, place, "TIME_VALUE", value) / 1000.0
    following = {annotation.slots[0]: annotation.slots[1] for annotation in annotations if annotation.slots}
    known = {name: time_s for name, time_s in times.items() if time_s is not None}
    for name in [name for name in following if name in known]:
        chain = [name]
        while (after := following.get(chain[-1])) is not None and after in times and after not in known:
            chain.append(after)
            if len(chain) > len(times):
                break  # a circle
        if after not in known:
            problem = "no slot with a time follows it; expected one, align its annotations in ELAN"
            raise document.error(f"time slot {chain[-1]}", problem)
        start_s, step_s = known[name], (known[after] - known[name]) / len(chain)
        known |= {slot: start_s + count * step_s for count, slot in enumerate(chain[1:], 1)}
    return known


def _spans(document: Document, annotations: dict[str, _Annotation], slots: dict[str, float]) -> dict[str, Span]:
    """Seconds of every annotation, its own or those of what it refers to."""
    spans: dict[str, Span] = {}
    for annotation in annotations.values():
        waiting = [annotation]
        while waiting[-1].id not in spans:
            last = waiting[-1]
            place = f"annotation {last.id} of tier {last.tier}"
            if last.slots is not None:
                if not set(last.slots) <= slots.keys():
                    raise document.error(place, "its time slots have no time; expected times, align it in ELAN")
                spans[last.id] = (slots[last.slots[0]], slots[last.slots[1]])
                break
            parent = annotations.get(last.parent or "")
            if parent is None or len(waiting) > len(annotations):
                raise document.error(place, "it refers to no annotation with a time; expected one, save it with ELAN")
            waiting.append(parent)
        spans |= {child.id: spans[waiting[-1].id] for child in waiting}
    return spans


def _origin_s(document: Document, head: ET.Element | None) -> float:
    """Where in the media the annotations' time begins: the offset of the file that is played, else of the first."""
    media = [] if head is None else head.findall("MEDIA_DESCRIPTOR")
    wanted = document.declaration.clip or document.media_name
    ours = [found for found in media if wanted is not None and same_clip(found.get("MEDIA_URL", ""), wanted)]
    offset = next((found.get("TIME_ORIGIN") for found in (*ours, *media)), None)
    return 0.0 if offset is None else number(document, "MEDIA_DESCRIPTOR", "TIME_ORIGIN", offset) / 1000.0
