"""What a user declares about an annotation file because the file does not say it itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, Self

from configs.errors import ConfigError
from configs.yamlfile import printable

MAX_FPS: Final = 1000.0
"""No camera of an interview is faster."""

KEYS: Final = ("format", "fps", "base", "tier", "clip")

_ITEM: Final = re.compile(r'\s*([a-z]+)\s*=\s*(?:"([^"]*)"|([^",]*))\s*(?:,|$)')
_RATE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}|/[0-9]{1,9})?")


class Format(StrEnum):
    """Annotation formats by the name under which they are declared."""

    SIMPLE = "csv"
    """Our own table: start_s, end_s, class."""
    FRAMES = "frames"
    """iMiGUE, MiGA and SMG: class number, first and last frame."""
    CLIPS = "clips"
    """A list of clip names `video_start_end_class.mp4 class`."""
    ACTIVITYNET = "activitynet"
    """JSON with a `database` of videos."""
    ELAN = "elan"
    """ELAN's .eaf."""
    ELAN_TAB = "elan-tab"
    """ELAN's tab-delimited export."""
    VIA = "via"
    """The CSV of the VGG annotator, version 3."""
    ANVIL = "anvil"
    """Anvil's .anvil."""
    BORIS = "boris"
    """The aggregated events of BORIS."""
    JOURNAL = "journal"
    """Our own journal, or its `nfbl` records alone."""
    WEBVTT = "webvtt"
    """WebVTT, the text of a cue being its label."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared: the format, frames per second, the number of the first class, a tier and a clip by name."""

    format: Format | None = None
    fps: float | None = None
    base: int | None = None
    tier: str | None = None
    clip: str | None = None

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read `format=frames,fps=25,base=1`; a value with a comma stands in double quotes.

        Raises:
            ConfigError: a part is no `key=value`, a key is unknown or given twice, or a value is not what it must be.
        """
        given: dict[str, str] = {}
        rest = (text or "").strip()
        while rest:
            item = _ITEM.match(rest)
            if item is None:
                raise _wrong(f"{printable(rest, 60)!r} is no key=value", 'write it as fps=25,base=1,tier="left, hand"')
            key, value = item[1], (item[2] if item[2] is not None else item[3]).strip()
            if key not in KEYS:
                raise _wrong(f"{printable(key, 40)!r} is no key", f"use {', '.join(KEYS)}")
            if key in given:
                raise _wrong(f"{key} is given twice", "keep one")
            if not value:
                raise _wrong(f"{key} has no value", "give one or leave it out")
            given[key] = value
            rest = rest[item.end() :].strip()
        return cls(
            format=_format(given["format"]) if "format" in given else None,
            fps=_fps(given["fps"]) if "fps" in given else None,
            base=_base(given["base"]) if "base" in given else None,
            tier=given.get("tier"),
            clip=given.get("clip"),
        )


def _format(value: str) -> Format:
    try:
        return Format(value)
    except ValueError:
        known = ", ".join(Format)
        raise _wrong(f"format {printable(value, 40)!r} is not known", f"use one of {known}") from None


def _fps(value: str) -> float:
    fps = math.nan
    if _RATE.fullmatch(value) and not re.search(r"/0+$", value):
        fps = float(Fraction(value))
    if not 0 < fps <= MAX_FPS:
        raise _wrong(f"fps is {printable(value, 40)!r}", "give frames per second such as 25 or 30000/1001")
    return fps


def _base(value: str) -> int:
    if value not in {"0", "1"}:
        raise _wrong(f"base is {printable(value, 40)!r}", "give 0 or 1, the number of the first class (turtle neck)")
    return int(value)


def _wrong(problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"nfbl.annotations: {problem}; {remedy}")
