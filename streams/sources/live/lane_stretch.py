"""Makes sound a little longer or shorter, without a seam: how a device's clock is brought into step with media time.

Band-limited interpolation by a table of windowed sincs (J. O. Smith, Digital Audio Resampling, CCRMA), at steps that
differ from 1 by thousandths, so that no band-edge has to move. Pure.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_HALF: Final = 16
"""Samples on each side that make one: a millisecond of delay, for errors below those of 14 bits up to 6 kHz."""

_PHASES: Final = 256
"""Rows of the table between two samples; between rows it is interpolated linearly (error 2e-5)."""

_PIECE: Final = 1024
"""Samples that are worked on together: what is gathered for them fits the cache, twice as fast as 8000."""

_KAISER_BETA: Final = 9.0
"""Shape of the window: side lobes below -90 dB."""


def _table() -> NDArray[np.float32]:
    """float32[_PHASES + 1, 2 * _HALF]: row p weighs the samples around a place p / _PHASES after a sample."""
    fraction = np.arange(_PHASES + 1)[:, None] / _PHASES
    distance = np.arange(1 - _HALF, _HALF + 1)[None, :] - fraction
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1.0 - (distance / _HALF) ** 2, 0.0, None))) / np.i0(_KAISER_BETA)
    weights = np.sinc(distance) * window
    table: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return table


_TABLE: Final = _table()


class Stretcher:
    """Reads samples at steps near 1, carrying what is between two of them from run to run.

    At a step of exactly 1 from the start on, what comes out is what went in, to the bit.
    """

    def __init__(self) -> None:
        """Start in silence."""
        self._samples: NDArray[np.float32] = np.zeros(_HALF - 1, np.float32)
        self._place = float(_HALF - 1)

    @property
    def held(self) -> float:
        """Samples taken in that nothing was made of yet, with their fraction."""
        return len(self._samples) - self._place

    def push(self, samples: NDArray[np.float32], step: float) -> NDArray[np.float32]:
        """float32[m] for float32[n]: one for each `step` (> 0) samples, as far as the samples around are known."""
        pieces = [self._piece(samples[start : start + _PIECE], step) for start in range(0, len(samples), _PIECE)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def rest(self) -> NDArray[np.float32]:
        """What is still held, as if silence followed. Nothing may be pushed after it."""
        end = len(self._samples)
        self._samples = np.concatenate([self._samples, np.zeros(_HALF, np.float32)])
        return self._read(1.0, end)

    def _piece(self, samples: NDArray[np.float32], step: float) -> NDArray[np.float32]:
        self._samples = np.concatenate([self._samples, samples])
        return self._read(step, len(self._samples) - _HALF)

    def _read(self, step: float, end: int) -> NDArray[np.float32]:
        """Samples at every `step` before place `end`."""
        count = max(0, math.ceil((end - self._place) / step))
        if count == 0:
            return np.zeros(0, np.float32)
        places = self._place + step * np.arange(count)
        # Rounding may put the last one at `end` itself, beyond which nothing is known.
        places = places[places < end]
        whole = places.astype(np.intp)
        row = (places - whole) * _PHASES
        lower = row.astype(np.intp)
        share = (row - lower).astype(np.float32)[:, None]
        weights = _TABLE[lower] * (1.0 - share) + _TABLE[lower + 1] * share
        around = sliding_window_view(self._samples, 2 * _HALF)[whole - (_HALF - 1)]
        made: NDArray[np.float32] = np.einsum("ij,ij->i", around, weights)
        self._place += step * len(places)
        done = int(self._place) - (_HALF - 1)
        self._samples = self._samples[done:]
        self._place -= done
        return made
