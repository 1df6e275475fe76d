"""Hours of live sources whose clocks drift and whose times jitter: sound and pictures stay in step, lag stays flat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from buffers.records import Track
from streams.media import RawFrame
from streams.sources.live import lanes
from streams.sources.live.times import LiveTimes
from tests.made_live_times import Arrival, CountingStretcher, Heard, in_time, quiet

pytestmark = pytest.mark.unit

HOURS_S = 4 * 3600.0


def drifting(kind: str, ppm: float, rng: np.random.Generator) -> tuple[LiveTimes, Iterator[Arrival]]:
    """Hours of coarse blocks: a network stream of one or two clocks, or a microphone beside a camera."""
    fast, block_s = 1 + ppm * 1e-6, 4.0

    def seen() -> Iterator[Arrival]:
        for number in range(int(HOURS_S / block_s)):
            true_s = 3.0 + number * block_s
            arrived_s = true_s + 0.05 + float(rng.uniform(0, 0.06))
            if kind == "microphone":
                yield Arrival(arrived_s, true_s, Track.VIDEO, captured_s=true_s)
            else:
                yield Arrival(arrived_s, true_s, Track.VIDEO, pts_s=true_s * fast)

    def heard() -> Iterator[Arrival]:
        for number in range(int(HOURS_S / block_s)):
            true_s = 3.0 + number * block_s / fast
            arrived_s = true_s + block_s / fast + 0.05 + float(rng.uniform(0, 0.06))
            if kind == "microphone":
                captured_s = true_s + float(rng.uniform(-0.02, 0.02))
                yield Arrival(arrived_s, true_s, Track.AUDIO, captured_s=captured_s, duration_s=block_s)
            else:
                base_s = 0.0 if kind == "one clock" else 777.0
                yield Arrival(arrived_s, true_s, Track.AUDIO, pts_s=base_s + true_s * fast, duration_s=block_s)

    return LiveTimes(frozenset(Track), one_clock=kind == "one clock"), in_time(seen(), heard())


@pytest.mark.parametrize("kind", ["one clock", "two clocks", "microphone"])
@pytest.mark.parametrize("ppm", [200.0, -800.0])
def test_four_hours_of_a_drifting_clock_leave_sound_and_pictures_in_step(
    kind: str, ppm: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "Stretcher", CountingStretcher)
    times, arrivals = drifting(kind, ppm, np.random.default_rng(7))
    fast = 1 + ppm * 1e-6
    heard = Heard()
    pictures: list[tuple[float, float]] = []
    sounds: list[tuple[float, float]] = []
    for arrival in arrivals:
        items = arrival.into(times)
        heard.take(items, arrival.arrived_s, times)
        heard.sound.clear()
        if arrival.track is Track.VIDEO:
            pictures += [(arrival.true_s, item.t_s - arrival.true_s) for item in items if isinstance(item, RawFrame)]
        else:
            here_s = times._sound._here_s
            sounds.append((arrival.true_s, here_s - arrival.true_s - arrival.duration_s / fast))
    true_s, off_s = np.array(sounds[10:]).T
    seen_s, lags_s = np.array(pictures[10:]).T
    apart_s = np.abs(off_s - np.interp(true_s, seen_s, lags_s))
    assert np.max(apart_s) <= 0.04
    assert np.median(apart_s) <= 0.01
    # No lag grows over the hours: at the end it is what it was at the beginning.
    assert abs(np.mean(lags_s[-500:]) - np.mean(lags_s[50:550])) <= 0.005
    assert abs(np.mean(off_s[-500:]) - np.mean(off_s[50:550])) <= 0.005
    assert np.ptp(lags_s[50:]) <= 0.06
    drift_ppm = times.drift_ppm
    assert drift_ppm is not None
    assert drift_ppm == pytest.approx(ppm, abs=60)
    # That pictures come every four seconds only must first be learned.
    assert all(gap.end_s < 30.0 for gap in heard.gaps)
    assert times.jumps == times.late == 0


@pytest.mark.parametrize("jitter_s", [0.02, 0.05, 0.1])
def test_a_microphone_whose_times_jitter_is_in_step_within_a_quarter_of_a_minute(jitter_s: float) -> None:
    times = LiveTimes({Track.AUDIO}, one_clock=False)
    rng = np.random.default_rng(1)
    fast, off_s = 1 + 300e-6, []
    heard = Heard()
    for number in range(1200):
        true_s = 1.0 + number * 0.1 / fast
        arrived_s = true_s + 0.1 + 0.2
        captured_s = true_s + float(rng.uniform(-jitter_s, jitter_s))
        heard.take(times.sound(quiet(0.1), arrived_s=arrived_s, captured_s=captured_s), arrived_s, times)
        if true_s > 16.0 and not times._sound._runs._doubted:
            off_s.append(abs(times._sound._here_s - true_s - 0.1 / fast))
    assert max(off_s) <= 0.015
    assert np.median(off_s) <= 0.01
    assert all(gap.end_s < 4.0 for gap in heard.gaps)
