"""Cepstra of sound, as classical speaker recognition uses them (Davis and Mermelstein 1980). Pure arithmetic.

Recipe: 16 kHz mono; 25 ms Hamming frames every 10 ms, pre-emphasis inside the frame; power spectrum of 512 points;
26 triangular mel bands from 0 to 8 kHz; natural logarithm above a floor; orthonormal DCT, 20 coefficients; slopes over
five frames beside them; the mean of each column over the utterance taken away.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import fft, signal

from buffers.records import AUDIO_RATE_HZ
from streams.deidentify.lpc import Reals

FRAME: Final = AUDIO_RATE_HZ // 40
"""Samples of a frame: 25 ms, two periods of a low voice."""

HOP: Final = AUDIO_RATE_HZ // 100
"""Samples between frames: 10 ms."""

BANDS: Final = 26
"""Mel bands: HTK's usual number for wide-band speech."""

COEFFICIENTS: Final = 20
"""Cepstral coefficients kept, from the zeroth on: speakers differ in finer detail than the 13 of speech recognition."""

_POINTS: Final = 512
_EMPHASIS: Final = 0.97
"""HTK's usual pre-emphasis; within each frame, so that a frame never depends on the sound before it."""

_FLOOR: Final = 1e-9
"""Smallest band energy: about that of 16-bit rounding noise, so that digital silence has finite cepstra."""

_REACH: Final = 2
"""Frames to either side over which slopes are taken (HTK's usual)."""

_PIECE: Final = 6000
"""Frames worked on at once (1 min): bounds the memory that an hour of sound takes."""


def _mel(hz: Reals) -> Reals:
    """Mel of frequencies (O'Shaughnessy 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0), np.float64)


def _triangles() -> Reals:
    """Weights float64[_POINTS / 2 + 1, BANDS]: triangles equally wide in mel, half overlapping, peak 1."""
    at = _mel(np.linspace(0.0, AUDIO_RATE_HZ / 2, _POINTS // 2 + 1))
    edges = np.linspace(0.0, at[-1], BANDS + 2)
    width = edges[1]
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(at[:, np.newaxis] - edges[1:-1]) / width), np.float64)


_window = np.asarray(signal.get_window("hamming", FRAME, fftbins=False), np.float64)
_bands = _triangles()


def frames_in(samples: int) -> int:
    """How many whole frames that many samples hold."""
    return max(0, (samples - FRAME) // HOP + 1)


def log_bands(samples: Reals) -> Reals:
    """Natural logarithm of the mel band energies.

    Args:
        samples: float64[n] mono at 16 kHz, full scale 1.

    Returns:
        float64[frames_in(n), BANDS]; each frame depends on its own 400 samples only.
    """
    count = frames_in(len(samples))
    out = np.empty((count, BANDS))
    for start in range(0, count, _PIECE):
        stop = min(start + _PIECE, count)
        span = samples[start * HOP : (stop - 1) * HOP + FRAME].astype(np.float64)
        frames = np.lib.stride_tricks.sliding_window_view(span, FRAME)[::HOP].copy()
        frames[:, 1:] -= _EMPHASIS * frames[:, :-1]
        frames[:, 0] *= 1.0 - _EMPHASIS
        spectra = fft.rfft(frames * _window, _POINTS, axis=1)
        power = (spectra.real**2 + spectra.imag**2) / _POINTS
        out[start:stop] = np.log(np.maximum(power @ _bands, _FLOOR))
    return out


def cepstra(samples: Reals) -> Reals:
    """Mel cepstra float64[frames_in(n), COEFFICIENTS] of float64[n] mono at 16 kHz."""
    return np.asarray(fft.dct(log_bands(samples), axis=1, norm="ortho"), np.float64)[:, :COEFFICIENTS]


def slopes(values: Reals) -> Reals:
    """Regression slope of each column over `_REACH` frames to either side, the ends repeated; same shape."""
    if not len(values):
        return np.zeros_like(values)
    padded = np.pad(values, ((_REACH, _REACH), (0, 0)), mode="edge")
    count = len(values)
    total = np.zeros_like(values)
    for step in range(1, _REACH + 1):
        total += step * (padded[_REACH + step :][:count] - padded[_REACH - step :][:count])
    return np.asarray(total / (2.0 * sum(step * step for step in range(1, _REACH + 1))), np.float64)


def frame_power(samples: Reals) -> Reals:
    """Mean square of the frames that `cepstra` describes, float64[frames_in(n)]."""
    count = frames_in(len(samples))
    total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    starts = np.arange(count) * HOP
    # Differences of a running sum can come out a rounding below zero.
    return np.asarray(np.maximum(total[starts + FRAME] - total[starts], 0.0) / FRAME, np.float64)
