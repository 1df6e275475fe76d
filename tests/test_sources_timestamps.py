"""Timestamps of recordings, put right: tables of what they do, and what always holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sources.timestamps import (
    AUDIO_HOLE_S,
    BELIEVABLE_S,
    FrameTimes,
    Placed,
    SampleTimes,
    TrackClock,
    epoch_s,
    start_s,
)

pytestmark = pytest.mark.unit

STAMPS = st.lists(st.none() | st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("pts_s", "times_s", "holes_s"),
    [
        pytest.param([0.0, 0.1, 0.2], [0.0, 0.1, 0.2], [], id="right"),
        pytest.param([0.5, 0.6], [0.5, 0.6], [], id="a late start is kept"),
        pytest.param([-0.04, 0.06], [0.0, 0.06], [], id="nothing is before the epoch"),
        pytest.param([0.0, 0.03, 0.5, 0.51], [0.0, 0.03, 0.5, 0.51], [], id="variable rate"),
        pytest.param([None, None, None], [0.0, 0.1, 0.2], [], id="none at all: nominal rate"),
        pytest.param([0.0, 0.2, None, 0.6], [0.0, 0.2, 0.4, 0.6], [], id="one missing: last duration"),
        pytest.param([0.0, 0.1, 0.1, 0.2], [0.0, 0.1, 0.101, 0.2], [], id="a repeated one is nudged"),
        pytest.param([0.0, 0.2, 0.1, 0.3], [0.0, 0.2, 0.201, 0.3], [], id="one out of order is nudged"),
        pytest.param([0.0, 0.1, 1.05], [0.0, 0.1, 1.05], [], id="a step under a second is no hole"),
        pytest.param([0.0, 0.1, 1.15], [0.0, 0.1, 1.15], [(0.2, 1.15)], id="a step over a second is a hole"),
        pytest.param([0.0, 0.1, 9.0, 9.1], [0.0, 0.1, 9.0, 9.1], [(0.2, 9.0)], id="a jump forwards is a hole"),
        pytest.param([5.0, 5.1, 0.0, 0.1], [5.0, 5.1, 5.2, 5.3], [], id="a jump backwards goes on"),
        pytest.param([0.0, 0.1, -30.0, 0.3], [0.0, 0.1, 0.2, 0.3], [], id="one wrong stamp shifts nothing"),
        pytest.param([0.0, 0.1, 9e4, 9e4 + 0.1], [0.0, 0.1, 0.2, 0.3], [], id="a day forwards is another clock"),
        pytest.param([9e4, 9e4 + 0.1], [0.0, 0.1], [], id="a day between the tracks is another clock"),
    ],
)
def test_frames_are_placed(pts_s: list[float | None], times_s: list[float], holes_s: list[tuple[float, float]]) -> None:
    times = FrameTimes(offset_s=0.0, nominal_s=0.1)
    placed = [times.place(stamp) for stamp in pts_s]
    assert [place.t_s for place in placed] == pytest.approx(times_s)
    holes = [(place.hole_from_s, place.t_s) for place in placed if place.hole_from_s is not None]
    assert [edge for hole in holes for edge in hole] == pytest.approx([edge for hole in holes_s for edge in hole])


def test_slow_pictures_are_no_holes() -> None:
    times = FrameTimes(offset_s=0.0, nominal_s=5.0)
    assert all(times.place(stamp).hole_from_s is None for stamp in (0.0, 5.0, 14.0))


def test_a_picture_that_stood_long_may_be_followed_by_quick_ones() -> None:
    times = FrameTimes(offset_s=0.0, nominal_s=5.0)
    stamps = (0.0, 5.0, 5.04, 14.0, 14.04)
    assert [times.place(stamp).t_s for stamp in stamps] == pytest.approx(stamps)
    assert times.resets == 0


def test_what_was_wrong_with_the_frames_is_counted() -> None:
    times = FrameTimes(offset_s=0.0, nominal_s=0.1)
    for stamp in (10.0, None, 10.15, 10.15, 0.0):
        times.place(stamp)
    assert (times.missing, times.nudged, times.resets) == (1, 1, 1)


@given(STAMPS, st.floats(0.001, 10.0), st.floats(-1e3, 1e3))
def test_frames_always_move_forwards_and_holes_lie_between_them(
    pts_s: list[float | None], nominal_s: float, offset_s: float
) -> None:
    times = FrameTimes(offset_s=offset_s, nominal_s=nominal_s)
    last_s = -math.inf
    for stamp in pts_s:
        placed = times.place(stamp)
        assert placed.t_s > last_s
        assert placed.t_s >= 0.0
        if placed.hole_from_s is not None:
            assert last_s < placed.hole_from_s < placed.t_s
        last_s = placed.t_s


@pytest.mark.parametrize(
    ("pts_s", "placed"),
    [
        pytest.param([0.0, 0.1, 0.2], [Placed(0.0), Placed(0.1), Placed(0.2)], id="right"),
        pytest.param([0.7, 0.8], [Placed(0.7), Placed(0.8)], id="a late start is kept"),
        pytest.param([-0.01, 0.09], [Placed(0.0), Placed(0.1)], id="nothing is before the epoch"),
        pytest.param([0.0, None], [Placed(0.0), Placed(0.1)], id="missing: samples are counted"),
        pytest.param([0.0, 0.13, 0.19], [Placed(0.0), Placed(0.1), Placed(0.2)], id="jitter is smoothed"),
        pytest.param([0.0, 0.3], [Placed(0.0), Placed(0.3, hole_from_s=0.1)], id="a hole"),
        pytest.param([0.0, 9.0], [Placed(0.0), Placed(9.0, hole_from_s=0.1)], id="a jump forwards is a hole"),
        pytest.param(
            [0.0, 0.1, 0.14], [Placed(0.0), Placed(0.1), Placed(0.2, skip_s=0.06)], id="an overlap is skipped"
        ),
        pytest.param([5.0, 0.0, 0.1], [Placed(5.0), Placed(5.1), Placed(5.2)], id="a jump backwards goes on"),
        pytest.param([0.0, -9.0, 0.2], [Placed(0.0), Placed(0.1), Placed(0.2)], id="one wrong stamp shifts nothing"),
    ],
)
def test_sound_is_placed(pts_s: list[float | None], placed: list[Placed]) -> None:
    times = SampleTimes(offset_s=0.0)
    for stamp, expected in zip(pts_s, placed, strict=True):
        place = times.place(stamp, 1600, 16_000)
        assert place.t_s == pytest.approx(expected.t_s)
        assert place.hole_from_s == (None if expected.hole_from_s is None else pytest.approx(expected.hole_from_s))
        assert place.skip_s == pytest.approx(expected.skip_s)


def test_a_change_of_rate_leaves_neither_hole_nor_overlap() -> None:
    times = SampleTimes(offset_s=0.0)
    times.place(0.0, 4410, 44_100)
    placed = times.place(0.1, 4800, 48_000)
    assert (placed.hole_from_s, placed.skip_s) == (None, 0.0)
    assert placed.t_s == pytest.approx(0.1)
    assert times.end_s == pytest.approx(0.2)


def test_sound_whose_clock_runs_slow_never_drifts_further_than_is_smoothed() -> None:
    times = SampleTimes(offset_s=0.0)
    for number in range(3000):
        stamp = number * 0.1 * 0.999
        placed = times.place(stamp, 1600, 16_000)
        assert abs(placed.t_s - stamp) <= AUDIO_HOLE_S + 0.1
    assert times.overlap_s == pytest.approx(0.3, abs=0.1)


@given(STAMPS, st.integers(1, 5000))
def test_sound_never_overlaps_itself(pts_s: list[float | None], count: int) -> None:
    times = SampleTimes(offset_s=0.0)
    end_s = 0.0
    for stamp in pts_s:
        placed = times.place(stamp, count, 16_000)
        assert placed.t_s >= end_s - 1e-6
        assert 0.0 <= placed.skip_s <= count / 16_000
        end_s = times.end_s


def test_a_clock_that_returns_is_recognised() -> None:
    clock = TrackClock(0.0)
    assert clock.media_s(-50.0, 1.0) == 1.0
    assert clock.media_s(2.0, 2.0) == 2.0
    assert clock.resets == 1


@pytest.mark.parametrize(
    ("first_s", "epoch_s", "expected_s"),
    [(0.9, 0.1, 0.8), (0.0, 0.0, 0.0), (BELIEVABLE_S + 11.0, 10.0, 0.0)],
)
def test_a_track_starts_where_it_did_unless_that_cannot_be(first_s: float, epoch_s: float, expected_s: float) -> None:
    assert start_s(first_s, epoch_s) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("firsts_s", "expected_s"),
    [
        ((0.0, 0.0), 0.0),
        ((0.008, 0.852), 0.0),
        ((0.852,), 0.0),
        ((-0.5, 0.0), -0.5),
        ((1.4, 1.42), 1.4),
        ((89_777.0, 89_777.2), 89_777.0),
    ],
)
def test_the_epoch_is_the_files_own_zero_where_its_clock_began_there(
    firsts_s: tuple[float, ...], expected_s: float
) -> None:
    assert epoch_s(firsts_s) == expected_s
