"""Kaldi's log-mel filter bank, as ImageBind's loader asks for it: 128 bins, 25 ms frames every 10 ms, no dither.

Computed in 64 bits: in 32 the empty bins of a pure tone are noise of the transform.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from monitor.describers.video_llama.sizes import MEL_BINS

RATE_HZ: Final = 16_000
FRAME: Final = 400
HOP: Final = 160
FFT: Final = 512
LOWEST_HZ: Final = 20.0
PRE_EMPHASIS: Final = 0.97
FLOOR: Final = float(np.finfo(np.float32).eps)
"""Energy below this counts as this: the logarithm of digital silence is -15.94."""


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural logarithm of the energy in each mel bin.

    Args:
        samples: float32[N] at 16 kHz; their mean is taken off first.

    Returns:
        float64[F, 128], one row for every 400 samples that fit at steps of 160; none for fewer than 400.
    """
    if len(samples) < FRAME:
        return np.empty((0, MEL_BINS))
    exact = samples.astype(np.float64)
    frames = sliding_window_view(exact - exact.mean(), FRAME)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    # The first sample of a frame has none before it and stands in for it.
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft((frames - PRE_EMPHASIS * before) * np.hanning(FRAME), FFT)) ** 2
    return np.asarray(np.log(np.maximum(power @ _filters(), FLOOR)))


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles that are equally wide on the mel scale, [FFT / 2 + 1, 128]; the last row is zero, as in Kaldi."""
    edges = np.linspace(_mel(LOWEST_HZ), _mel(RATE_HZ / 2), MEL_BINS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    at = _mel(np.arange(FFT // 2) * (RATE_HZ / FFT))[:, None]
    triangles = np.minimum((at - left) / (centre - left), (right - at) / (right - centre))
    return np.vstack([np.maximum(triangles, 0.0), np.zeros(MEL_BINS)])


def _mel(hz: float | NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))
