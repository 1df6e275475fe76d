"""A filter against jitter that does not drag behind movement."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class OneEuro:
    """One-euro filter (Casiez, Roussel and Vogel, CHI 2012) of a few values at once, on real timestamps.

    The cut-off frequency rises with speed: at rest jitter is averaged out, in movement little is held back.
    """

    def __init__(self, least_hz: float, per_speed: float, *, forget_s: float = 1.0, speed_hz: float = 1.0) -> None:
        """`least_hz` is the cut-off at rest, `per_speed` what is added to it (Hz) for each unit of speed per second.

        After `forget_s` without a value it begins anew; `speed_hz` is the cut-off of the speed itself.
        """
        self._least_hz = least_hz
        self._per_speed = per_speed
        self._forget_s = forget_s
        self._speed_hz = speed_hz
        self._last: tuple[float, Values, Values] | None = None

    def reset(self) -> None:
        """Forget."""
        self._last = None

    def step(self, t_s: float, values: Values, unit: float = 1.0) -> Values:
        """The smoothed values at `t_s`; speed is measured in `unit`s per second."""
        last = self._last
        if last is None or not 0.0 < t_s - last[0] <= self._forget_s:
            self._last = (t_s, values, np.zeros_like(values))
            return values
        before_s, before, speed = last
        elapsed_s = t_s - before_s
        speed = speed + _weight(self._speed_hz, elapsed_s) * ((values - before) / elapsed_s - speed)
        cut_off_hz = self._least_hz + self._per_speed * float(np.linalg.norm(speed)) / unit
        smoothed = before + _weight(cut_off_hz, elapsed_s) * (values - before)
        self._last = (t_s, smoothed, speed)
        return smoothed


def _weight(cut_off_hz: float, elapsed_s: float) -> float:
    """Weight of the newest value in an exponential mean of that cut-off frequency."""
    turn = 2.0 * math.pi * cut_off_hz * elapsed_s
    return turn / (turn + 1.0)
