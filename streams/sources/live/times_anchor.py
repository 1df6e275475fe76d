"""Ties the timestamps of a live stream to media time, so that its lag is the least seen of late and never grows.

Pure: numbers in, numbers out. What arrived with the least delay is taken to have arrived without any.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

WINDOW_S: Final = 30.0
"""How long the least delay is remembered: congestion passes within it, and a clock 1000 ppm off moves 30 ms."""

SETTLE_S: Final = 3.0
"""How long after a start the least delay is followed at once: bursts at a start last a group of pictures."""

SLEW: Final = 0.0025
"""Speed of the offset once settled (s/s): above any crystal's error, and half of what sound can be stretched by."""

EARLY_S: Final = 0.05
"""How far after its own arrival something may lie: within it the offset slews, so that both tracks stay in step."""

_EARLY_TIMES: Final = 5
"""How often something must be earlier than that before the path has become shorter and no stamp was wrong."""

_EARLY_WITHIN_S: Final = 10.0
"""Within what time those must come."""

LAG_S: Final = 1.0
"""Lag that is not worn off by slewing, which would take minutes."""

LAG_FOR_S: Final = 10.0
"""How long everything must lag so before the stream is tied again: a backlog is gone by then."""

_STEP_S: Final = 5.0
"""Longest time the offset slews for between two arrivals: pictures may come so seldom, but no silence makes it leap."""


class Scale(Protocol):
    """What times count on: adding `offset_s` makes media time of them."""

    @property
    def offset_s(self) -> float:
        """Media time minus time on this scale (s)."""

    @property
    def settling(self) -> bool:
        """Whether the offset still follows at once."""


class MediaScale:
    """The scale of times that are media time already."""

    offset_s = 0.0
    settling = False


class LeastOfLate:
    """The least of the values of the last `window_s` seconds."""

    def __init__(self, window_s: float) -> None:
        """Start without values."""
        self._window_s = window_s
        self._rising: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, value: float) -> float:
        """Add a value and return the least; `now_s` must not go backwards."""
        while self._rising and self._rising[-1][1] >= value:
            self._rising.pop()
        self._rising.append((now_s, value))
        while self._rising[0][0] < now_s - self._window_s:
            self._rising.popleft()
        return self._rising[0][1]

    def clear(self) -> None:
        """Forget all values."""
        self._rising.clear()


class Anchor:
    """One clock of a sender, tied to media time by arrivals: `offset_s` is to be added to its timestamps."""

    def __init__(self, stamp_s: float, arrived_s: float) -> None:
        """Tie it so that `stamp_s` is now; the first that is seen after this replaces it, for first stamps lie."""
        self.offset_s = arrived_s - stamp_s
        self._since_s = self._now_s = arrived_s
        self._provisional = True
        self._delays = LeastOfLate(WINDOW_S)
        self._early: deque[tuple[float, float]] = deque(maxlen=_EARLY_TIMES)
        self._lagging: tuple[float, float] | None = None

    @property
    def settling(self) -> bool:
        """Whether it was tied so lately that the offset follows the least delay at once."""
        return self._now_s - self._since_s < SETTLE_S

    def early_s(self, stamp_s: float, arrived_s: float) -> float:
        """How far after its arrival `stamp_s` would lie; below 0 it lags."""
        return stamp_s + self.offset_s - arrived_s

    def see(self, stamp_s: float, arrived_s: float) -> bool:
        """Take note of what ended at `stamp_s` and arrived at `arrived_s`; whether it had to be tied again."""
        delay_s = arrived_s - stamp_s
        passed_s = min(arrived_s - self._now_s, _STEP_S)
        self._now_s = arrived_s
        if self._provisional:
            self._provisional = False
            self.offset_s = delay_s
        if self.settling:
            self.offset_s = self._delays.add(arrived_s, delay_s)
        elif delay_s >= self.offset_s - EARLY_S or self._shorter(delay_s, arrived_s):
            way_s = self._delays.add(arrived_s, delay_s) - self.offset_s
            self.offset_s += max(-SLEW * passed_s, min(SLEW * passed_s, way_s))
        return self._lags(delay_s, arrived_s)

    def _shorter(self, delay_s: float, arrived_s: float) -> bool:
        """Whether the path has become shorter, as several have now shown; the offset follows then."""
        self._early.append((arrived_s, delay_s))
        if len(self._early) < _EARLY_TIMES or arrived_s - self._early[0][0] > _EARLY_WITHIN_S:
            return False
        self.offset_s = min(self.offset_s, max(early_s for _, early_s in self._early))
        self._early.clear()
        return True

    def _lags(self, delay_s: float, arrived_s: float) -> bool:
        if delay_s <= self.offset_s + LAG_S:
            self._lagging = None
            return False
        since_s, least_s = self._lagging or (arrived_s, delay_s)
        self._lagging = since_s, min(least_s, delay_s)
        if arrived_s - since_s < LAG_FOR_S:
            return False
        self.offset_s = min(least_s, delay_s)
        self._lagging = None
        self._delays.clear()
        self._delays.add(arrived_s, self.offset_s)
        return True
