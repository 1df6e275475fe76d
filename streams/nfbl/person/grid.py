"""The even grid of times at which frames are looked at, whatever their own rate. Pure."""

from __future__ import annotations

import math
from typing import Final

ROUNDING_S: Final = 1e-3
"""Containers round times to the millisecond (s): a frame so little before its grid time is on time."""


class LookGrid:
    """Picks the first frame at or after each time of the grid."""

    def __init__(self, rate_hz: float) -> None:
        """`rate_hz` looks per second of media time."""
        self._period_s = 1.0 / rate_hz
        self.tick: int | None = None
        """Number of the place that was taken last, None before the first."""

    def due(self, t_s: float) -> bool:
        """Whether the frame at `t_s` takes a place; each place is taken once."""
        tick = math.floor((t_s + ROUNDING_S) / self._period_s)
        due = self.tick is None or tick > self.tick
        if due:
            self.tick = tick
        return due

    def reset(self) -> None:
        """Begin anew: time has gone back."""
        self.tick = None
