"""Annotations for ELAN (EAF 3.0, Max Planck Institute for Psycholinguistics): the tiers as its XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from configs.taxonomy import taxonomy
from monitor.export.tiers import Tier, Vocabulary
from monitor.judges.base import Label
from monitor.session_view import SessionView
from monitor.snapshot import EstimateLabel

_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

_LANGUAGE: Final = {
    "LANG_DEF": "http://cdb.iso.org/lg/CDB-00138502-001",
    "LANG_ID": "eng",
    "LANG_LABEL": "English (eng)",
}
"""English, as ELAN itself names it."""

_ATTACHED: Final = "of a verdict"
_ASSOCIATION: Final = "Symbolic_Association"

_MIME: Final = {
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mka": "audio/x-matroska",
    ".wav": "audio/x-wav",
}

_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, escaped or not."""

_Entries: TypeAlias = Mapping[str, tuple[str, str]]
"""A vocabulary: for each key what an annotation says, and what that means."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The media file that the annotations belong to, named from the folder of the annotation file, never above it."""

    path: str

    @property
    def url(self) -> str:
        """As ELAN writes it."""
        return quote(f"./{self.path}")

    @property
    def mime(self) -> str:
        """Its kind."""
        return next((kind for suffix, kind in _MIME.items() if self.path.lower().endswith(suffix)), "unknown")


def eaf(view: SessionView, found: Sequence[Tier], *, media: Linked | None, date: str) -> Iterator[bytes]:
    """The file, part by part; `date` is when it is made (ISO 8601)."""
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "emotion-monitor",
            "DATE": date,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    entries = _vocabularies(found)
    _header(root, view, media, last=sum(_annotations(tier) for tier in found))
    _body(root, found, entries)
    _types(root, entries)
    ET.indent(root, " ")
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n'
    yield ET.tostring(root, encoding="utf-8")
    yield b"\n"


def _header(root: ET.Element, view: SessionView, media: Linked | None, *, last: int) -> None:
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if media is not None:
        named = {"MEDIA_URL": media.url, "MIME_TYPE": media.mime, "RELATIVE_MEDIA_URL": media.url}
        ET.SubElement(header, "MEDIA_DESCRIPTOR", named)
    judge = view.head.judge
    for name, value in (
        ("URN", f"urn:nl-mpi-tools-elan-eaf:{uuid5(NAMESPACE_URL, f'emotion-monitor:{view.session}')}"),
        ("lastUsedAnnotationId", str(last)),
        ("emotion-monitor session", view.session),
        ("emotion-monitor version", view.head.version),
        ("emotion-monitor judge", judge.name),
        ("emotion-monitor heuristic", str(judge.heuristic).lower()),
        ("emotion-monitor calibrated", str(judge.calibrated).lower()),
    ):
        ET.SubElement(header, "PROPERTY", {"NAME": name}).text = _text(value)


def _body(root: ET.Element, found: Sequence[Tier], entries: Mapping[Vocabulary, _Entries]) -> None:
    """Time slots in order of time, each the one end of one annotation; then the tiers."""
    ends = [
        (time_ms, tier_at, at, end)
        for tier_at, tier in enumerate(found)
        for at, note in enumerate(tier.notes)
        for end, time_ms in enumerate((note.span.start_ms, note.span.end_ms))
    ]
    ends.sort()
    order = ET.SubElement(root, "TIME_ORDER")
    slots: dict[tuple[int, int, int], str] = {}
    for number, (time_ms, *place) in enumerate(ends, 1):
        tier_at, at, end = place
        slots[tier_at, at, end] = name = f"ts{number}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": name, "TIME_VALUE": str(time_ms)})
    ids = iter(range(1, 1 << 62))
    for tier_at, tier in enumerate(found):
        made = _tier(root, tier.name, tier.vocabulary)
        parents: list[str] = []
        for at, note in enumerate(tier.notes):
            own = {"ANNOTATION_ID": f"a{next(ids)}"}
            own |= {"TIME_SLOT_REF1": slots[tier_at, at, 0], "TIME_SLOT_REF2": slots[tier_at, at, 1]}
            if entries.get(tier.vocabulary, {}).get(note.key, ("", ""))[0] == _text(note.value) != "":
                own["CVE_REF"] = note.key
            _annotation(made, "ALIGNABLE_ANNOTATION", own, note.value)
            parents.append(own["ANNOTATION_ID"])
        for name, texts in tier.more:
            child = _tier(root, name, _ATTACHED, parent=tier.name)
            for parent, text in zip(parents, texts, strict=True):
                if text:
                    own = {"ANNOTATION_ID": f"a{next(ids)}", "ANNOTATION_REF": parent}
                    _annotation(child, "REF_ANNOTATION", own, text)


