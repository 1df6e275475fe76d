"""How long to wait before the next attempt: twice as long each time, and never two links in step."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_CHANCE: Final = 0.25
"""Share of a wait that is drawn, so that what was lost together does not come back together."""

_draw: Final = random.SystemRandom().random


class Backoff:
    """Waits that double from `first_s` up to `most_s`."""

    def __init__(self, first_s: float, most_s: float, *, draw: Callable[[], float] = _draw) -> None:
        """Begin with `first_s`; `draw` gives numbers in [0, 1)."""
        self._first_s = self._full_s = first_s
        self._most_s = most_s
        self._draw = draw

    def next_s(self) -> float:
        """The next wait (s): at most a quarter shorter than its full length, never longer."""
        full_s = min(self._full_s, self._most_s)
        self._full_s = min(2 * full_s, self._most_s)
        return full_s * (1.0 - _CHANCE * self._draw())

    def reset(self) -> None:
        """All is well again: the next wait is the first."""
        self._full_s = self._first_s
