"""McAdams voice alteration as a stream: formants are moved by raising the pole angles of each frame to a power.

Implements baseline B2 of the VoicePrivacy Challenge 2024 from its equations, for any cutting of the stream into
blocks with bit-identical results. Holds raw voice for at most one frame, and never lets any of it out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from streams.deidentify.leveller import Leveller
from streams.deidentify.lpc import Complexes, Reals, burg, poles, polynomials_of

FRAME: Final = 320
"""Samples of one frame: 20 ms at 16 kHz, as in the baseline."""

HOP: Final = 160
"""Samples between frames: half a frame, as in the baseline."""

ORDER: Final = 20
"""Order of the linear prediction, as in the baseline."""

_EPSILON: Final = 2.0**-23
"""The baseline adds the float32 machine epsilon to every sample, and once more to the frame it analyses."""

_SLAB: Final = 128
"""Frames altered at once: enough to hide the cost of a call, few enough to stay near the processor. Source:
measured, faster than 32, 64 and 100 on whole files."""

_hann = np.hanning(FRAME)
WINDOW: Final[Reals] = np.sqrt(_hann / (_hann.sum() / HOP))
"""Square root of the symmetric Hann window over its overlapped sum, for analysis and for synthesis."""


class Level(StrEnum):
    """What happens to the level of the sound."""

    FREE = "free"
    """Whatever the moved poles make of it (the baseline before its whole-file normalisation)."""
    MATCHED = "matched"
    """The energy around each moment is what it was; peaks may still be higher than they were."""


class McAdams:
    """The stream: push samples, get every sample back altered, then flush.

    A sample waits less than a frame (20 ms), and a hop (10 ms) more where levels are matched. Samples keep their order
    and their number. What follows the last whole frame comes out as zeros, as in the baseline. Values that are not
    finite count as silence.
    """

    def __init__(self, level: Level) -> None:
        """Make an empty stream."""
        self._level = level
        self._waiting = np.zeros(0)
        self._overlap = np.zeros(HOP)
        self._leveller = Leveller() if level is Level.MATCHED else None

    def frames_after(self, samples: int) -> int:
        """How many frames a push of that many samples would complete."""
        return max(0, (len(self._waiting) + samples - FRAME) // HOP + 1)

    def push(self, samples: Reals, coefficients: ArrayLike) -> Reals:
        """Take samples and give those that are finished.

        Args:
            samples: float64[n] mono at 16 kHz, any n.
            coefficients: λ in (0, 1] for each frame this push completes (see `frames_after`), or one for all.

        Returns:
            float64[HOP * frames completed], or a hop less the first time where levels are matched.

        Raises:
            ValueError: The number of coefficients is neither 1 nor that of the frames.
            FloatingPointError: A frame did not stay finite; the stream cannot be used any more.
        """
        count = self.frames_after(len(samples))
        exponents = np.broadcast_to(np.asarray(coefficients, np.float64), (count,))
        heard = np.concatenate([self._waiting, finite(samples)])
        self._waiting = heard[count * HOP :].copy()
        if not count:
            return np.zeros(0)
        frames = np.lib.stride_tricks.sliding_window_view(heard, FRAME)[::HOP][:count]
        finished = np.zeros((count + 1, HOP))
        finished[0] = self._overlap
        for start in range(0, count, _SLAB):
            stop = min(start + _SLAB, count)
            altered = alter(frames[start:stop], exponents[start:stop], self._level)
            finished[start:stop] += altered[:, :HOP]
            finished[start + 1 : stop + 1] += altered[:, HOP:]
        if not np.isfinite(finished).all():
            raise FloatingPointError("the altered voice is not finite")
        self._overlap = finished[count].copy()
        altered = finished[:count].reshape(-1)
        return altered if self._leveller is None else self._leveller.push(heard[: count * HOP], altered)

    def flush(self) -> Reals:
        """Give all samples that are still inside, float64[n], and start anew."""
        rest = np.zeros(len(self._waiting))
        faded = self._overlap[: len(rest)]
        rest[: len(faded)] = faded
        heard, self._waiting = self._waiting, np.zeros(0)
        self._overlap = np.zeros(HOP)
        return rest if self._leveller is None else self._leveller.flush(heard, rest)


def alter(frames: Reals, coefficients: Reals, level: Level) -> Reals:
    """Alter frames, each by its own λ (VoicePrivacy 2024, B2; Patino et al. 2021, equations 1-3).

    Args:
        frames: float64[frame, FRAME] as cut from the stream, finite, not yet windowed.
        coefficients: float64[frame], λ of each frame.
        level: What to do with each frame's energy.

    Returns:
        float64[frame, FRAME], windowed for overlap-add.
    """
    windowed = (frames + _EPSILON) * WINDOW
    analysis = burg(windowed + _EPSILON, ORDER)
    synthesis = polynomials_of(moved(poles(analysis), coefficients[:, np.newaxis]))
    altered = np.empty_like(windowed)
    for row, (residual_filter, voice_filter) in enumerate(zip(analysis, synthesis, strict=True)):
        # One call filters down to the residual and back up with the moved poles, both from rest.
        altered[row] = lfilter(residual_filter, voice_filter, windowed[row])
    altered *= WINDOW
    if level is Level.MATCHED:
        # Moved poles raise a frame by up to 60 dB. Unless each is put right by itself, the loudest drown those beside
        # them before the leveller, which works on the sum (measured: energies of the worst recording correlate by
        # 0.955 instead of 0.987 at λ 0.5).
        source = frames * (WINDOW * WINDOW)
        wanted, made = np.vecdot(source, source), np.vecdot(altered, altered)
        # A frame of digital silence asks for a gain of exactly 0; `made` is above 0 because of the epsilon.
        altered *= np.sqrt(wanted / np.maximum(made, np.finfo(np.float64).tiny))[:, np.newaxis]
    return altered


def moved(roots: Complexes, coefficients: Reals) -> Complexes:
    """Poles r·exp(±iθ) moved to r·exp(±iθ^λ); real poles stay where they are.

    Args:
        roots: complex128[frame, order].
        coefficients: float64[frame, 1], λ.
    """
    angles = np.arctan2(np.abs(roots.imag), roots.real) ** coefficients
    radii = np.abs(roots)
    turned = radii * np.cos(angles) + 1j * np.copysign(radii * np.sin(angles), roots.imag)
    return np.where(roots.imag == 0.0, roots, turned)


def finite(samples: Reals) -> Reals:
    """A copy in which every value that is not finite is silence."""
    return np.nan_to_num(samples, copy=True, nan=0.0, posinf=0.0, neginf=0.0)
