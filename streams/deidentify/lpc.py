"""Linear prediction for many frames at once: Burg's method, poles, and the polynomial of given poles.

Pure arithmetic in float64. Every frame is computed as if it were alone, so that neither the number of frames in a
call nor their order ever changes a bit of a result.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from streams.deidentify.roots import LEAST_ORDER, settled_roots

Reals = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_TINY: Final = float(np.finfo(np.float64).tiny)
"""Added to the prediction power: an all-zero frame then predicts nothing, instead of dividing by zero."""


def burg(frames: Reals, order: int) -> Reals:
    """Prediction polynomials by Burg's method (Burg 1975; the recursion as in Marple 1987, chapter 8).

    The lattice that filters a frame also turns an impulse into the polynomial, so an impulse is carried along behind
    the frame, `order` zeros away from it: one small matrix product per order then updates both. The power is
    carried by Andersen's recursion (1978), as the baseline's library does: for a constant or silent frame, which
    is predicted down to rounding, the level of the output depends on it.

    Args:
        frames: float64[frame, n] with n > order, finite.
        order: Number of coefficients to predict from.

    Returns:
        float64[frame, order + 1], first column 1; all poles lie inside the unit circle.
    """
    count, length = frames.shape
    carried = np.zeros((count, 2, length + 2 * order + 1))
    carried[:, :, :length] = frames[:, np.newaxis]
    carried[:, :, length + order] = 1.0
    pairs = carried.reshape(count, -1)
    lattice = np.ones((count, 2, 2))
    crossed = lattice.reshape(count, 4)[:, 1:3]
    power = 2.0 * np.vecdot(frames, frames) - frames[:, 0] ** 2 - frames[:, -1] ** 2
    for left in range(length - 1, length - 1 - order, -1):
        # Forward errors f[n] above backward errors b[n - 1]: dropping the first and last value shifts b by one.
        errors = pairs[:, 1:-1].reshape(count, 2, -1)
        reflection = -2.0 * np.vecdot(errors[:, 0, :left], errors[:, 1, :left]) / (power + _TINY)
        # Where nothing but rounding is left to predict, a reflection may pass 1 and the filter would explode.
        np.minimum(np.maximum(reflection, -1.0, out=reflection), 1.0, out=reflection)
        crossed[:] = reflection[:, np.newaxis]
        updated = np.matmul(lattice, errors)
        power = (1.0 - reflection * reflection) * power - updated[:, 0, 0] ** 2 - updated[:, 1, left - 1] ** 2
        pairs = updated.reshape(count, -1)
    width = pairs.shape[1] // 2
    return pairs[:, width - order - 1 : width].copy()


def poles(polynomials: Reals) -> Complexes:
    """Roots of monic real polynomials, complex128[frame, order], in no order.

    A real root has an imaginary part of exactly 0; complex ones come as exact conjugates.

    Args:
        polynomials: float64[frame, order + 1], highest power first, first column 1.

    Raises:
        numpy.linalg.LinAlgError: A coefficient is not finite.
    """
    order = polynomials.shape[1] - 1
    if order < LEAST_ORDER or order % 2:
        return _eigenvalues(polynomials)
    roots, settled = settled_roots(polynomials)
    if not settled.all():
        roots[~settled] = _eigenvalues(polynomials[~settled])
    return roots


def _eigenvalues(polynomials: Reals) -> Complexes:
    """The same as `poles`, by the companion matrices: slower, and never at a loss."""
    count, order = polynomials.shape[0], polynomials.shape[1] - 1
    companion = np.zeros((count, order, order))
    companion[:, 0] = -polynomials[:, 1:]
    below = np.arange(order - 1)
    companion[:, below + 1, below] = 1.0
    return np.asarray(np.linalg.eigvals(companion), np.complex128)


def polynomials_of(roots: Complexes) -> Reals:
    """Monic real polynomials with the given roots, float64[frame, order + 1]; the inverse of `poles`.

    The product is evaluated on more points of the unit circle than there are coefficients and transformed back.

    Args:
        roots: complex128[frame, order], closed under conjugation.
    """
    order = roots.shape[1]
    points = fft.next_fast_len(order + 1, real=True)
    circle = np.exp(-2j * np.pi * np.arange(points // 2 + 1) / points)
    values = np.multiply.reduce(1.0 - circle[:, np.newaxis] * roots[:, np.newaxis, :], axis=2)
    coefficients = np.asarray(fft.irfft(values, points, axis=1)[:, : order + 1], np.float64)
    coefficients[:, 0] = 1.0
    return coefficients
