"""The mailbox of one attempt: what a captor delivers waits here, bounded, until the link takes it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import Track
from configs.errors import MonitorError
from streams.channel import Channel, ChannelClosed, Policy
from streams.clock import Clock
from streams.media import InMemoryOnly, TrackInfo

_ITEMS: Final = 128
"""Arrivals that wait: about a second of pictures and sound. The link only sorts them, so they do not wait long."""

_AGE_S: Final = 3.0
"""Oldest arrival that waits: beyond this the machine is too slow by far, and what is newer counts."""

_NEWS: Final = 8
"""Words of a captor that wait."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shown(InMemoryOnly):
    """A picture arrived."""

    track = Track.VIDEO
    arrived_s: float
    picture: Picture
    pts_s: float | None
    captured_s: float | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Heard(InMemoryOnly):
    """Sound arrived, float32[n] mono at `AUDIO_RATE_HZ`; before it some was lost for the reason `lost`, if any."""

    track = Track.AUDIO
    arrived_s: float
    samples: NDArray[np.float32]
    pts_s: float | None
    captured_s: float | None
    lost: str | None


Arrival = Shown | Heard


@dataclass(frozen=True, slots=True)
class Opened:
    """The captor says that it is open."""

    t_s: float
    tracks: tuple[TrackInfo, ...]
    notices: tuple[str, ...]
    kept_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The captor says that nobody is there yet."""

    t_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: `reason` is for the screen. `ended`: for good; `error`: what it was refused with."""

    reason: str
    ended: bool = False
    error: MonitorError | None = None


class Mailbox:
    """The `Post` of one attempt, and the link's side of it."""

    def __init__(self, clock: Clock) -> None:
        """Open; arrivals are stamped with `clock`."""
        self._clock = clock
        self._arrivals: Channel[Arrival] = Channel(
            "arrivals", max_items=_ITEMS, policy=Policy.DROP_OLDEST, max_age_s=_AGE_S
        )
        self._stamping = threading.Lock()
        self._over = threading.Event()
        self._news: deque[Opened | Waiting] = deque(maxlen=_NEWS)
        self._lost: str | None = None
        self.outcome: Outcome | None = None

    @property
    def wanted(self) -> bool:
        """See `Post.wanted`."""
        return not self._over.is_set()

    def wait(self, timeout_s: float) -> bool:
        """See `Post.wait`."""
        return self._over.wait(timeout_s)

    def now_s(self) -> float:
        """See `Post.now_s`."""
        return self._clock.now_s()

    def waiting(self, reason: str) -> None:
        """See `Post.waiting`."""
        self._news.append(Waiting(self.now_s(), reason))

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:
        """See `Post.opened`."""
        self._news.append(Opened(self.now_s(), tuple(tracks), notices, kept_s))

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        """See `Post.frame`."""
        with self._stamping:
            self._put(Shown(self.now_s(), picture, pts_s, captured_s))

    def sound(
        self, samples: NDArray[np.float32], *, pts_s: float | None = None, captured_s: float | None = None
    ) -> None:
        """See `Post.sound`."""
        with self._stamping:
            lost, self._lost = self._lost, None
            self._put(Heard(self.now_s(), samples, pts_s, captured_s, lost))

    def overflow(self, reason: str) -> None:
        """See `Post.overflow`."""
        with self._stamping:
            self._lost = reason

    def _put(self, arrival: Arrival) -> None:
        if self._over.is_set():
            return
        try:
            self._arrivals.put(arrival.arrived_s, arrival)
        except ChannelClosed:
            self._over.set()

    def take(self, timeout_s: float) -> Arrival | None:
        """The oldest arrival, None where none comes within `timeout_s`; `ChannelClosed` once nothing more comes."""
        try:
            return self._arrivals.get(timeout_s)
        except TimeoutError:
            return None

    def news(self) -> list[Opened | Waiting]:
        """What the captor said since this was last asked."""
        told = []
        while self._news:
            told.append(self._news.popleft())
        return told

    @property
    def dropped(self) -> int:
        """Arrivals that waited too long."""
        return self._arrivals.counts.dropped

    def finish(self, outcome: Outcome | None = None) -> None:
        """Nothing more comes, or may come: what has arrived can still be taken."""
        if self.outcome is None:
            self.outcome = outcome
        self._over.set()
        self._arrivals.close()

    def shut(self) -> None:
        """Nothing more gets in or out, from this very call."""
        self._over.set()
        self._arrivals.abort()
