"""Reads an annotation file of any format, recognised by its name and content or declared, and maps its labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from configs.errors import ConfigError
from configs.taxonomy import NfblClass, taxonomy
from streams.nfbl.annotations import (
    activitynet,
    anvil,
    boris,
    cliplist,
    elan,
    elantab,
    frames,
    journal,
    simple,
    via,
    webvtt,
)
from streams.nfbl.annotations.declaration import Declaration, Format
from streams.nfbl.annotations.document import Document, read_document
from streams.nfbl.annotations.jsontext import parse_json
from streams.nfbl.annotations.markup import refuse_doctype
from streams.nfbl.annotations.rows import MAX_LABEL, Annotations, Row
from streams.nfbl.annotations.table import SEPARATORS, first_line

READERS: Final[Mapping[Format, Callable[[Document], Annotations]]] = MappingProxyType(
    {
        Format.SIMPLE: simple.read,
        Format.FRAMES: frames.read,
        Format.CLIPS: cliplist.read,
        Format.ACTIVITYNET: activitynet.read,
        Format.ELAN: elan.read,
        Format.ELAN_TAB: elantab.read,
        Format.VIA: via.read,
        Format.ANVIL: anvil.read,
        Format.BORIS: boris.read,
        Format.JOURNAL: journal.read,
        Format.WEBVTT: webvtt.read,
    }
)

SUFFIXES: Final[Mapping[str, Format]] = MappingProxyType(
    {".eaf": Format.ELAN, ".anvil": Format.ANVIL, ".vtt": Format.WEBVTT, ".jsonl": Format.JOURNAL}
)

ROOTS: Final[Mapping[str, Format]] = MappingProxyType({elan.ROOT: Format.ELAN, anvil.ROOT: Format.ANVIL})

_ROOT: Final = re.compile(r"<([A-Za-z_][\w.-]{0,60})[\s/>]")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]{1,3}")

_HEAD: Final = 10_000
"""Characters within which an XML file's root begins."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The rows whose label is a class, in the file's order, and the labels that are none with their counts."""

    rows: tuple[tuple[Row, NfblClass], ...]
    unmapped: tuple[tuple[str, int], ...]


def read_annotations(path: Path, declaration: Declaration, *, media_name: str | None = None) -> Annotations:
    """Read an annotation file; `media_name` chooses between several videos in it where no clip is declared.

    Raises:
        ConfigError: the file cannot be read, is of no known format, needs a declaration, or a part of it is not what
            it must be; one line that names the file, the place in it and the remedy.
    """
    document = read_document(path, declaration, media_name=media_name)
    return READERS[declaration.format or recognised(document, path.suffix)](document)


def recognised(document: Document, suffix: str) -> Format:
    """The format of a file by the end of its name, else by what it begins with; ConfigError where it is none."""
    by_name = SUFFIXES.get(suffix.casefold())
    if by_name is not None:
        return by_name
    text = document.text.lstrip()
    if not text:
        raise document.error(1, "the file is empty; expected annotations")
    found: Format | None = None
    if text.startswith("<"):
        refuse_doctype(document)
        root = _ROOT.search(_COMMENT.sub("", text[:_HEAD]))
        found = None if root is None else ROOTS.get(root[1])
    elif text.startswith("{"):
        found = _json_format(text)
    elif webvtt.is_webvtt(document.text):
        found = Format.WEBVTT
    elif via.is_via(text):
        found = Format.VIA
    else:
        found = _table_format(document)
    if found is None:
        known = ", ".join(Format)
        raise document.error(1, f"not recognised as annotations; expected a format of the docs, declare format={known}")
    return found


def mapped(annotations: Annotations) -> Mapped:
    """The class of every row: by exact N-id or C-id, by number where `base` is known, by name or alias; no guess."""
    unmapped: Counter[str] = Counter()
    rows: list[tuple[Row, NfblClass]] = []
    for row in annotations.rows:
        found = _class(row.label, annotations.base)
        if found is None:
            unmapped[row.label] += 1
        else:
            rows.append((row, found))
    return Mapped(tuple(rows), tuple(unmapped.most_common()))


def _class(label: str, base: int | None) -> NfblClass | None:
    if len(label) > MAX_LABEL:
        return None
    if _NUMBER.fullmatch(label):
        return None if base is None else taxonomy().find(f"N{int(label) - base}")
    return taxonomy().find(label)


def _json_format(text: str) -> Format:
    """Lines of records, or one object over the whole file."""
    head = text.partition("\n")[0]
    line = Document("", head, Declaration(), None)
    try:
        return Format.JOURNAL if journal.is_record(parse_json(line, head)) else Format.ACTIVITYNET
    except ConfigError:
        return Format.ACTIVITYNET


def _table_format(document: Document) -> Format | None:
    head = first_line(document.text)
    if cliplist.is_clip(head):
        return Format.CLIPS
    cells = [cell.strip(' "') for cell in re.split(f"[{max(SEPARATORS, key=head.count)}]", head)]
    if frames.is_frames(cells):
        return Format.FRAMES
    if elantab.is_elan_tab(cells):
        return Format.ELAN_TAB
    if boris.is_boris(cells):
        return Format.BORIS
    return Format.SIMPLE if {"start_s", "end_s", "class"} & {cell.casefold() for cell in cells} else None
