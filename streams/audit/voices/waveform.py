"""How far two waveforms are apart in time, and how alike second by second: a leaked voice is the same waveform."""

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

STEP: Final = AUDIO_RATE_HZ // 1000
"""Samples of a step of the envelope that finds the offset: 1 ms."""

_SMOOTH_STEPS: Final = 10
"""Steps the envelope is smoothed over: longer than a period of most voices, so that pitch does not mislead it."""

_QUIETEST: Final = 1e-3
"""Share of the mean power below which the envelope is level: 30 dB down there is noise, not speech."""

_FAINTEST: Final = 1e-10
"""Mean square of sound that has no envelope (-100 dBFS)."""

_FURTHEST_STEPS: Final = 1000
"""Largest offset looked for (ms)."""

_FOUND_FROM: Final = 0.5
"""Correlation of two envelopes from which an offset is believed.

Source: 60 s of speech altered with λ 0.5 in reference mode, levels as they come, reach 0.64 with their source;
two voices that say different things 0.39.
"""

_SPOKEN: Final = 0.3
"""Share of a window that must be speech: pauses hold too little to tell one waveform from another."""

_BATCH: Final = 64
"""Windows worked on at once: 20 MB of spectra."""

_POINTS: Final = fft.next_fast_len(WINDOW + 2 * REACH, real=True)


def found_offset_ms(source: NDArray[np.float32], output: NDArray[np.float32]) -> float | None:
    """By how many milliseconds the output's envelope is later: the peak of the cross-correlation, between steps too.

    Args:
        source: float32[n].
        output: float32[m], on the same time axis.

    Returns:
        -1000 to 1000; None where the envelopes are not alike or one sound is silent.
    """
    one, other = _envelope(source), _envelope(output)
    if not one.any() or not other.any():
        return None
    points = fft.next_fast_len(len(one) + len(other) + _FURTHEST_STEPS, real=True)
    crossed = fft.irfft(fft.rfft(other, points) * np.conj(fft.rfft(one, points)), points)
    around = np.concatenate([crossed[-_FURTHEST_STEPS:], crossed[: _FURTHEST_STEPS + 1]])
    best = int(around.argmax())
    if around[best] < _FOUND_FROM * np.sqrt((one @ one) * (other @ other)):
        return None
    peak = best - float(_FURTHEST_STEPS)
    if 0 < best < len(around) - 1:
        left, top, right = around[best - 1 : best + 2]
        bend = left - 2.0 * top + right
        peak += float(0.5 * (left - right) / bend) if bend < 0.0 else 0.0
    return peak * STEP * 1000.0 / AUDIO_RATE_HZ


def _envelope(samples: NDArray[np.float32]) -> Reals:
    """Smoothed level every 1 ms in nepers, its mean taken away, float64[step]."""
    whole = len(samples) // STEP * STEP
    power = np.square(samples[:whole], dtype=np.float64).reshape(-1, STEP).mean(axis=1)
    if len(power) < _SMOOTH_STEPS or power.mean() < _FAINTEST:
        return np.zeros(0)
    smooth = np.convolve(power, np.full(_SMOOTH_STEPS, 1.0 / _SMOOTH_STEPS), mode="same")
    level = np.log(np.maximum(smooth, smooth.mean() * _QUIETEST))
    return np.asarray(level - level.mean(), np.float64)


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
