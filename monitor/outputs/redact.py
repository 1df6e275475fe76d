"""Takes out of free text what may not leave the operator's terminal: paths, addresses, hosts, names, secrets. Pure.

Notices and reasons are written for whoever sits at the terminal, and quote what it is about. Elsewhere what they quote
is none of anybody's business. Better one word too many is taken out than one too few.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import PurePath
from typing import Final

_FILES: Final = (
    "3gp aac avi bin ckpt conf crt csv eaf flac gguf gif h5 html ini jpeg jpg json jsonl key log m4a m4v mjpeg mkv mov "
    "mp3 mp4 mpeg mpg npy npz ogg onnx opus parquet pdf pem png pt pth py safetensors sock sqlite srt svg task tflite "
    "toml tsv txt vtt wav webm webp xlsx xml yaml yml zip"
).replace(" ", "|")

_TOP: Final = "local|localdomain|lan|home|internal|intranet|corp|arpa|com|net|org|io|dev|app|edu|gov|eu|de|fr|uk|ch|at"

# Every rule that begins with a run of signs begins where that run does: tried from each sign of it, a long one takes
# the square of its length.
_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"(?<![a-z0-9+.-])[a-z0-9+.-]+://[^\s'\"<>]*[^\s'\"<>.,;:)]", "(address)"),
        (r"\b(token|key|password|secret|bearer|authorization)(\s*[=:]\s*|\s+(?=\S*\d))[^\s,;]+", r"\1 (secret)"),
        (r"(['\"])[^'\"/\\]*[/\\][^'\"]*\1", "(path)"),
        (rf"(['\"])[^'\"]*\.(?:{_FILES})\1", "(file)"),
        (r"(?<!\w)[a-z]:\\[^\s,;'\"]*|\\\\[^\s,;'\"]+", "(path)"),
        (r"(?<![\w)])~?/[^\s,;:'\"()]{2,}", "(path)"),
        (r"(?<![\w.~-])(?!and/or\b|\d+/\d+\b)[\w.~-]{2,}(?:/[\w.@+~-]{2,})+", "(path)"),
        (rf"(?<![\w.~-])[\w.~-]*\w\.(?:{_FILES})\b", "(file)"),
        (r"(?<![^\s@'\"])[^\s@'\"]+@[\w.-]+\w", "(address)"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "(address)"),
        (r"(?<![\w-])(?<![\w-]\.)(?=(?:(?![a-z])[\w-]|\.(?=[\w-]))*[a-z])[\w-]+(?:\.[\w-]+)*:\d{2,5}\b", "(address)"),
        (rf"(?<![\w-])(?<![\w-]\.)(?:[\w-]+\.)+(?:{_TOP})\b", "(address)"),
        (r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{24,}\b", "(secret)"),
    )
)

_COLONS: Final = re.compile(
    r"\[?(?<![0-9a-f:.])([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*[0-9a-f:])\]?(?::\d+\b)?", re.IGNORECASE
)

_SHORTEST: Final = 3
"""Characters of a name that is taken out wherever it stands; shorter ones are parts of words."""


def redacted(text: str, names: Collection[str] = (), *, most: int = 500) -> str:
    """The text on one line of at most `most` characters, without `names`, paths, addresses and secrets.

    `names` are what this session calls its files, devices and addresses; the last part of a path is one of them.
    """
    return _redacted(_beginning(text, 2 * most), tuple(names), most)


def _beginning(text: str, most: int) -> str:
    """The first `most` characters without a word that is cut in two: half a secret does not look like one."""
    if len(text) <= most:
        return text
    begun = text[:most]
    return begun if text[most].isspace() else (begun.rsplit(None, 1)[:-1] or [begun])[0]


@lru_cache(maxsize=512)  # what is shown is said again and again: notices and reasons, twice a second
def _redacted(text: str, names: tuple[str, ...], most: int) -> str:
    text = " ".join(text.split())
    if (known := _known(names)) is not None:
        text = known.sub("(name)", text)
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    text = " ".join(_COLONS.sub(_address, text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


@lru_cache(maxsize=64)
def _known(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """These names wherever they stand, the longest first; None where there is none."""
    parts = {part for name in names for part in (name, PurePath(name).name, name.partition(":")[2].strip())}
    parts = {" ".join(part.split()) for part in parts}
    words = [re.escape(part) for part in sorted(parts, key=len, reverse=True) if len(part) >= _SHORTEST]
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None


def model_name(text: str) -> str:
    """A model as it may be named: the last part of its folder or repository, without what else could be a path."""
    return redacted(re.split(r"[/\\]", text.rstrip("/\\"))[-1], most=80)


def _address(found: re.Match[str]) -> str:
    """An IPv6 address is taken out, a time of day is not."""
    try:
        ipaddress.IPv6Address(found[1])
    except ValueError:
        return found[0]
    return "(address)"
