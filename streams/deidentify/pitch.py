"""Pitch by autocorrelation: a few thousand voiced frames a second on one core, good enough for a trend.

The windowed signal's autocorrelation over the window's own is an estimate of the signal's (Boersma 1993, equation
9); the strongest lag wins after a small cost for going down an octave (equation 24).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import fft, signal

from buffers.records import AUDIO_RATE_HZ
from streams.deidentify.lpc import Reals

_HALVING: Final = 2
_RATE_HZ: Final = AUDIO_RATE_HZ // _HALVING
"""Voices end far below the 4 kHz that this leaves, and it halves the work."""

_WINDOW: Final = _RATE_HZ // 20
"""50 ms: three periods of the lowest pitch."""

_HOP: Final = _RATE_HZ // 100
"""10 ms."""

_LOWEST_HZ: Final = 60.0
_HIGHEST_HZ: Final = 400.0
_OCTAVE_COST: Final = 0.05
"""Strength a candidate loses per octave above which another would do. Source: measured sweep against Praat."""
_VOICED_FROM: Final = 0.6
"""Strength of a voiced frame. Source: the same sweep; 0.89 of frames agree with Praat on noisy speech."""

_FAINTEST: Final = 1e-8
"""Mean square under which nothing is voiced (-80 dBFS): rounding noise has a pitch too."""

_TAPS: Final = 65
"""Length of the low-pass before halving the rate: 60 dB down at the new Nyquist frequency from 3.3 kHz."""

_FINER: Final = 2
"""Lags per sample: a high voice's peak is so narrow that between two samples it loses to its octave below."""

_SHORTEST: Final = int(_FINER * _RATE_HZ / _HIGHEST_HZ)
_LONGEST: Final = math.ceil(_FINER * _RATE_HZ / _LOWEST_HZ)
_POINTS: Final = fft.next_fast_len(_WINDOW + _LONGEST // _FINER + 1, real=True)

_lowpass = np.asarray(signal.firwin(_TAPS, 0.5 * AUDIO_RATE_HZ / 2 * 0.9, fs=AUDIO_RATE_HZ), np.float64)
_hann = np.asarray(signal.get_window("hann", _WINDOW, fftbins=False), np.float64)


def _autocorrelation(frames: Reals) -> Reals:
    """Autocorrelation float64[frame, lag] over its value at 0, for `_LONGEST` + 2 lags of 1 / `_FINER` samples."""
    spectra = fft.rfft(frames, _POINTS, axis=1)
    power = spectra.real**2 + spectra.imag**2
    lags = np.asarray(fft.irfft(power, _FINER * _POINTS, axis=1), np.float64)[:, : _LONGEST + 2]
    return lags / np.maximum(lags[:, :1], np.finfo(np.float64).tiny)


_window_lags = _autocorrelation(_hann[np.newaxis])[0]

CONTEXT: Final = _HALVING * (_WINDOW - _HOP) + _TAPS - 1
"""Samples (16 kHz) that `pitch_hz` needs before the span it measures."""


def pitch_hz(samples: Reals) -> Reals:
    """Pitch every 10 ms of a span of sound.

    Args:
        samples: float64[CONTEXT + n], the span of n samples (16 kHz, n a multiple of 160) behind its context.

    Returns:
        float64[n / 160] in Hz, NaN where unvoiced.
    """
    halved = signal.upfirdn(_lowpass, samples, down=1)[_TAPS - 1 : 1 - _TAPS : _HALVING]
    frames = np.lib.stride_tricks.sliding_window_view(halved, _WINDOW)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    lags = _autocorrelation(frames * _hann) / _window_lags
    before, here, after = lags[:, _SHORTEST - 1 : -2], lags[:, _SHORTEST:-1], lags[:, _SHORTEST + 1 :]
    lag = np.arange(_SHORTEST, _LONGEST + 1)
    strength = here - _OCTAVE_COST * np.log2(lag / _SHORTEST)
    strength[(here < before) | (here < after)] = -np.inf
    best = strength.argmax(axis=1)[:, np.newaxis]
    left, top, right = (np.take_along_axis(part, best, axis=1)[:, 0] for part in (before, here, after))
    bend = left - 2.0 * top + right
    # The peak of the parabola through three points; a flat top (constant input) has none.
    offset = np.divide(0.5 * (left - right), bend, out=np.zeros_like(top), where=bend < 0.0)
    found = np.take_along_axis(strength, best, axis=1)[:, 0]
    voiced = np.isfinite(found) & (top > _VOICED_FROM) & (np.square(frames).mean(axis=1) > _FAINTEST)
    return np.where(voiced, _FINER * _RATE_HZ / (lag[best[:, 0]] + offset), np.nan)
