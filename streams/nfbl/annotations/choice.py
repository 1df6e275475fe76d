"""Which of several videos, or tiers, of one file is meant: the declared one or the media's own, never a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.document import Document

_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{2,4}$")

_LISTED: Final = 10
"""Names that a message lists before it says how many more there are."""


def choose_clip(document: Document, clips: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    """The clip of the file whose rows are wanted, and what the user should know about it; None where there is none.

    Raises:
        ConfigError: a declared clip is not in the file, or there are several and the media's name is none of them.
    """
    known = list(dict.fromkeys(clips))
    declared, media = document.declaration.clip, document.media_name
    wanted = declared if declared is not None else media
    matching = [clip for clip in known if wanted is not None and same_clip(clip, wanted)]
    if len(matching) == 1:
        return matching[0], ()
    if declared is not None:
        problem = "is in it under several names" if matching else "is not in it"
        raise document.error(None, f"clip {printable(declared)!r} {problem}; declare one of {listed(known)}")
    if len(known) > 1:
        raise document.error(None, f"it has several videos; declare clip= one of {listed(known)}")
    if known and media is not None:
        notice = f"{document.name}: made for {printable(known[0])!r}, used for {printable(media)!r}"
        return known[0], (notice,)
    return (known[0] if known else None), ()


def same_clip(one: str, other: str) -> bool:
    """Whether two names mean the same clip: folders, case and an ending such as .mp4 do not matter."""
    return bool(_names(one) & _names(other))


def choose_tier(document: Document, tiers: Iterable[str], what: str = "tier") -> str | None:
    """The declared tier, None for all of them; ConfigError where the file has no such tier."""
    known = list(dict.fromkeys(tiers))
    tier = document.declaration.tier
    if tier is not None and tier not in known:
        raise document.error(None, f"{what} {printable(tier)!r} is not in it; declare tier= one of {listed(known)}")
    return tier


def listed(names: Iterable[str]) -> str:
    """Names as a message may list them."""
    found = list(names)
    shown = ", ".join(printable(name, 60) for name in found[:_LISTED]) or "none"
    return f"{shown} and {len(found) - _LISTED} more" if len(found) > _LISTED else shown


def _names(clip: str) -> set[str]:
    base = re.split(r"[/\\]", clip.strip())[-1].casefold()
    return {base, _SUFFIX.sub("", base)} - {""}
