"""Gives a whole altered stream the loudness it had: overlapping frames partly cancel, which no frame can know alone.

Works on a fixed grid of steps, so that no cutting of the stream changes a bit. Never makes sound where there was none.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.deidentify.lpc import Reals

STEP: Final = 160
"""Samples between two gains: 10 ms at 16 kHz. McAdams frames cancel anew at each of their hops, and a hop must be whole
steps. Also the time that a sample waits: the gain behind a step looks at the next one."""

_BOUND: Final = 4.0
"""Largest gain (12 dB). On 41 recordings of speech one in a thousand asks for more than 9 dB; what cancelled deeper
than this has left little but the filters' noise, which is not to be raised. There is none below: an echo of a loud
frame into a silence is turned down all the way."""

_RISING: Final[Reals] = 0.5 - 0.5 * np.cos(np.pi * np.arange(STEP) / STEP)
"""First half of a Hann window of two steps. Energies under it are steady for steady tones from 60 Hz up (ripple of the
gain below 1.4 %); under a rectangle they would beat with the period of the voice."""

_FALLING: Final[Reals] = 1.0 - _RISING

_RAMP: Final[Reals] = np.arange(STEP) / STEP
"""How far each sample of a step lies from the gain before it to the gain behind it."""


class Leveller:
    """The stream: push what was said and what became of it, get the latter back in order and number, then flush.

    At each boundary of two steps the gain makes the energy around it, under a Hann window of 20 ms, that of the
    source; in between it runs straight. Where the source is silent for so long, what comes out is exactly zero.
    """

    def __init__(self) -> None:
        """Make an empty stream."""
        self._held = np.zeros((0, STEP))
        self._gain = np.zeros(0)
        self._risen = np.zeros((2, 1))

    def push(self, source: Reals, altered: Reals) -> Reals:
        """Take whole steps of both and give those that are finished: all but the latest.

        Args:
            source: float64[n], finite, n a multiple of `STEP`.
            altered: float64[n], finite, the same stretch of time.

        Returns:
            float64[n], or float64[n - STEP] the first time.
        """
        if not len(source):
            return np.zeros(0)
        steps = np.stack([source, altered]).reshape(2, -1, STEP)
        risen = np.concatenate([self._risen, np.vecdot(steps * _RISING, steps)], axis=1)
        wanted, made = risen[:, :-1] + np.vecdot(steps * _FALLING, steps)
        # The least that `made` may be keeps the gain in bounds; for silence it asks for a gain of exactly 0.
        least = np.maximum(wanted / _BOUND**2, np.finfo(np.float64).tiny)
        gains = np.concatenate([self._gain, np.sqrt(wanted / np.maximum(made, least))])[:, np.newaxis]
        waiting = np.concatenate([self._held, steps[1]])
        self._held, self._gain, self._risen = waiting[-1:], gains[-1], risen[:, -1:]
        return (waiting[:-1] * (gains[:-1] + np.diff(gains, axis=0) * _RAMP)).reshape(-1)

    def flush(self, source: Reals, altered: Reals) -> Reals:
        """Take what is left of both, float64[n] with any n; give all that is inside and start anew."""
        left = len(self._held) * STEP + len(altered)
        # Silence up to the step behind the last begun one: that step then has a next one to look at.
        silence = np.zeros(STEP + -len(altered) % STEP)
        rest = self.push(np.concatenate([source, silence]), np.concatenate([altered, silence]))[:left]
        self._held, self._gain, self._risen = np.zeros((0, STEP)), np.zeros(0), np.zeros((2, 1))
        return rest
