"""Who else says what this installation is: an earlier run that left traces, or another program of its name. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from configs.output_settings import SLUG

_MOST_BYTES: Final = 64 * 1024
"""Longest message that is read; ours are of a few hundred bytes a stream."""

_MOST_STREAMS: Final = 64
_MOST_RIVALS: Final = 8
"""More are no honest ones: anybody who may publish there can make them up."""


@dataclass(frozen=True, slots=True)
class Other:
    """What it said of itself; `over` where it also said that it had ended. `streams` are slugs."""

    instance: str
    over: bool
    streams: tuple[str, ...]


def read_info(payload: bytes) -> Other | None:
    """Who says so; None where nothing can be made of it."""
    if len(payload) > _MOST_BYTES:
        return None
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("instance"), str):
        return None
    streams = said.get("streams")
    listed = streams[:_MOST_STREAMS] if isinstance(streams, list) else []
    return Other(said["instance"], said.get("stopped_reason") is not None, tuple(filter(None, map(_slug, listed))))


class Others:
    """Those that were heard of; `instance` is our own."""

    def __init__(self, instance: str, streams: Collection[str]) -> None:
        """Nobody yet; `streams` are our own."""
        self._instance = instance
        self._streams = frozenset(streams)
        self._rivals: set[str] = set()
        self._left: set[str] = set()

    @property
    def rivals(self) -> bool:
        """Whether another program runs under our name."""
        return bool(self._rivals)

    @property
    def left(self) -> list[str]:
        """Streams that an earlier run left behind as if they were there. None while another program may have them."""
        return [] if self._rivals else sorted(self._left)

    def heard(self, other: Other, *, retained: bool) -> bool:
        """Take what was said; whether we must say anew who we are."""
        if other.instance == self._instance:
            return False
        if retained:
            # What is retained is of an earlier run; where that ended in order, it said so of its streams too.
            if not other.over:
                self._left.update(set(other.streams) - self._streams)
            return False
        if other.over:
            self._rivals.discard(other.instance)
            return True
        if other.instance in self._rivals or len(self._rivals) >= _MOST_RIVALS:
            return False
        self._rivals.add(other.instance)
        return True

    def tidied(self) -> None:
        """What was left behind was told to be gone."""
        self._left.clear()


def _slug(listed: Any) -> str | None:  # noqa: ANN401 - from JSON
    name = listed.get("name") if isinstance(listed, dict) else None
    return name if isinstance(name, str) and re.fullmatch(SLUG, name) else None
