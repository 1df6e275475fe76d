"""A look-ahead peak limiter: what is too loud is turned down smoothly before it comes, and nothing else changes.

Takes the place of the baseline's whole-file normalisation, which a stream cannot do. Works on a fixed grid of short
blocks, so that no cutting of the stream changes a bit, and gives each sample back in its own place.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from streams.deidentify.lpc import Reals

LOOK_AHEAD: Final = 40
"""Samples of one block of the gain: 2.5 ms at 16 kHz, short beside the period of a voice. In twice that, a single pulse
that is too loud would take so much of its neighbours along that the loudness of the syllable no longer is the
speaker's (measured: frame energies of the worst of 41 recordings correlate by 0.965 instead of 0.977). Also the longest
time that a sample waits beyond its own block, and a divisor of a McAdams hop, so that whole hops wait no longer than
this."""

CEILING: Final = 0.98
"""Highest level that leaves (-0.2 dB of full scale): a lossy encoder behind this overshoots a little."""

_RELEASE: Final = 10.0 ** (0.5 / 20.0)
"""Largest rise of the gain from block to block: 0.5 dB in 2.5 ms, so 10 dB are back after 50 ms. Slower, and one loud
frame would hide the sound after it; faster, and the gain would follow single periods of a low voice by more than the
2.5 dB that it does now."""


class Limiter:
    """The stream: push samples, get them back in order and number, then flush.

    The gain runs straight from one block boundary to the next, and at each boundary it is no more than either of the
    two blocks bears. So no sample passes the ceiling, a peak is met by a gain that has already come down, and sound
    that needs no limiting comes out bit for bit as it went in.
    """

    def __init__(self) -> None:
        """Make an empty stream at full gain."""
        self._waiting = np.zeros(0)
        self._gain = 1.0

    def push(self, samples: Reals) -> Reals:
        """Take float64[n], finite, and give those that are finished: all but the latest 40 to 79."""
        heard = np.concatenate([self._waiting, samples])
        count = len(heard) // LOOK_AHEAD - 1
        if count < 1:
            self._waiting = heard
            return np.zeros(0)
        blocks = heard[: (count + 1) * LOOK_AHEAD].reshape(-1, LOOK_AHEAD)
        gains = self._gains(np.abs(blocks).max(axis=1))
        self._waiting = heard[count * LOOK_AHEAD :].copy()
        if gains is None:
            return blocks[:-1].reshape(-1)
        before, after = gains[:-1, np.newaxis], gains[1:, np.newaxis]
        return (blocks[:-1] * (before + (after - before) * _RAMP)).reshape(-1)

    def flush(self) -> Reals:
        """Give all samples that are still inside, float64[n], and start anew."""
        left = len(self._waiting)
        # Silence up to the block behind the last begun one: that block then has a next one to look at.
        rest = self.push(np.zeros(2 * LOOK_AHEAD - left % LOOK_AHEAD))[:left]
        self._waiting, self._gain = np.zeros(0), 1.0
        return rest

    def _gains(self, peaks: Reals) -> Reals | None:
        """The gain at each boundary of all blocks but the last, given each block's peak; None where all are 1."""
        if self._gain == 1.0 and peaks.max() <= CEILING:
            return None
        bearable = np.minimum(1.0, CEILING / np.maximum(peaks, CEILING)).tolist()
        # Of a boundary seen before, `_gain` is the outcome already; only a stream's first block may ask for less.
        gains = [min(self._gain, bearable[0])]
        for here, following in pairwise(bearable):
            gains.append(min(here, following, gains[-1] * _RELEASE))
        self._gain = gains[-1]
        return np.array(gains)


_RAMP: Final[Reals] = np.arange(LOOK_AHEAD) / LOOK_AHEAD
"""How far each sample of a block lies from the gain before it to the gain behind it."""
