"""WebVTT: the text of a cue is its label (W3C, WebVTT: The Web Video Text Tracks Format)."""

from __future__ import annotations

import html
import re
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows

SIGNATURE: Final = "WEBVTT"

_TIME: Final = r"(?:([0-9]{1,4}):)?([0-5][0-9]):([0-5][0-9]\.[0-9]{3})"
_TIMES: Final = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
_TAG: Final = re.compile(r"<[^<>]*>")
_PASSED_OVER: Final = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")


def is_webvtt(text: str) -> bool:
    """Whether a file begins as one of this format."""
    return re.match(rf"{SIGNATURE}(\s|$)", text) is not None


def read(document: Document) -> Annotations:
    """Read the cues; the lines of a cue are one label, tags in it are dropped, notes and styles are passed over.

    Raises:
        ConfigError: it does not begin with WEBVTT, or a cue has no times.
    """
    if not is_webvtt(document.text):
        raise document.error(1, "it does not begin with WEBVTT; expected a WebVTT file")
    rows = Rows(document)
    for first, lines in _blocks(document.text):
        if first == 1 or _PASSED_OVER.match(lines[0]):
            continue
        # A cue may have an identifier of one line before its times.
        at = 0 if "-->" in lines[0] else 1
        times = _TIMES.fullmatch(lines[at]) if at < len(lines) else None
        if times is None:
            problem = f"{printable(lines[0], 60)!r} begins no cue; expected 00:01.000 --> 00:02.500 and a label"
            raise document.error(first, problem)
        label = html.unescape(_TAG.sub("", " ".join(lines[at + 1 :])))
        rows.add(first + at, _seconds(*times.group(1, 2, 3)), _seconds(*times.group(4, 5, 6)), label)
    return Annotations(Format.WEBVTT, rows.all(), document.declaration.base)


def _blocks(text: str) -> list[tuple[int, list[str]]]:
    """Runs of lines that are not blank, each with the number of its first line."""
    blocks: list[tuple[int, list[str]]] = []
    open_ = False
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if line.strip() and not open_:
            blocks.append((number, []))
        open_ = bool(line.strip())
        if open_:
            blocks[-1][1].append(line)
    return blocks


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
