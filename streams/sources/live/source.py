"""One or two captors as one live source of a session."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from buffers.links import LinkChange, LinkStatus
from buffers.records import Track
from configs.live_settings import LiveSettings
from streams.clock import Clock
from streams.media import SourceInfo
from streams.sources.live.captor import Captor, ReadsFile
from streams.sources.live.link import SupervisedLink
from streams.sources.sound import BLOCK_S

_CHANGES: Final = 256
"""Changes of state that wait to be asked for: nobody who asks four times a second misses one."""


class CapturedSource:
    """A live source: each captor with the tracks that are taken from it, supervised on its own."""

    def __init__(
        self, captors: Sequence[tuple[Captor, frozenset[Track]]], settings: LiveSettings, *, block_s: float = BLOCK_S
    ) -> None:
        """Prepare; nothing is opened before `begin`."""
        self._captors = tuple(captor for captor, _ in captors)
        self._changes: deque[LinkChange] = deque(maxlen=_CHANGES)
        self._links = tuple(
            SupervisedLink(captor, tracks, settings, block_s=block_s, changed=self._changes.append, name=name)
            for (captor, tracks), name in zip(captors, _names(captors), strict=True)
        )

    @property
    def links(self) -> tuple[SupervisedLink, ...]:
        """One for each captor."""
        return self._links

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are played as if they were live."""
        return tuple(captor.file for captor in self._captors if isinstance(captor, ReadsFile))

    @property
    def info(self) -> SourceInfo:
        """What is known now; before a link was first open, what may come of it."""
        return SourceInfo(
            name=" + ".join(link.name for link in self._links),
            tracks=tuple(info for link in self._links for info in link.infos),
            duration_s=None,
            notices=tuple(notice for link in self._links for notice in link.notices),
        )

    @property
    def digest(self) -> None:
        """A live source has no end to take a digest of."""
        return

    def begin(self, clock: Clock) -> None:
        """Start capturing, on the session's clock."""
        for link in self._links:
            link.begin(clock)

    @property
    def status(self) -> tuple[LinkStatus, ...]:
        """How each link is doing now."""
        return tuple(link.status for link in self._links)

    def changes(self) -> tuple[LinkChange, ...]:
        """The changes of state since this was last asked, oldest first."""
        told = []
        while self._changes:
            told.append(self._changes.popleft())
        return tuple(told)

    def pause(self) -> None:
        """Capture nothing from this instant on."""
        for link in self._links:
            link.pause()

    def resume(self) -> None:
        """Capture again."""
        for link in self._links:
            link.resume()

    def stop(self) -> None:
        """End every link soon."""
        for link in self._links:
            link.stop()


def _names(captors: Sequence[tuple[Captor, frozenset[Track]]]) -> list[str]:
    """What each link is called: by its captor, and where two have one name by what is taken from it."""
    names = [captor.name for captor, _ in captors]
    return [
        name if names.count(name) == 1 else f"{name} ({', '.join(sorted(tracks))})"
        for name, (_, tracks) in zip(names, captors, strict=True)
    ]
