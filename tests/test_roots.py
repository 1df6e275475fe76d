"""Roots of many polynomials: as exact as eigenvalues, alone or in company, and honest about what did not settle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.deidentify.lpc import Complexes, Reals, burg, poles, polynomials_of
from streams.deidentify.roots import settled_roots

pytestmark = pytest.mark.unit

ORDER = 20


def speechlike(count: int, seed: int = 11) -> Reals:
    """Prediction polynomials of coloured noise, float64[count, ORDER + 1]."""
    noise = np.random.default_rng(seed).standard_normal((count, 340))
    coloured = noise[:, 20:] + 1.5 * noise[:, 19:-1] + 0.9 * noise[:, 17:-3]
    return burg(coloured * np.hanning(320), ORDER)


def with_real_roots(*real: float) -> Reals:
    """A polynomial with these real roots and pairs for the rest."""
    pairs = (ORDER - len(real)) // 2
    upper = 0.9 * np.exp(1j * np.pi * (np.arange(pairs) + 0.7) / (pairs + 0.5))
    return polynomials_of(np.concatenate([upper, upper.conj(), np.array(real, np.complex128)])[np.newaxis])


def settles(polynomials: Reals) -> NDArray[np.bool_]:
    return settled_roots(polynomials)[1]


def unmatched(roots: Complexes, expected: Complexes) -> float:
    """Largest distance from an expected root to the nearest found one."""
    return float(np.abs(roots[:, :, np.newaxis] - expected[:, np.newaxis]).min(axis=1).max())


def test_the_roots_make_up_the_polynomial() -> None:
    polynomials = speechlike(200)
    roots, settled = settled_roots(polynomials)
    assert settled.mean() > 0.8
    found = polynomials_of(roots[settled])
    assert np.abs(found - polynomials[settled]).max() <= 1e-12 * np.abs(polynomials).max()


def test_complex_roots_are_exact_conjugates_and_real_ones_are_exactly_real() -> None:
    roots, settled = settled_roots(with_real_roots(-0.8, 0.95))
    assert settled.all()
    assert np.sort(roots[0][roots[0].imag == 0.0].real) == pytest.approx([-0.8, 0.95], abs=1e-10)
    assert set(roots[0]) == set(roots[0].conj())
    assert len(set(roots[0])) == ORDER


def test_two_real_roots_on_one_side_are_both_found() -> None:
    roots, settled = settled_roots(with_real_roots(0.5, 0.9))
    assert settled.all()
    assert np.sort(roots[0][roots[0].imag == 0.0].real) == pytest.approx([0.5, 0.9], abs=1e-10)


@given(st.integers(0, 100), st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_neither_company_nor_order_changes_a_bit(seed: int, parts: list[int]) -> None:
    polynomials = speechlike(60, seed)
    together = poles(polynomials)
    cuts = np.minimum(np.cumsum(parts), 60)
    apart = [poles(part) for part in np.split(polynomials, cuts) if len(part)]
    assert np.array_equal(np.concatenate(apart), together)
    assert np.array_equal(poles(polynomials[::-1].copy())[::-1], together)


@pytest.mark.parametrize("real", [(-0.9, -0.5, 0.5, 0.9), (0.7, 0.7), (0.7, 0.7 + 1e-9)])
def test_what_does_not_settle_is_said_and_left_to_eigenvalues(real: tuple[float, ...]) -> None:
    polynomials = with_real_roots(*real)
    assert not settles(polynomials).any()
    expected = np.array(real, np.complex128)[np.newaxis]
    assert unmatched(poles(polynomials), expected) <= 1e-6


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_polynomials_of_any_order_have_roots(order: int) -> None:
    polynomials = burg(np.random.default_rng(2).standard_normal((30, 60)), order)
    roots = poles(polynomials)
    assert roots.shape == (30, order)
    assert np.abs(polynomials_of(roots) - polynomials).max() <= 1e-12


def test_a_polynomial_that_is_a_power_has_all_its_roots_at_zero() -> None:
    polynomial = np.zeros((1, ORDER + 1))
    polynomial[0, 0] = 1.0
    assert not poles(polynomial).any()


def test_coefficients_that_are_not_finite_have_no_roots() -> None:
    polynomials = speechlike(3)
    polynomials[1, 4] = np.nan
    with pytest.raises(np.linalg.LinAlgError):
        poles(polynomials)


def test_of_no_polynomials_there_are_no_roots() -> None:
    assert poles(np.zeros((0, ORDER + 1))).shape == (0, ORDER)
