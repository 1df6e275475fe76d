"""The roots of many real polynomials at once, by Aberth's iteration; what does not settle is left to others.

Every polynomial is iterated until it has settled itself, whatever its neighbours do: neither the number of
polynomials in a call nor their order ever changes a bit of a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Flags = NDArray[np.bool_]

LEAST_ORDER: Final = 4
"""Order of the least polynomial that is tried: two pairs, of which one may be two real roots."""

_GRID: Final[Reals] = np.cos(np.linspace(np.pi, 0.0, 66))
"""Where signs are looked at to find real roots: finest towards -1 and 1, near which the real poles of speech are."""

_BETWEEN: Final[Reals] = (_GRID[1:] + _GRID[:-1]) / 2

_RADIUS: Final = 0.93
"""Where complex roots start. Source: the middle half of the poles of 60 s of speech lies between 0.88 and 0.98."""

_LOWER: Final = 0.09
"""How much below equal parts of a half turn they start (radians): speech has more poles low than high. Source: the
same speech, which settles after 6.0 steps in the mean, and after 7.2 from equal parts."""

_LOOKS: Final = (4, 6, 8, 10, 12)
"""Steps after which is looked for what has settled: nothing has before, and looking costs as much as half a step.
After the last one eigenvalues are cheaper: one polynomial of a hundred is left by then."""

_SETTLED: Final = 1e-8
"""Last step of a settled root: steps shrink with the third power, so only rounding is left after this one."""


def settled_roots(polynomials: Reals) -> tuple[Complexes, Flags]:
    """Roots of real polynomials with none or two real roots, which those of speech are, 19 times of 20.

    Of each conjugate pair one root is iterated and the other mirrored; real roots are found by their changes of sign
    and stay real. The steps are those of Aberth (1973), equation 3, with each pair's part of the sum taken at once.

    Args:
        polynomials: float64[n, order + 1], highest power first, first column 1, order even and at least
                `LEAST_ORDER`.

    Returns:
        complex128[n, order], and for each polynomial whether these are its roots, bool[n].
    """
    count, order = polynomials.shape[0], polynomials.shape[1] - 1
    pairs = order // 2
    two_real, tried, roots = _starts(polynomials)
    found = np.zeros_like(roots)
    settled = np.zeros(count, np.bool_)
    still = np.flatnonzero(tried)
    state = _Iteration.of(polynomials, roots, two_real)
    if len(still) < count:
        state = state.only(still)
    with np.errstate(all="ignore"):  # what divides by zero does not settle
        for step in range(1, _LOOKS[-1] + 1 if len(still) else 1):
            steps = state.advance()
            if step not in _LOOKS:
                continue
            done = np.abs(steps).max(axis=1) < _SETTLED
            found[still[done]], settled[still[done]] = state.roots[done], True
            going_on = np.flatnonzero(~done)
            if not len(going_on):
                break
            still, state = still[going_on], state.only(going_on)
    mirrored = found[:, :pairs].conj()
    mirrored[two_real, pairs - 1] = found[two_real, pairs]
    return np.concatenate([found[:, :pairs], mirrored], axis=1), settled


def _starts(polynomials: Reals) -> tuple[Flags, Flags, Complexes]:
    """Which polynomials have two real roots, which are tried at all, and where their roots start.

    The starts are complex128[n, order / 2 + 1]: complex ones, then the two real ones or a place that is not used.
    """
    count, order = polynomials.shape[0], polynomials.shape[1] - 1
    pairs = order // 2
    # One product a polynomial: the result of a larger one may depend on how many there are.
    values = np.matmul(polynomials[:, np.newaxis], _grid_powers(order))[:, 0]
    changes = (values[:, 1:] < 0.0) != (values[:, :-1] < 0.0)
    real = changes.sum(axis=1)
    two_real = real == 2
    roots = np.zeros((count, pairs + 1), np.complex128)
    roots[:, :pairs] = _spread(pairs)
    roots[two_real, : pairs - 1] = _spread(pairs - 1)
    roots[two_real, pairs - 1] = _BETWEEN[changes[two_real].argmax(axis=1)]
    roots[two_real, pairs] = _BETWEEN[::-1][changes[two_real, ::-1].argmax(axis=1)]
    return two_real, two_real | (real == 0), roots


@cache
def _grid_powers(order: int) -> Reals:
    return np.asarray(_GRID ** np.arange(order, -1, -1)[:, np.newaxis], np.float64)


@cache
def _spread(pairs: int) -> Complexes:
    return np.asarray(_RADIUS * np.exp(1j * ((np.arange(pairs) + 0.5) * np.pi / pairs - _LOWER)), np.complex128)


@dataclass(frozen=True, slots=True, eq=False)
class _Iteration:
    """Polynomials under way.

    Attributes:
        roots: complex128[n, slot], moved in place.
        values: float64[n, 2, order + 1], coefficients of the polynomial and of its derivative, lowest power first.
        weights: complex128[n, slot, 1], how often a slot's term counts: 2 a pair, 1 a real root, 0 an unused slot.
        real: float64[n, slot], 0 for a root above the real axis, 1 for all others.
        free: float64[n, slot, 2], 1 for each of the two parts of a root that may move.
    """

    roots: Complexes
    values: Reals
    weights: Complexes
    real: Reals
    free: Reals

    @classmethod
    def of(cls, polynomials: Reals, roots: Complexes, two_real: Flags) -> _Iteration:
        """Begin."""
        count, order = polynomials.shape[0], polynomials.shape[1] - 1
        pairs = order // 2
        values = np.zeros((count, 2, order + 1))
        values[:, 0] = polynomials[:, ::-1]
        values[:, 1, :order] = values[:, 0, 1:] * np.arange(1, order + 1)
        free = np.ones((*roots.shape, 2))
        free[:, pairs - 1, 1] = ~two_real
        free[:, pairs, 0] = two_real
        free[:, pairs, 1] = 0.0
        weights = free.sum(axis=2, keepdims=True).astype(np.complex128)
        return cls(roots, values, weights, 1.0 - free[:, :, 1], free)

    def only(self, kept: NDArray[np.intp]) -> _Iteration:
        """Go on with some."""
        return _Iteration(self.roots[kept], self.values[kept], self.weights[kept], self.real[kept], self.free[kept])

    def advance(self) -> Complexes:
        """Take a step; how far each root went, complex128[n, slot]."""
        roots = self.roots
        count, slots = roots.shape
        at_roots = np.matmul(self.values, self._powers()).view(np.complex128)
        # Of root j and its mirror: 1 / (z - r) + 1 / (z - r*) = 2 d / (d² + y²) with d = z - x, r = x + iy.
        apart = roots[:, :, np.newaxis] - roots.real[:, np.newaxis]
        height = np.square(roots.imag)
        product = apart * apart
        product += height[:, np.newaxis]
        # Of a root itself its mirror alone counts, 1 / 2iy; of a real one nothing does: 0 over 1.
        product.reshape(count, -1)[:, :: slots + 1] = self.real - 4.0 * height
        apart /= product
        repelled = np.matmul(apart, self.weights)[:, :, 0]
        value = at_roots[:, 0]
        steps: Complexes = value / (at_roots[:, 1] - value * repelled)
        parts = steps.view(np.float64)
        parts *= self.free.reshape(count, -1)
        roots -= steps
        return steps

    def _powers(self) -> Reals:
        """Powers of all roots, float64[n, order + 1, 2 slot]: real and imaginary parts side by side."""
        count, slots = self.roots.shape
        order = self.values.shape[2] - 1
        powers = np.empty((order + 1, count * slots), np.complex128)
        powers[0] = 1.0
        powers[1] = self.roots.reshape(-1)
        known = 1
        while known < order:
            more = min(known, order - known)
            np.multiply(powers[1 : more + 1], powers[known], out=powers[known + 1 : known + more + 1])
            known += more
        return powers.view(np.float64).reshape(order + 1, count, 2 * slots).swapaxes(0, 1)
