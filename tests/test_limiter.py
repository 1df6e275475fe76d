"""The limiter: never above the ceiling, never a click, never a difference where nothing is too loud."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streams.deidentify.limiter import CEILING, LOOK_AHEAD, Limiter
from streams.deidentify.lpc import Reals

pytestmark = pytest.mark.unit

ANY_SOUND = arrays(np.float64, st.integers(0, 1200), elements=st.floats(-50, 50, width=32))


def limited(samples: Reals, cuts: tuple[int, ...] = ()) -> Reals:
    """The whole output for `samples` pushed in blocks of the given lengths, the rest at once."""
    limiter, out, start = Limiter(), [], 0
    for length in (*cuts, len(samples)):
        out.append(limiter.push(samples[start : start + length]))
        start += length
    return np.concatenate([*out, limiter.flush()])


def tone(seconds: float, level: float) -> Reals:
    return np.asarray(level * np.sin(np.arange(round(16_000 * seconds)) * 0.3), np.float64)


@given(ANY_SOUND)
@settings(max_examples=100)
def test_nothing_passes_the_ceiling_and_every_sample_comes_back(samples: Reals) -> None:
    out = limited(samples)
    assert len(out) == len(samples)
    assert np.abs(out).max(initial=0.0) <= CEILING * (1 + 1e-12) < 1.0


@given(ANY_SOUND, st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=100)
def test_no_cutting_into_blocks_changes_a_bit(samples: Reals, cuts: list[int]) -> None:
    assert np.array_equal(limited(samples, tuple(cuts)), limited(samples))


@given(ANY_SOUND)
def test_the_gain_only_turns_down_and_turns_no_sign(samples: Reals) -> None:
    out = limited(samples)
    assert (out * samples >= 0.0).all()
    assert (np.abs(out) <= np.abs(samples) * (1 + 1e-12)).all()
    assert not out[samples == 0.0].any()


@given(arrays(np.float64, st.integers(0, 1200), elements=st.floats(-CEILING, CEILING)))
def test_what_is_not_too_loud_comes_out_as_it_went_in(samples: Reals) -> None:
    assert np.array_equal(limited(samples), samples)


def test_a_peak_is_met_by_a_gain_that_has_already_come_down_and_goes_back_slowly() -> None:
    sound = np.concatenate([tone(0.1, 0.9), tone(0.02, 9.0), tone(1.0, 0.9)])
    out = limited(sound)
    with np.errstate(invalid="ignore"):
        gain = out / sound
    gain = gain[np.isfinite(gain)]
    # Full to a tenth within one block is the steepest there can be: no step, so no click.
    assert np.abs(np.diff(gain)).max() < 1.0 / LOOK_AHEAD
    assert gain[: 1600 - 2 * LOOK_AHEAD].min() == 1.0
    assert gain[1600:1920].max() <= CEILING / 9 * 1.05
    # 20 dB at half a decibel in 2.5 ms.
    recovered = np.flatnonzero(gain[1920:] == 1.0)[0] / 16_000
    assert 0.08 <= recovered <= 0.12


def test_a_sample_waits_for_its_block_and_the_next_one_only() -> None:
    limiter, pushed, given_back = Limiter(), 0, 0
    for length in (1, 79, 80, 160, 7, 400, 33):
        pushed += length
        given_back += len(limiter.push(np.zeros(length)))
        assert pushed - given_back < 2 * LOOK_AHEAD
    assert len(limiter.flush()) == pushed - given_back


def test_whole_hops_wait_for_the_look_ahead_alone() -> None:
    limiter = Limiter()
    waiting = [160 - len(limiter.push(np.zeros(160))) for _ in range(4)]
    assert waiting == [LOOK_AHEAD, 0, 0, 0]


def test_after_a_flush_the_stream_starts_anew_at_full_gain() -> None:
    limiter = Limiter()
    limiter.push(tone(0.1, 5.0))
    limiter.flush()
    quiet = tone(0.1, 0.5)
    assert np.array_equal(np.concatenate([limiter.push(quiet), limiter.flush()]), quiet)
