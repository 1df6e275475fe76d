"""Draws a straight line through times that jitter: how one clock runs against another. Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

STEEPEST: Final = 5e-3
"""Fastest drift that is believed and followed (s/s): crystals are within 1e-4, bad sound cards within 1e-3."""

_USUAL: Final = 5e-4
"""Slope that is taken to be usual: what jitter makes of few points beyond it is not believed."""

_SLOPE_BINS: Final = 4
"""Bins from which a slope can be told from jitter; before, there is none."""


class Trend:
    """A straight line through points that jitter: means of bins, then least squares with a bias to no slope."""

    def __init__(self, bin_s: float, bins: int, steady_s: float) -> None:
        """Keep `bins` bins of `bin_s` seconds of x; from `steady_s` seconds on the slope is worth telling."""
        self._bin_s = bin_s
        self._steady_s = steady_s
        self._bins: deque[tuple[float, float]] = deque(maxlen=bins)
        self._open: list[tuple[float, float]] = []
        self._middle_x = self._middle_y = self._slope = 0.0
        self.steady = False
        """Whether the slope is worth telling."""

    @property
    def slope(self) -> float:
        """dy/dx, 0 until there are a few bins."""
        return self._slope

    def at(self, x: float) -> float:
        """The line at `x`."""
        return self._middle_y + self._slope * (x - self._middle_x)

    def enter(self, x: float, y: float) -> None:
        """Add a point; x must not go backwards."""
        full = bool(self._open) and x - self._open[0][0] >= self._bin_s
        if full:
            self._bins.append(_mean(self._open))
            self._open.clear()
        self._open.append((x, y))
        # A hundred points a second need no hundred lines a second, but for the first.
        if full or not self.steady:
            self._fit()

    def shift(self, by: float) -> None:
        """Move every point up by `by`."""
        self._bins = deque(((x, y + by) for x, y in self._bins), self._bins.maxlen)
        self._open = [(x, y + by) for x, y in self._open]
        self._middle_y += by

    def _fit(self) -> None:
        points = list(self._bins) or [_mean(self._open)]
        count = len(points)
        self._middle_x, self._middle_y = _mean(points)
        self.steady = points[-1][0] - points[0][0] >= self._steady_s
        if count < _SLOPE_BINS:
            return
        spread = math.fsum((x - self._middle_x) ** 2 for x, _ in points)
        shared = math.fsum((x - self._middle_x) * (y - self._middle_y) for x, y in points)
        jitter = math.fsum((y - self._middle_y) ** 2 for _, y in points) - shared * shared / spread
        bias = max(0.0, jitter) / (count - 2) / _USUAL**2
        self._slope = max(-STEEPEST, min(STEEPEST, shared / (spread + bias)))


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return math.fsum(x for x, _ in points) / len(points), math.fsum(y for _, y in points) / len(points)
