"""Puts the de-identified items of several tracks into one order of media time, and knows the watermark.

Pure: it knows no thread and no clock. The order it gives depends only on the items, never on which worker was
faster, which is what makes a replay at max speed repeatable to the byte.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from typing import Generic, TypeVar

from buffers.records import Track

T = TypeVar("T")

_RANK = {Track.VIDEO: 0, Track.AUDIO: 1}
"""Which track goes first at equal times: any fixed choice will do."""


_ROUNDING_S = 1e-6
"""How far the start of a block may lie before the computed end of the block before it."""


class Merger(Generic[T]):
    """Merges tracks by time. Each track must be fed in its own order of time."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        """Expect these tracks; with none, the watermark is at infinity."""
        self._progress_s = dict.fromkeys(tracks, -math.inf)
        self._heap: list[tuple[float, int, int, T]] = []
        self._count = 0

    def put(self, track: Track, t_s: float, item: T) -> None:
        """Add an item of a track at media time `t_s`; ValueError where the track said it was past that."""
        progress_s = self._progress_s[track]
        if t_s < progress_s - _ROUNDING_S:
            raise ValueError(f"{track} has passed {progress_s} s, nothing may come at {t_s} s")
        t_s = max(t_s, progress_s)
        heapq.heappush(self._heap, (t_s, _RANK[track], self._count, item))
        self._count += 1

    def reach(self, track: Track, t_s: float) -> None:
        """Nothing before `t_s` will come from this track any more; never goes backwards."""
        self._progress_s[track] = max(self._progress_s[track], t_s)

    def end(self, track: Track) -> None:
        """The track is over and no longer holds the others back."""
        self._progress_s[track] = math.inf

    @property
    def watermark_s(self) -> float:
        """Media time up to which every track is complete (infinite once all have ended)."""
        return min(self._progress_s.values(), default=math.inf)

    def ready(self) -> list[tuple[float, T]]:
        """Take every item before the watermark, in order of time.

        Strictly before: at the watermark itself a slower track may still have something to say.
        """
        watermark_s = self.watermark_s
        taken: list[tuple[float, T]] = []
        while self._heap and self._heap[0][0] < watermark_s:
            t_s, _, _, item = heapq.heappop(self._heap)
            taken.append((t_s, item))
        return taken

    def __len__(self) -> int:
        """Items held back for a slower track."""
        return len(self._heap)
