"""How far a stream trailed over its whole time, as counts of samples: what a histogram is made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

BOUNDS_S: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets (s): close together where a live session usually is, around half a second."""


class LagCounts:
    """Counts lags in buckets. One thread adds, any other reads."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, lag_s: float) -> None:
        """One sample."""
        self._counts[bisect_left(BOUNDS_S, lag_s)] += 1
        self._sum_s += lag_s

    @property
    def buckets(self) -> Sequence[tuple[str, float]]:
        """Upper bound and how many samples are not above it, the last without a bound."""
        counts, total = list(self._counts), 0
        found = []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found

    @property
    def sum_s(self) -> float:
        """All samples together (s)."""
        return self._sum_s
