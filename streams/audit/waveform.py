"""How alike two waveforms are, second by second: an altered voice is another waveform, a leaked one is the same."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from buffers.records import AUDIO_RATE_HZ
from streams.deidentify.lpc import Reals

WINDOW: Final = AUDIO_RATE_HZ
"""Samples compared at once: 1 s. Shorter spans of an altered voice are by chance more like the original."""

HOP: Final = WINDOW // 4
"""Samples between windows: a leak of 1.25 s fills at least one of them."""

REACH: Final = AUDIO_RATE_HZ // 20
"""Largest shift looked for, to either side: 50 ms."""

_SPOKEN: Final = 0.3
"""Share of a window that must be speech: pauses hold too little to tell one waveform from another."""

_BATCH: Final = 64
"""Windows worked on at once: 20 MB of spectra."""

_POINTS: Final = fft.next_fast_len(WINDOW + 2 * REACH, real=True)


def similarities(source: NDArray[np.float32], output: NDArray[np.float32], speech: NDArray[np.bool_]) -> Reals:
    """Largest normalised cross-correlation of each window of the output with the source near it.

    Sign and level make no difference. Sound shorter than a window is one window.

    Args:
        source: float32[n].
        output: float32[n].
        speech: bool[up to n], which samples of the source are speech.

    Returns:
        float64[window] in 0-1, for the windows that hold enough speech; 0 for those silent in the output.
    """
    length = max(len(source), WINDOW)
    heard = np.zeros(length + 2 * REACH, np.float32)
    heard[REACH : REACH + len(source)] = source
    made, spoken = np.zeros(length, np.float32), np.zeros(length, np.bool_)
    made[: len(output)] = output
    spoken[: len(speech)] = speech
    enough = min(len(source), WINDOW) * _SPOKEN
    starts = [at for at in range(0, length - WINDOW + 1, HOP) if 0 < enough <= spoken[at : at + WINDOW].sum()]
    found = [_largest(heard, made, starts[at : at + _BATCH]) for at in range(0, len(starts), _BATCH)]
    return np.concatenate([np.zeros(0), *found])


def _largest(heard: NDArray[np.float32], made: NDArray[np.float32], starts: list[int]) -> Reals:
    """The largest correlation of each window, float64[window]; `heard` begins `REACH` samples early."""
    near = np.stack([heard[at : at + WINDOW + 2 * REACH] for at in starts]).astype(np.float64)
    windows = np.stack([made[at : at + WINDOW] for at in starts]).astype(np.float64)
    spectra = fft.rfft(near, _POINTS, axis=1) * np.conj(fft.rfft(windows, _POINTS, axis=1))
    crossed = np.abs(fft.irfft(spectra, _POINTS, axis=1)[:, : 2 * REACH + 1])
    running = np.cumsum(np.pad(np.square(near), ((0, 0), (1, 0))), axis=1)
    energies = running[:, WINDOW:] - running[:, :-WINDOW]
    scale = np.sqrt(np.maximum(energies, 0.0) * np.vecdot(windows, windows)[:, np.newaxis])
    # What is under the scale's rounding is silence, which is like nothing.
    ratios = np.divide(crossed, scale, out=np.zeros_like(crossed), where=scale > np.finfo(np.float32).eps)
    return np.asarray(np.minimum(ratios.max(axis=1), 1.0), np.float64)
