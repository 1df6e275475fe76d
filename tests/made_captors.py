"""Captors that do what a script says, and a reader of a supervised link, with times that only tests move."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from buffers.links import LinkChange, LinkState
from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, Track
from configs.live_settings import LiveSettings
from streams.clock import Clock, VirtualClock, monotonic_s
from streams.media import RawAudio, RawEnd, RawFrame, RawGap, RawItem, TrackInfo
from streams.sources.live.backoff import Backoff
from streams.sources.live.captor import Post
from streams.sources.live.link import SupervisedLink

BOTH = frozenset(Track)
VIDEO = frozenset({Track.VIDEO})

Script = Callable[[Post], None]
"""What one attempt does."""


def infos(tracks: frozenset[Track] = BOTH) -> tuple[TrackInfo, ...]:
    """Tracks as a captor tells of them."""
    return tuple(TrackInfo(track, "made", 0.0, None) for track in sorted(tracks))


def deliver(post: Post, tracks: frozenset[Track] = BOTH, samples: int = AUDIO_RATE_HZ // 25) -> None:
    """One picture and the sound of 40 ms, captured now."""
    if Track.VIDEO in tracks:
        post.frame(Picture.blank(16, 16), captured_s=post.now_s())
    if Track.AUDIO in tracks:
        post.sound(np.zeros(samples, np.float32), captured_s=max(0.0, post.now_s() - samples / AUDIO_RATE_HZ))


def flow(tracks: frozenset[Track] = BOTH, *, opened: frozenset[Track] | None = None) -> Script:
    """Open with `opened` tracks and deliver `tracks` until it is no longer wanted."""

    def script(post: Post) -> None:
        post.opened(infos(tracks if opened is None else opened))
        while post.wanted:
            deliver(post, tracks)
            post.wait(0.005)

    return script


def fail(error: Exception) -> Script:
    """Raise."""

    def script(post: Post) -> None:
        raise error

    return script


class Hung:
    """Attempts that do not look whether they are wanted, until `free` is set."""

    def __init__(self, *, opens: bool) -> None:
        self._opens = opens
        self.free = threading.Event()
        self.inside = threading.Semaphore(0)

    def __call__(self, post: Post) -> None:
        if self._opens:
            post.opened(infos())
            deliver(post)
        self.inside.release()
        self.free.wait(60.0)
        deliver(post)


class ScriptedCaptor:
    """Runs one script for each attempt, the last one again and again."""

    def __init__(
        self, *scripts: Script, tracks: frozenset[Track] = BOTH, name: str = "made", one_clock: bool = True
    ) -> None:
        self.name = name
        self.tracks = infos(tracks)
        self.one_clock = one_clock
        self.attempts = 0
        self.closed = 0
        self._scripts = scripts

    def capture(self, post: Post) -> None:
        self.attempts += 1
        self._scripts[min(self.attempts, len(self._scripts)) - 1](post)

    def close(self) -> None:
        self.closed += 1


class AskedClock(VirtualClock):
    """Virtual time that counts how often each thread asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[int] = Counter()

    def now_s(self) -> float:
        self.asked[threading.get_ident()] += 1
        return super().now_s()


