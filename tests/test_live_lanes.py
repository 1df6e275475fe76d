"""The two lanes of a live source: frames and sound in order, holes named, doubts settled before anything is moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawAudio, RawFrame, RawGap, RawItem
from streams.sources.live.lane_runs import PlacedRun, Runs
from streams.sources.live.lane_trend import STEEPEST, Trend
from streams.sources.live.lanes import SoundLane, VideoLane
from streams.sources.live.times_anchor import MediaScale
from streams.sources.live.times_stamps import Stamp
from tests.made_live_times import DOT, Heard, quiet

pytestmark = pytest.mark.unit

SCALE, OTHER = MediaScale(), MediaScale()
RUN_S = 0.02


def told(items: Sequence[RawItem]) -> list[float | tuple[float, float]]:
    """Frames by their time, gaps by their span."""
    places: list[float | tuple[float, float]] = []
    for item in items:
        assert isinstance(item, RawFrame | RawGap)
        places.append((item.start_s, item.end_s) if isinstance(item, RawGap) else item.t_s)
    return places


def seen(
    lane: VideoLane, times_s: Sequence[float | None], arrived_s: float = 100.0
) -> list[float | tuple[float, float]]:
    return [place for t_s in times_s for place in told(lane.add(DOT, t_s, arrived_s))]


@pytest.mark.parametrize(
    ("times_s", "placed"),
    [
        pytest.param([0.5, 0.54, 0.58], [0.5, 0.54, 0.58], id="right"),
        pytest.param([0.5, 0.5, 0.4, 0.58], [0.5, 0.501, 0.502, 0.58], id="not advancing"),
        pytest.param([0.5, 0.54, 1.5], [0.5, 0.54, 1.5], id="a step below a second"),
        pytest.param([0.5, 0.54, 2.5], [0.5, 0.54, (0.58, 2.5), 2.5], id="a hole"),
        pytest.param([3.0], [(0.0, 3.0), 3.0], id="a late start"),
        pytest.param([0.5, None], [0.5, (0.54, 100.0), 100.0], id="without a time: arrival"),
        pytest.param([0.5, 100.2], [0.5, (0.54, 100.0), 100.0], id="in the future: arrival"),
        pytest.param([0.5, 100.04, 100.04], [0.5, (0.54, 100.04), 100.04, 100.041], id="in the future by a little"),
    ],
)
def test_frames_are_placed(times_s: list[float | None], placed: list[float | tuple[float, float]]) -> None:
    def flat(places: Sequence[float | tuple[float, float]]) -> list[float]:
        return [number for place in places for number in (place if isinstance(place, tuple) else (place,))]

    assert flat(seen(VideoLane(), times_s)) == pytest.approx(flat(placed))


def test_slow_pictures_are_no_holes_once_their_pace_is_known() -> None:
    lane = VideoLane()
    placed = [lane.add(DOT, number * 5.0, 100.0) for number in range(20)]
    assert all(isinstance(items[0], RawFrame) for items in placed[6:])


def test_frames_that_find_no_room_before_their_arrival_are_left_out() -> None:
    lane = VideoLane()
    handed_on = [lane.add(DOT, None, 1.0) for _ in range(100)]
    assert sum(bool(items) for items in handed_on) == pytest.approx(51, abs=1)
    assert lane.late == 100 - sum(bool(items) for items in handed_on)


def test_silence_of_pictures_begins_where_the_last_one_ends() -> None:
    lane = VideoLane()
    seen(lane, [0.5, 0.54, 0.58])
    assert told(lane.silent(0.6, "x")) == []
    (gap,) = lane.silent(3.0, "x")
    assert isinstance(gap, RawGap)
    assert (gap.start_s, gap.end_s) == pytest.approx((0.62, 3.0))
    assert lane.end_s == 3.0
    assert told(lane.silent(3.0, "x")) == []
    assert told(lane.silent(4.0, "x")) == [(3.0, 4.0)]
    assert seen(lane, [2.0, 3.99, 4.0, 4.04]) == [4.0, 4.04]
    assert lane.late == 2
    assert [item.index for item in lane.add(DOT, 4.1, 9.0) if isinstance(item, RawFrame)] == [5]


def fed(runs: Runs, stamps: Sequence[float | Stamp | None]) -> list[list[PlacedRun]]:
    """Runs of 20 ms, one every 20 ms."""
    return [
        runs.add(quiet(RUN_S), Stamp(stamp, SCALE) if isinstance(stamp, float) else stamp, 1.0 + number * RUN_S)
        for number, stamp in enumerate(stamps)
    ]


def steady(count: int, begin_s: float = 1.0) -> list[float]:
    return [begin_s + number * RUN_S for number in range(count)]


def test_stamps_that_agree_with_the_count_are_followed() -> None:
    placed = [run.t_s for out in fed(Runs(), steady(50)) for run in out]
    assert placed == pytest.approx(steady(50))


def test_one_wrong_stamp_moves_no_sound() -> None:
    stamps = steady(100)
    stamps[60] += 0.5
    out = fed(Runs(), stamps)
    assert out[60] == []
    assert len(out[61]) == 2
    assert [run.t_s for runs in out for run in runs] == pytest.approx(steady(100))


def test_a_hole_is_believed_when_it_lasts_and_begins_where_it_began() -> None:
    out = fed(Runs(), [*steady(60), *steady(40, 1.0 + 60 * RUN_S + 0.5)])
    assert not any(out[60:65])
    assert all(len(runs) == 1 for runs in [*out[:60], *out[67:]])
    placed = [run.t_s for runs in out for run in runs]
    assert placed == pytest.approx([*steady(60), *steady(40, 1.0 + 60 * RUN_S + 0.5)])


def test_another_scale_is_taken_up_without_moving_anything() -> None:
    stamps: list[float | Stamp] = [*steady(60), *(Stamp(stamp, OTHER) for stamp in steady(40, 1.0 + 60 * RUN_S))]
    runs = Runs()
    placed = [run for out in fed(runs, stamps) for run in out]
    assert [run.t_s for run in placed] == pytest.approx(steady(100))
    assert placed[-1].scale is OTHER
    assert runs.holes_s == pytest.approx(0.0, abs=1e-9)


def test_sound_is_held_for_a_second_at_most() -> None:
    rng = np.random.default_rng(0)
    stamps = [*steady(60), *(stamp + float(rng.uniform(-20, 20)) for stamp in steady(500))]
    waiting = 0
    for number, out in enumerate(fed(Runs(), stamps)):
        waiting += 1 - len(out)
        assert waiting <= 50, number


def test_what_is_held_comes_out_at_last() -> None:
    runs = Runs()
    out = fed(runs, [*steady(60), *steady(3, 9.0)])
    assert sum(len(placed) for placed in out) == 60
    assert [run.t_s for run in runs.flush()] == pytest.approx(steady(3, 9.0))
    assert runs.flush() == []


@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_lost_packets_do_not_put_sound_out_of_step(loss: float) -> None:
    rng, lane, heard = np.random.default_rng(0), SoundLane(), Heard()
    off_s = []
    kept = 0
    for number in range(3000):
        if rng.random() < loss:
            continue
        kept += 1
        t_s = 1.0 + number * RUN_S
        for item in lane.add(quiet(RUN_S), Stamp(t_s, SCALE), t_s + 0.05):
            assert isinstance(item, RawAudio | RawGap)
            heard._one(item, t_s + 0.05)
        if not lane._runs._doubted:
            off_s.append(abs(lane._here_s - t_s - RUN_S))
    # Up to the bound, and the packet that was lost last.
    assert np.quantile(off_s, 0.99) <= 0.06
    assert np.median(off_s) <= 0.03
    missing_s = sum(gap.end_s - gap.start_s for gap in heard.gaps if gap.start_s > 0)
    assert missing_s == pytest.approx((3000 - kept) * RUN_S, abs=0.5)
    assert lane.drift_ppm == pytest.approx(0.0, abs=300)


def test_sound_that_overlaps_is_left_out_once() -> None:
    lane, heard = SoundLane(), Heard()
    for number in range(200):
        now_s = 1.0 + number * RUN_S
        t_s = now_s - 0.3 if number >= 100 else now_s
        for item in lane.add(quiet(RUN_S), Stamp(t_s, SCALE), now_s + RUN_S):
            heard._one(item, now_s + RUN_S)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(1.0 + 200 * RUN_S - 0.3, abs=0.11)
    assert sum(len(block.samples) for block in heard.sound) / AUDIO_RATE_HZ == pytest.approx(4.0 - 0.3, abs=0.11)


def test_blocks_have_the_length_asked_for() -> None:
    lane = SoundLane(block_s=0.05)
    items = [item for out in range(50) for item in lane.add(quiet(RUN_S), Stamp(1 + out * RUN_S, SCALE), 3.0)]
    assert {len(item.samples) for item in items if isinstance(item, RawAudio)} == {800}


def test_silence_hands_on_what_was_held_and_restart_loses_nothing() -> None:
    for begin_anew in (False, True):
        lane, heard = SoundLane(), Heard()
        loud = np.ones(round(RUN_S * AUDIO_RATE_HZ), np.float32)
        for number in range(53):
            for item in lane.add(loud, Stamp(1.0 + number * RUN_S, SCALE), 3.0):
                heard._one(item, 3.0)
        if begin_anew:
            lane.restart()
        for item in lane.silent(5.0, "gone"):
            heard._one(item, 5.0)
        assert sum(len(block.samples) for block in heard.sound) == pytest.approx(53 * len(loud), abs=1)
        gap = heard.gaps[-1]
        assert (gap.start_s, gap.end_s) == pytest.approx((1.0 + 53 * RUN_S, 5.0), abs=1e-4)
        assert gap.reason == "gone"
        assert lane.silent(5.0, "gone") == []
        assert lane.end_s == 5.0


@given(
    st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(-0.1, 0.1)), min_size=1, max_size=100),
    st.floats(-0.004, 0.004),
    st.floats(-1e3, 1e3),
)
def test_a_trend_stays_near_its_points(steps: list[tuple[float, float]], slope: float, shift: float) -> None:
    trend, x = Trend(1.0, 30, 5.0), 0.0
    for step, noise in steps:
        x += step
        trend.enter(x, slope * x + noise)
    assert abs(trend.slope) <= STEEPEST
    assert trend.at(x) == pytest.approx(slope * x, abs=0.5)
    before = trend.at(x)
    trend.shift(shift)
    assert trend.at(x) == pytest.approx(before + shift, abs=1e-6)


def test_a_trend_finds_a_slope_in_jitter() -> None:
    rng, trend = np.random.default_rng(0), Trend(1.0, 120, 5.0)
    for number in range(1200):
        trend.enter(number / 10, 3.0 + 4e-4 * number / 10 + float(rng.uniform(-0.05, 0.05)))
    assert trend.steady
    assert trend.slope == pytest.approx(4e-4, abs=1e-4)
    assert trend.at(120.0) == pytest.approx(3.0 + 4e-4 * 120, abs=0.005)
