"""The leveller: the source's loudness on an altered stream, without a sound of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streams.deidentify.leveller import STEP, Leveller
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import HOP

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
TWO_SOUNDS = st.integers(0, 1500).flatmap(
    lambda length: arrays(np.float64, (2, length), elements=st.floats(-2, 2, width=32))
)


def levelled(source: Reals, altered: Reals, steps: tuple[int, ...] = ()) -> Reals:
    """The whole output where so many steps are pushed at a time, the rest at once."""
    leveller, out, start = Leveller(), [], 0
    whole = len(source) // STEP
    for count in (*steps, whole):
        stop = min(start + count, whole)
        out.append(leveller.push(source[start * STEP : stop * STEP], altered[start * STEP : stop * STEP]))
        start = stop
    return np.concatenate([*out, leveller.flush(source[whole * STEP :], altered[whole * STEP :])])


def tone(frequency_hz: float, level: float, seconds: float = 1.0) -> Reals:
    return np.asarray(level * np.sin(2 * np.pi * frequency_hz * np.arange(round(RATE_HZ * seconds)) / RATE_HZ + 0.5))


def highest_sideband_db(samples: Reals, frequency_hz: float) -> float:
    """The strongest thing beside a steady tone, against the tone (dB)."""
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(len(samples))))
    tones = round(frequency_hz * len(samples) / RATE_HZ)
    beside = np.delete(spectrum, slice(max(0, tones - 3), tones + 4))
    return float(20 * np.log10(beside.max() / spectrum[tones]))


def test_a_hop_of_the_voice_is_whole_steps() -> None:
    assert HOP % STEP == 0


@given(TWO_SOUNDS, st.lists(st.integers(0, 4), max_size=6))
@settings(max_examples=100)
def test_no_cutting_into_blocks_changes_a_bit(sounds: Reals, steps: list[int]) -> None:
    source, altered = sounds
    assert np.array_equal(levelled(source, altered, tuple(steps)), levelled(source, altered))


@given(TWO_SOUNDS)
@settings(max_examples=100)
def test_every_sample_comes_back_turned_up_by_no_more_than_12_db(sounds: Reals) -> None:
    source, altered = sounds
    out = levelled(source, altered)
    assert len(out) == len(altered)
    assert (np.abs(out) <= 4.0 * np.abs(altered) * (1 + 1e-9)).all()
    assert (out * altered >= 0.0).all()


@given(arrays(np.float64, st.integers(0, 1500), elements=st.floats(-2, 2, width=32)))
def test_sound_that_nothing_happened_to_stays_as_it_is(samples: Reals) -> None:
    assert np.allclose(levelled(samples, samples), samples, rtol=1e-9, atol=1e-150)


@pytest.mark.parametrize("source_hz", [60.0, 90.0, 117.0, 220.0, 1000.7])
@pytest.mark.parametrize("altered_hz", [83.0, 131.0, 517.0, 3000.0])
def test_a_steady_tone_stays_steady(source_hz: float, altered_hz: float) -> None:
    out = levelled(tone(source_hz, 0.3), tone(altered_hz, 0.2))[4 * STEP : -4 * STEP]
    assert highest_sideband_db(out, altered_hz) < -40.0
    assert np.square(out).mean() == pytest.approx(0.3**2 / 2, rel=0.02)


def test_the_grid_of_gains_is_not_heard_in_noise() -> None:
    rng = np.random.default_rng(4)
    source, altered = rng.standard_normal((2, 30 * RATE_HZ)) * [[0.1], [0.03]]
    power = np.square(levelled(source, altered)).reshape(-1, STEP).mean(axis=0)
    # A tone that swells with each step by as much as this would have sidebands below -40 dB.
    swell = np.abs(np.fft.rfft(np.sqrt(power)))
    assert 20 * np.log10(swell[1] / swell[0]) < -40.0


def test_the_loudness_of_the_source_is_put_on_a_sound_that_lost_it() -> None:
    swell = 0.4 + 0.6 * np.sin(np.pi * np.arange(RATE_HZ) / RATE_HZ * 4) ** 2
    source, dip = tone(200.0, 0.3) * swell, 0.65 + 0.35 * np.cos(np.arange(RATE_HZ) / 900)
    out = levelled(source, tone(330.0, 0.3) * swell * dip)
    before, after = (np.square(sound.reshape(-1, 2 * STEP)).mean(axis=1) for sound in (source, out))
    assert 10 * np.log10(after[1:-1] / before[1:-1]) == pytest.approx(0.0, abs=0.5)


def test_where_the_source_is_silent_for_a_window_nothing_is_left() -> None:
    source = tone(200.0, 0.3)
    source[50 * STEP : 60 * STEP] = 0.0
    out = levelled(source, tone(330.0, 0.3))
    assert not out[51 * STEP : 59 * STEP].any()
    assert out[: 50 * STEP].any()


def test_a_gain_that_falls_and_rises_makes_no_step() -> None:
    source = np.concatenate([tone(200.0, 0.9, 0.2), tone(200.0, 0.001, 0.2), tone(200.0, 0.9, 0.2)])
    gain = levelled(source, np.full(len(source), 0.5)) / 0.5
    assert np.abs(np.diff(gain)).max() <= 4.0 / STEP


def test_only_the_latest_step_waits() -> None:
    leveller = Leveller()
    waiting = [3 * STEP - len(leveller.push(np.ones(3 * STEP), np.ones(3 * STEP))) for _ in range(3)]
    assert waiting == [STEP, 0, 0]
    assert len(leveller.flush(np.ones(7), np.ones(7))) == STEP + 7


def test_after_a_flush_the_stream_starts_anew() -> None:
    leveller = Leveller()
    leveller.push(np.ones(STEP), np.full(STEP, 0.1))
    leveller.flush(np.zeros(0), np.zeros(0))
    sounds = np.random.default_rng(2).standard_normal((2, 400))
    again = np.concatenate([leveller.push(*sounds[:, :320]), leveller.flush(*sounds[:, 320:])])
    assert np.array_equal(again, levelled(*sounds))
