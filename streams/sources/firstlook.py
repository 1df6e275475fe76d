"""Opens a source for a few seconds and says what came of it. Nothing that was captured is kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from buffers.links import LinkState
from buffers.records import Track
from configs.errors import MonitorError
from configs.settings import Settings
from streams.clock import LiveClock
from streams.media import RawFrame, RawGap, RawItem
from streams.sources.base import Link, LiveSource, Source
from streams.sources.open import open_source

_ENOUGH: Final = 20
"""Items of each track after which enough is known: two thirds of a second of video, for a rate."""

_LEAVE_S: Final = 1.5
"""How long links are waited for once they were told to stop (s)."""


@dataclass(slots=True)
class SeenTrack:
    """One track as it came. `first_s` is the wall time until its first item (s), times are media times.

    `size_px` is width and height of the pictures, (0, 0) for sound.
    """

    track: Track
    codec: str = "unknown"
    promised_hz: float | None = None
    size_px: tuple[int, int] = (0, 0)
    items: int = 0
    first_s: float | None = None
    from_s: float = 0.0
    to_s: float = 0.0

    @property
    def rate_hz(self) -> float | None:
        """Items a second as they came, None where too few did."""
        return (self.items - 1) / (self.to_s - self.from_s) if self.items > 2 and self.to_s > self.from_s else None


@dataclass(slots=True)
class FirstLook:
    """What came within the time: the tracks, changes of state with a reason, and what the user should know.

    `waiting` says for whom, where all is well and nobody is there yet.
    """

    name: str
    tracks: dict[Track, SeenTrack] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    waiting: str = ""
    notices: tuple[str, ...] = ()

    @property
    def satisfied(self) -> bool:
        """Whether every track that is promised came for long enough."""
        return bool(self.tracks) and all(each.items >= _ENOUGH for each in self.tracks.values())


def first_look(uri: str, settings: Settings, *, for_s: float = 8.0) -> FirstLook:
    """Open the source and read until enough of every track came, it ended, or `for_s` seconds passed (wall time).

    Raises:
        ConfigError: the address cannot be meant.
        SourceUnreadable: there is nothing to play.
    """
    source = open_source(uri, settings)
    reading = _Reading(FirstLook(source.info.name))
    live = source if isinstance(source, LiveSource) else None
    if live is not None:
        live.begin(reading.clock)
    threads = [
        threading.Thread(target=reading.read, args=(link,), name="first-look", daemon=True) for link in source.links
    ]
    for thread in threads:
        thread.start()
    with reading.changed:
        while reading.clock.now_s() < for_s and any(thread.is_alive() for thread in threads):
            _learn(reading.look, source)
            if reading.look.satisfied:
                break
            reading.changed.wait(0.1)
        # What comes of being stopped is no trouble of the source's.
        _learn(reading.look, source)
    reading.over.set()
    if live is not None:
        live.stop()
    for thread in threads:
        thread.join(_LEAVE_S)
    reading.look.notices = source.info.notices
    return reading.look


class _Reading:
    """What the threads that read share."""

    def __init__(self, look: FirstLook) -> None:
        self.look = look
        self.clock = LiveClock()
        self.changed = threading.Condition()
        self.over = threading.Event()

    def read(self, link: Link) -> None:
        """Read a link until it ends or everything is over."""
        try:
            for item in link.items():
                with self.changed:
                    _note(self.look, item, self.clock.now_s())
                    self.changed.notify_all()
                if self.over.is_set():
                    break
        except MonitorError as error:
            with self.changed:
                self.look.troubles.append(str(error))
        finally:
            link.close()


def _learn(look: FirstLook, source: Source) -> None:
    """What the source promises by now, and what it went through."""
    promised = {info.track for info in source.info.tracks}
    for track in [track for track, seen in look.tracks.items() if track not in promised and seen.first_s is None]:
        del look.tracks[track]
    for info in source.info.tracks:
        seen = look.tracks.setdefault(info.track, SeenTrack(info.track))
        seen.codec, seen.promised_hz = info.codec, info.rate_hz
        if seen.size_px == (0, 0) and info.width_px and info.height_px:
            seen.size_px = (info.width_px, info.height_px)
    if isinstance(source, LiveSource):
        for change in source.changes():
            look.waiting = change.reason if change.state is LinkState.CONNECTING else ""
            if change.reason and not look.waiting:
                look.troubles.append(f"{change.state}: {change.reason}")


def _note(look: FirstLook, item: RawItem, now_s: float) -> None:
    if isinstance(item, RawGap) or not hasattr(item, "t_s"):
        return
    track = Track.VIDEO if isinstance(item, RawFrame) else Track.AUDIO
    seen = look.tracks.setdefault(track, SeenTrack(track))
    if seen.first_s is None:
        seen.first_s, seen.from_s = now_s, item.t_s
    if isinstance(item, RawFrame):
        seen.size_px = (item.picture.width_px, item.picture.height_px)
    seen.items += 1
    seen.to_s = item.t_s