class Run:
    """A link that is read by a thread of its own, as ingest does."""

    def __init__(
        self,
        captor: ScriptedCaptor,
        *,
        settings: LiveSettings | None = None,
        tracks: frozenset[Track] = BOTH,
        clock: Clock | None = None,
    ) -> None:
        self.changes: list[LinkChange] = []
        self.items: list[RawItem] = []
        self.error: Exception | None = None
        self.clock = clock or AskedClock()
        settings = settings or LiveSettings()
        backoff = Backoff(settings.backoff_first_s, settings.backoff_most_s, draw=lambda: 0.0)
        self.link = SupervisedLink(captor, tracks, settings, changed=self.changes.append, backoff=backoff)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self.link.begin(self.clock)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.link.stop()
        self._thread.join(10.0)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        try:
            for item in self.link.items():
                self.items.append(item)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            self.link.close()

    def join(self, within_s: float = 10.0) -> None:
        """Wait for the end of the items."""
        self._thread.join(within_s)
        assert not self._thread.is_alive()

    def until(self, condition: Callable[[], object], within_s: float = 10.0) -> None:
        """Wait for a condition without moving the time of the session."""
        wait_until(condition, within_s)

    def until_state(self, state: LinkState) -> None:
        """Wait until the link is in a state."""
        self.until(lambda: self.link.status.state is state)

    def pass_s(self, seconds: float) -> None:
        """Let media time pass at once."""
        self.clock.sleep_until(self.clock.now_s() + seconds)

    def pass_until(self, condition: Callable[[], object], step_s: float = 0.25, within_s: float = 10.0) -> None:
        """Let media time pass in steps until a condition holds."""

        def later() -> bool:
            if condition():
                return True
            self.pass_s(step_s)
            self._look()
            return False

        wait_until(later, within_s)

    def _look(self) -> None:
        """Wait until the link has looked at the time: on a busy machine it would seem to sleep for seconds."""
        if isinstance(self.clock, AskedClock) and self._thread.ident is not None:
            asked, reader = self.clock.asked, self._thread.ident
            before = asked[reader]
            wait_until(lambda: asked[reader] > before + 2 or not self._thread.is_alive())

    @property
    def states(self) -> list[LinkState]:
        """The states there were."""
        return [change.state for change in self.changes]

    def frames(self) -> list[RawFrame]:
        """The pictures that came."""
        return [item for item in list(self.items) if isinstance(item, RawFrame)]

    def blocks(self) -> list[RawAudio]:
        """The sound that came."""
        return [item for item in list(self.items) if isinstance(item, RawAudio)]

    def gaps(self, track: Track) -> list[RawGap]:
        """The gaps of a track, pieces joined."""
        joined: list[RawGap] = []
        for item in list(self.items):
            if not isinstance(item, RawGap) or item.track is not track:
                continue
            last = joined[-1] if joined else None
            if last is not None and last.reason == item.reason and abs(last.end_s - item.start_s) < 0.01:
                joined[-1] = RawGap(track, last.start_s, item.end_s, item.reason)
            else:
                joined.append(item)
        return joined

    def ends(self) -> list[Track]:
        """The tracks that were said to have ended."""
        return [item.track for item in list(self.items) if isinstance(item, RawEnd)]

    def assert_in_order(self) -> None:
        """Each track is in the order of its times, without overlap of gaps and what is between them."""
        ends_s = dict.fromkeys(Track, 0.0)
        ended: set[Track] = set()
        for item in list(self.items):
            if isinstance(item, RawEnd):
                ended.add(item.track)
                continue
            track, start_s, end_s = _extent(item)
            assert track not in ended
            assert start_s >= ends_s[track] - 1e-6, item
            assert end_s >= start_s
            ends_s[track] = end_s


def _extent(item: RawFrame | RawAudio | RawGap) -> tuple[Track, float, float]:
    if isinstance(item, RawGap):
        return item.track, item.start_s, item.end_s
    if isinstance(item, RawFrame):
        return Track.VIDEO, item.t_s, item.t_s
    return Track.AUDIO, item.t_s, item.t_s + len(item.samples) / AUDIO_RATE_HZ


def wait_until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for a condition, looking every few milliseconds; fails after `within_s` of wall time."""
    pause, deadline_s = threading.Event(), monotonic_s() + within_s
    while not condition():
        assert monotonic_s() < deadline_s, "the condition did not come true in time"
        pause.wait(0.005)


def last_of(items: Sequence[RawItem]) -> float:
    """The latest time in any item."""
    return max((_extent(item)[2] for item in items if not isinstance(item, RawEnd)), default=0.0)