def _tier(root: ET.Element, name: str, type_: str, parent: str | None = None) -> ET.Element:
    own = {"ANNOTATOR": "emotion-monitor", "LINGUISTIC_TYPE_REF": type_, "TIER_ID": name}
    return ET.SubElement(root, "TIER", own if parent is None else {**own, "PARENT_REF": parent})


def _annotation(tier: ET.Element, kind: str, own: dict[str, str], value: str) -> None:
    outer = ET.SubElement(tier, "ANNOTATION")
    ET.SubElement(ET.SubElement(outer, kind, own), "ANNOTATION_VALUE").text = _text(value)


def _annotations(tier: Tier) -> int:
    return len(tier.notes) + sum(1 for _, texts in tier.more for text in texts if text)


def _vocabularies(found: Sequence[Tier]) -> dict[Vocabulary, _Entries]:
    """What tiers may say; the classes are those of the taxonomy, by the names that the journal gives them."""
    told = {note.key: note.value for tier in found if tier.vocabulary is Vocabulary.NFBL for note in tier.notes}
    known = {one.id: (one.name, f"{one.id}, {one.group}") for one in taxonomy().classes}
    classes = known | {key: (name, known.get(key, ("", key))[1]) for key, name in told.items()}
    return {
        Vocabulary.VERDICT: {label.value: (label.value, "") for label in Label},
        Vocabulary.ESTIMATE: {label.value: (label.value, "") for label in EstimateLabel},
        Vocabulary.NFBL: {key: (_text(name), meaning) for key, (name, meaning) in classes.items()},
    }


def _types(root: ET.Element, entries: Mapping[Vocabulary, _Entries]) -> None:
    for vocabulary in Vocabulary:
        own = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": vocabulary.value, "TIME_ALIGNABLE": "true"}
        named = {"CONTROLLED_VOCABULARY_REF": vocabulary.value} if vocabulary in entries else {}
        ET.SubElement(root, "LINGUISTIC_TYPE", {**named, **own})
    attached = {"CONSTRAINTS": _ASSOCIATION, "GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _ATTACHED}
    ET.SubElement(root, "LINGUISTIC_TYPE", {**attached, "TIME_ALIGNABLE": "false"})
    ET.SubElement(root, "LANGUAGE", _LANGUAGE)
    meaning = "1-1 association with a parent annotation"
    ET.SubElement(root, "CONSTRAINT", {"DESCRIPTION": meaning, "STEREOTYPE": _ASSOCIATION})
    language = {"LANG_REF": _LANGUAGE["LANG_ID"]}
    for vocabulary, own_entries in entries.items():
        made = ET.SubElement(root, "CONTROLLED_VOCABULARY", {"CV_ID": vocabulary.value})
        ET.SubElement(made, "DESCRIPTION", language)
        for key, (value, told) in own_entries.items():
            entry = ET.SubElement(made, "CV_ENTRY_ML", {"CVE_ID": key})
            ET.SubElement(entry, "CVE_VALUE", {"DESCRIPTION": _text(told), **language}).text = value


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
