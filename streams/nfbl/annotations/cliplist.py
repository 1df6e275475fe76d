"""A list of clips cut from videos: `video_start_end_class.mp4 class`, seconds, classes from 0.

So the split files of iMiGUE that EALD's first author published name their 18,419 clips.
"""

from __future__ import annotations

import re
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.choice import choose_clip
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows, number

_CLIP: Final = re.compile(
    r"(?:.*[/\\])?(?P<video>[^/\\]+)_(?P<start>[0-9]+(?:\.[0-9]+)?)_(?P<end>[0-9]+(?:\.[0-9]+)?)_(?P<label>[0-9]{1,3})"
    r"(?:\.[A-Za-z][A-Za-z0-9]{1,3})?(?:[\s,;]+(?P<again>[0-9]{1,3}))?\s*"
)

MAX_LINE: Final = 2000
"""Characters of a line; longer ones are no path."""


def is_clip(line: str) -> bool:
    """Whether a line names a clip."""
    return len(line) <= MAX_LINE and _CLIP.fullmatch(line) is not None


def read(document: Document) -> Annotations:
    """Read the list; a class after the name must be the one in the name.

    Raises:
        ConfigError: a line names no clip, or the list has several videos and none was chosen.
    """
    found: list[tuple[int, re.Match[str]]] = []
    for place, line in enumerate(document.text.splitlines(), 1):
        if not line.strip():
            continue
        match = _CLIP.fullmatch(line) if len(line) <= MAX_LINE else None
        if match is None:
            problem = f"{printable(line, 60)!r} names no clip; expected video_start_end_class.mp4 class"
            raise document.error(place, problem)
        if match["again"] is not None and int(match["again"]) != int(match["label"]):
            problem = f"class {match['label']} in the name is {match['again']} after it; expected one class"
            raise document.error(place, problem)
        found.append((place, match))
    chosen, notices = choose_clip(document, (match["video"] for _, match in found))
    rows = Rows(document)
    for place, match in found:
        if match["video"] == chosen:
            start_s = number(document, place, "start", match["start"])
            rows.add(place, start_s, number(document, place, "end", match["end"]), match["label"])
    base = document.declaration.base
    return Annotations(Format.CLIPS, rows.all(), 0 if base is None else base, notices)
