"""For how many seconds of any span something was there: a bounded union of intervals of media time."""

from __future__ import annotations

from collections import deque

JOIN_S = 0.002
"""Intervals closer than this are one: below it lies only the rounding of time stamps to samples and ticks."""

INTERVAL_BYTES = 120
"""Size of one interval: a tuple of two floats and its place in the deque (measured, rounded up)."""


class Spans:
    """Union of intervals added in order of time; past `capacity` the oldest melt into one span with a share.

    Any span that begins before the melted part and ends after it is still answered exactly, which is what windows
    over the whole session and baselines ask for; a span that cuts through the melted part is answered pro rata.
    """

    def __init__(self, capacity: int = 1024) -> None:
        """Start empty; `capacity` intervals are 1024 holes, more than a session that can be judged has."""
        self._capacity = capacity
        self._intervals: deque[tuple[float, float]] = deque()
        self._melted: tuple[float, float] | None = None
        self._melted_s = 0.0

    def add(self, start_s: float, end_s: float) -> None:
        """Add [start_s, end_s); the part before the end of what was added before counts once only."""
        if self._intervals:
            first_s, last_s = self._intervals[-1]
            start_s = max(start_s, last_s)
            if start_s < end_s and start_s - last_s <= JOIN_S:
                self._intervals[-1] = (first_s, end_s)
                return
        if start_s >= end_s:
            return
        self._intervals.append((start_s, end_s))
        if len(self._intervals) > self._capacity:
            oldest_s, newest_s = self._intervals.popleft()
            self._melted = (self._melted[0] if self._melted else oldest_s, newest_s)
            self._melted_s += newest_s - oldest_s

    def seconds(self, start_s: float, end_s: float) -> float:
        """Seconds of [start_s, end_s) that were added."""
        found_s = 0.0
        for from_s, to_s in reversed(self._intervals):
            if to_s <= start_s:
                break
            found_s += overlap_s(from_s, to_s, start_s, end_s)
        if self._melted is not None:
            from_s, to_s = self._melted
            found_s += self._melted_s * overlap_s(from_s, to_s, start_s, end_s) / (to_s - from_s)
        return found_s

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated."""
        return len(self._intervals) * INTERVAL_BYTES


def overlap_s(from_s: float, to_s: float, start_s: float, end_s: float) -> float:
    """Seconds that [from_s, to_s) and [start_s, end_s) share."""
    return max(0.0, min(to_s, end_s) - max(from_s, start_s))
