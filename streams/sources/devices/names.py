"""Finds what a person means by part of a device's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_WAYS: Final[tuple[Callable[[str, str], bool], ...]] = (
    lambda name, wanted: name == wanted,
    lambda name, wanted: name.casefold() == wanted.casefold(),
    lambda name, wanted: name.casefold().startswith(wanted.casefold()),
    lambda name, wanted: wanted.casefold() in name.casefold(),
)
"""From the strictest: a device whose whole name is part of another's can still be meant."""


def matching(wanted: str, names: Sequence[str], *, whole: bool = False) -> list[int]:
    """Places in `names` of what `wanted` means: the whole name, else its beginning, else any part, in any case.

    With `whole` it is the name itself: who was chosen once must not be followed by another of a similar name.
    """
    if not wanted:
        return []
    for way in _WAYS[:1] if whole else _WAYS:
        places = [place for place, name in enumerate(names) if way(name, wanted)]
        if places:
            return places
    return []


def listed(names: Sequence[str]) -> str:
    """Names for one line of text."""
    return "; ".join(names)
