"""Sound of live sources is stretched into step without being heard: purity of tones, seams, counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawAudio
from streams.sources.live.lane_stretch import Stretcher
from streams.sources.live.times import LiveTimes

pytestmark = pytest.mark.unit

STEPS = st.floats(0.995, 1.005)


def tone(frequency_hz: float, duration_s: float) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ).astype(
        np.float32
    )


def stretched(samples: NDArray[np.float32], steps: list[float], run: int = 320) -> NDArray[np.float32]:
    stretcher = Stretcher()
    parts = [
        stretcher.push(samples[start : start + run], steps[start // run % len(steps)])
        for start in range(0, len(samples), run)
    ]
    return np.concatenate([*parts, stretcher.rest()])


def purity_db(samples: NDArray[np.float32], frequency_hz: float) -> float:
    """Level of a tone near `frequency_hz` over everything else, past the edges (dB)."""
    inner = samples[400:-400].astype(np.float64)
    time_s = np.arange(len(inner)) / AUDIO_RATE_HZ
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 1 << 18))
    near = int(frequency_hz * (1 << 18) / AUDIO_RATE_HZ)
    peak = near - 500 + int(np.argmax(spectrum[near - 500 : near + 500]))
    found_hz = peak * AUDIO_RATE_HZ / (1 << 18)
    fit = np.stack(
        [f(2 * np.pi * (found_hz + by) * time_s) for by in (-0.01, 0.0, 0.01) for f in (np.sin, np.cos)], axis=1
    )
    rest = inner - fit @ np.linalg.lstsq(fit, inner, rcond=None)[0]
    return float(10 * np.log10(np.mean(inner**2) / np.mean(rest**2)))


def test_sound_in_step_comes_out_as_it_went_in() -> None:
    noise = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    assert np.array_equal(stretched(noise, [1.0]), noise)


@pytest.mark.parametrize("frequency_hz", [100.0, 440.0, 1000.0, 3000.0, 6000.0])
@pytest.mark.parametrize("step", [0.9992, 1.0002, 1.005])
def test_a_tone_stays_clean(frequency_hz: float, step: float) -> None:
    assert purity_db(stretched(tone(frequency_hz, 2.0), [step]), frequency_hz * step) > 75


def test_run_boundaries_do_not_click() -> None:
    whole = stretched(tone(1000.0, 2.0), [1.0008], run=32_000)
    cut = stretched(tone(1000.0, 2.0), [1.0008], run=160)
    count = min(len(whole), len(cut))
    assert abs(len(whole) - len(cut)) <= 1
    assert np.max(np.abs(whole[:count] - cut[:count])) < 1e-4


def test_a_step_that_changes_does_not_click() -> None:
    # A slow tone: what a sample jumps by more than its slope is a click.
    made = stretched(tone(100.0, 2.0), [0.998, 1.002, 1.0])[100:-100]
    bends = np.abs(np.diff(made, 2))
    assert np.max(bends) < 1.05 * (2 * np.pi * 100 / AUDIO_RATE_HZ) ** 2


@given(st.lists(st.tuples(st.integers(0, 2000), STEPS), min_size=1, max_size=20))
def test_nothing_is_lost_or_made_up_over_many_runs(runs: list[tuple[int, float]]) -> None:
    stretcher = Stretcher()
    for count, step in runs:
        before = stretcher.held
        made = len(stretcher.push(np.ones(count, np.float32), step))
        assert stretcher.held == pytest.approx(before + count - made * step, abs=1e-6)
        assert 0.0 <= stretcher.held <= 18.0
    assert len(stretcher.rest()) == pytest.approx(stretcher.held, abs=18.0)


@given(st.lists(STEPS, min_size=1, max_size=5))
def test_it_is_never_louder_than_a_filter_may_be(steps: list[float]) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 4000).astype(np.float32)
    made = stretched(noise, steps)
    assert made.dtype == np.float32
    assert np.all(np.isfinite(made))
    assert np.max(np.abs(made)) < 3.0


@pytest.mark.parametrize("ppm", [0, 200, -800, 1000])
def test_a_tone_of_a_microphone_with_a_bad_clock_stays_clean(ppm: int) -> None:
    times = LiveTimes({Track.AUDIO}, one_clock=False)
    rng = np.random.default_rng(2)
    samples = tone(1000.0, 45.0)
    run, fast = 320, 1 + ppm * 1e-6
    blocks: list[RawAudio] = []
    for start in range(0, len(samples), run):
        captured_s = 1.0 + start / AUDIO_RATE_HZ / fast
        arrived_s = captured_s + run / AUDIO_RATE_HZ / fast + 0.1
        stamp_s = captured_s + float(rng.uniform(-0.005, 0.005))
        items = times.sound(samples[start : start + run], arrived_s=arrived_s, captured_s=stamp_s)
        blocks += [item for item in items if isinstance(item, RawAudio)]
    heard = np.concatenate([block.samples for block in blocks[-30:]])
    # The pitch wanders by some millionths as jitter pulls at it, so it is looked at in moments.
    moments = [purity_db(heard[start : start + 4000], 1000.0) for start in range(0, len(heard) - 4000, 4000)]
    assert min(moments) > 55
    assert np.max(np.abs(np.diff(heard, 2))) < 1.05 * (2 * np.pi * 1000 / AUDIO_RATE_HZ) ** 2
    drift_ppm = times.drift_ppm
    assert drift_ppm is not None
    assert drift_ppm == pytest.approx(ppm, abs=50)
    drift_s = times.drift_s
    assert drift_s is not None
    assert abs(drift_s) < 0.01
