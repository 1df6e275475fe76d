"""Media time of live sources: what their timestamps and arrivals do, what must come of it, and what always holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.records import Track
from streams.media import RawAudio, RawFrame, RawItem
from streams.sources.live.times import LiveTimes
from streams.sources.live.times_anchor import Anchor, LeastOfLate
from tests.made_live_times import DOT, Arrival, Heard, in_time, play, quiet

pytestmark = pytest.mark.unit

WRAP_S = 2**33 / 90_000
"""Where the timestamps of transport streams and RTP video begin anew."""


def frames(
    pts_s: Callable[[float], float | None], until_s: float, delay_s: Callable[[float], float] = lambda _: 0.0
) -> Iterator[Arrival]:
    """25 frames a second from 1 s on, stamped by `pts_s` of the true time."""
    for number in range(round((until_s - 1.0) * 25)):
        true_s = 1.0 + number / 25
        yield Arrival(true_s + delay_s(true_s), true_s, Track.VIDEO, pts_s=pts_s(true_s))


def sound(
    pts_s: Callable[[float], float | None], until_s: float, delay_s: Callable[[float], float] = lambda _: 0.0
) -> Iterator[Arrival]:
    """Runs of 20 ms from 1 s on, stamped by `pts_s` of the true time of their beginning."""
    for number in range(round((until_s - 1.0) * 50)):
        true_s = 1.0 + number / 50
        yield Arrival(true_s + 0.02 + delay_s(true_s), true_s, Track.AUDIO, pts_s=pts_s(true_s), duration_s=0.02)


def both(one_clock: bool = True) -> LiveTimes:
    return LiveTimes(frozenset(Track), one_clock=one_clock)


def late_gaps(heard: Heard) -> list[tuple[Track, float, float]]:
    """The gaps but for those before anything came."""
    return [(gap.track, gap.start_s, gap.end_s) for gap in heard.gaps if gap.start_s > 0]


def test_the_offset_between_sound_and_pictures_of_one_clock_is_kept() -> None:
    times = both()
    # Sound is sent half a second after the pictures that belong to it.
    arrivals = list(in_time(frames(lambda t: t + 500, 20.0), sound(lambda t: t + 500, 20.0, lambda _: 0.5)))
    heard = play(times, arrivals)
    assert heard.frames_s[-1] == pytest.approx(20.0 - 0.04, abs=0.002)
    assert times.end_s(Track.AUDIO) == pytest.approx(19.95, abs=0.1)
    assert times.drift_s == pytest.approx(0.0, abs=0.002)
    assert times.jumps == times.late == 0


def test_tracks_of_two_clocks_are_placed_by_their_arrival() -> None:
    times = both(one_clock=False)
    heard = play(times, in_time(frames(lambda t: t + 9000, 10.0), sound(lambda t: t - 77, 10.0)))
    assert heard.frames_s[-1] == pytest.approx(10.0 - 0.04, abs=0.002)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(10.0, abs=0.11)
    assert times.jumps == 0


def test_one_clock_that_is_none_is_found_out() -> None:
    # Sound at 89777 s beside pictures at 299 s, as a server was seen to send.
    times = both()
    heard = play(times, in_time(frames(lambda t: t + 299, 10.0), sound(lambda t: t + 89_777, 10.0)))
    assert heard.frames_s[-1] == pytest.approx(10.0 - 0.04, abs=0.002)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(10.0, abs=0.11)
    assert times.jumps == 0


def test_a_burst_at_the_start_leaves_no_lag() -> None:
    # The server sends its last two seconds at once.
    def delay_s(true_s: float) -> float:
        return max(0.0, 3.0 - true_s) + 0.002 * max(0.0, true_s - 1.0) * (true_s < 3.0)

    times = both()
    heard = play(times, in_time(frames(lambda t: t, 20.0, delay_s), sound(lambda t: t, 20.0, delay_s)))
    assert heard.frames_s[0] == pytest.approx(3.0, abs=0.01)
    lags_s = [
        true_s - t_s
        for t_s, true_s in zip(heard.frames_s[-100:], (20.0 - 0.04 * n for n in range(100, 0, -1)), strict=True)
    ]
    assert max(lags_s) < 0.01
    assert heard.ends_s[Track.AUDIO] == pytest.approx(20.0, abs=0.11)
    assert not late_gaps(heard)


def test_a_backlog_after_a_stall_keeps_its_own_times() -> None:
    def delay_s(true_s: float) -> float:
        return max(0.0, 13.0 - true_s) if true_s > 10.0 else 0.0

    times = both()
    heard = play(times, in_time(frames(lambda t: t, 20.0, delay_s), sound(lambda t: t, 20.0, delay_s)))
    steps_s = [after - before for before, after in pairwise(heard.frames_s)]
    assert max(steps_s) == pytest.approx(0.04, abs=0.002)
    assert min(steps_s) == pytest.approx(0.04, abs=0.002)
    assert not late_gaps(heard)
    assert times.jumps == times.late == 0


def test_what_was_lost_in_a_stall_is_a_gap() -> None:
    times = both()
    arrivals = in_time(frames(lambda t: t, 20.0), sound(lambda t: t, 20.0))
    heard = play(times, (arrival for arrival in arrivals if not 10.0 <= arrival.true_s < 13.0))
    gaps = {track: (start_s, end_s) for track, start_s, end_s in late_gaps(heard)}
    assert gaps[Track.VIDEO] == pytest.approx((10.0, 13.0), abs=0.05)
    assert gaps[Track.AUDIO] == pytest.approx((10.0, 13.0), abs=0.05)
    assert len(late_gaps(heard)) == 2
    assert heard.ends_s[Track.AUDIO] == pytest.approx(20.0, abs=0.11)


@pytest.mark.parametrize(
    ("pts_s", "jumps"),
    [
        pytest.param(lambda t: t if t < 10 else t - 10, 1, id="reset"),
        pytest.param(lambda t: (t + WRAP_S - 10.0) % WRAP_S, 1, id="wrap"),
        pytest.param(lambda t: t if t < 10 else t + 30, 1, id="forwards"),
        pytest.param(lambda t: t if t < 10 else t - 5, 1, id="backwards"),
        pytest.param(lambda t: t if t < 10 else t + 8e5, 1, id="days"),
        pytest.param(lambda t: t if t < 10 else t - 8e5, 1, id="days back"),
        pytest.param(lambda t: t if t < 10 else 1.7e9 + t, 1, id="wall clock"),
        pytest.param(lambda t: t % 4.0, 4, id="a loop of four seconds"),
        pytest.param(lambda t: t + (30 if 10.0 <= t < 10.039 else 0), 1, id="one wrong stamp"),
        pytest.param(lambda t: t - (30 if 10.0 <= t < 10.039 else 0), 1, id="one wrong stamp before"),
        pytest.param(lambda t: t + (0.6 if 10.0 <= t < 10.039 else 0), 0, id="one stamp half a second off"),
    ],
)
def test_jumps_of_the_timestamps_leave_no_hole(pts_s: Callable[[float], float], jumps: int) -> None:
    times = both()
    heard = play(times, in_time(frames(pts_s, 20.0, lambda _: 0.03), sound(pts_s, 20.0, lambda _: 0.03)))
    assert jumps <= times.jumps <= 2 * jumps
    assert not late_gaps(heard)
    steps_s = [after - before for before, after in pairwise(heard.frames_s)]
    assert max(steps_s) < 0.11
    assert heard.frames_s[-1] == pytest.approx(20.0 - 0.04, abs=0.05)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(20.0, abs=0.15)
    drift_s = times.drift_s
    assert drift_s is not None
    assert abs(drift_s) <= 0.04
    assert times.late == 0


def test_both_tracks_stay_together_when_their_clock_begins_anew() -> None:
    times = both()

    # Sound lags the pictures by 0.3 s on the way, so it is reset later.
    def pts_s(true_s: float) -> float:
        return true_s if true_s < 10 else true_s - 10

    heard = play(times, in_time(frames(pts_s, 30.0), sound(pts_s, 30.0, lambda _: 0.3)))
    assert heard.frames_s[-1] == pytest.approx(30.0 - 0.04, abs=0.01)
    newest = heard.sound[-1]
    assert newest.t_s + len(newest.samples) / 16_000 == pytest.approx(30.0, abs=0.14)
    assert not late_gaps(heard)


@pytest.mark.parametrize("begins_s", [0.04, 1.5, 900.0])
def test_the_first_stamps_that_stand_still_are_no_times(begins_s: float) -> None:
    # RTSP: packets share timestamp 0 until the first report of the server, then begin anywhere.
    def pts_s(true_s: float) -> float:
        return 0.0 if true_s < 2.5 else true_s - 2.5 + begins_s

    times = both()
    heard = play(times, in_time(frames(pts_s, 12.0), sound(pts_s, 12.0)))
    steps_s = [after - before for before, after in pairwise(heard.frames_s)]
    assert max(steps_s) < 0.1
    assert heard.frames_s[-1] == pytest.approx(12.0 - 0.04, abs=0.01)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(12.0, abs=0.15)
    assert not late_gaps(heard)


def test_without_any_stamps_arrival_counts() -> None:
    times = both()
    rng = np.random.default_rng(3)
    arrivals = in_time(
        frames(lambda _: None, 60.0, lambda _: float(rng.uniform(0, 0.05))),
        sound(lambda _: None, 60.0, lambda _: float(rng.uniform(0, 0.05))),
    )
    heard = play(times, arrivals)
    assert heard.frames_s[-1] == pytest.approx(60.0, abs=0.06)
    assert heard.ends_s[Track.AUDIO] == pytest.approx(60.0, abs=0.12)
    assert not late_gaps(heard)


@pytest.mark.parametrize("stamp_s", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_absurd_stamps_are_missing_ones(stamp_s: float) -> None:
    times = both()
    for number in range(20):
        now_s = 1.0 + number / 10
        assert len(times.frame(DOT, arrived_s=now_s, pts_s=stamp_s)) >= 1
        times.frame(DOT, arrived_s=now_s + 0.05, captured_s=stamp_s)
        times.sound(quiet(0.1), arrived_s=now_s + 0.05, pts_s=stamp_s)
        times.sound(quiet(0.1), arrived_s=now_s + 0.05, captured_s=stamp_s)
    assert times.end_s(Track.VIDEO) == pytest.approx(2.95, abs=0.1)


def test_a_lag_that_stays_is_given_up_and_a_short_one_is_not() -> None:
    times = LiveTimes({Track.VIDEO}, one_clock=True)
    heard = play(times, frames(lambda t: t, 60.0, lambda t: 0.0 if t < 10.0 else 5.0))
    assert times.jumps == 1
    assert [gap.end_s - gap.start_s for gap in heard.gaps if gap.start_s > 0] == pytest.approx([5.0], abs=0.1)
    assert heard.frames_s[-1] == pytest.approx(65.0 - 0.04, abs=0.01)


def test_a_path_that_becomes_shorter_is_followed() -> None:
    times = LiveTimes({Track.VIDEO}, one_clock=True)
    heard = play(times, frames(lambda t: t, 30.0, lambda t: 0.4 if t < 10.0 else 0.0))
    assert heard.frames_s[-1] == pytest.approx(30.0 - 0.04, abs=0.03)
    assert times.jumps == 0


def test_captured_times_are_taken_as_they_are() -> None:
    times = both(one_clock=False)
    for number in range(100):
        true_s = 1.0 + number / 30
        items = times.frame(DOT, arrived_s=true_s + 0.1, captured_s=true_s)
        assert [item.t_s for item in items if isinstance(item, RawFrame)] == [true_s]
    items = times.frame(DOT, arrived_s=5.0, captured_s=7.0)
    assert [item.t_s for item in items if isinstance(item, RawFrame)] == [5.0], "nothing is captured in the future"
    items = times.frame(DOT, arrived_s=5.1, captured_s=4.9)
    assert [item.t_s for item in items if isinstance(item, RawFrame)] == [pytest.approx(5.001)]


def test_a_capture_clock_that_was_set_back_does_not_stop_the_pictures() -> None:
    times = LiveTimes({Track.VIDEO}, one_clock=False)
    for number in range(300):
        true_s = 1.0 + number / 30
        assert times.frame(DOT, arrived_s=true_s, captured_s=true_s if number < 100 else true_s - 3.0)
    assert times.jumps == 1
    assert times.late == 0


def test_media_time_goes_on_without_a_silent_track_and_late_items_are_left_out() -> None:
    def delay_s(true_s: float) -> float:
        return max(0.0, 16.0 - true_s) if true_s > 10.0 else 0.0

    times = both()
    heard = Heard()
    asked = False
    for arrival in in_time(frames(lambda t: t, 20.0, delay_s), sound(lambda t: t, 20.0, delay_s)):
        if not asked and arrival.arrived_s >= 14.5:
            asked = True
            for track in Track:
                heard.take(times.silent(track, 14.5, "nothing arrives"), 14.5, times)
                assert times.silent(track, 14.5, "nothing arrives") == []
                assert times.end_s(track) == pytest.approx(14.5)
        heard.take(arrival.into(times), arrival.arrived_s, times)
    assert times.late >= 4.3 * 25 + 4.3 * 50
    gaps = {gap.track: gap for gap in heard.gaps if gap.start_s > 0}
    for track in Track:
        assert (gaps[track].start_s, gaps[track].end_s) == pytest.approx((10.03, 14.5), abs=0.05)
        assert gaps[track].reason == "nothing arrives"
    assert len(late_gaps(heard)) == 2
    first_s = next(t_s for t_s in heard.frames_s if t_s >= 14.5)
    assert first_s == pytest.approx(14.52, abs=0.03)
    assert next(block.t_s for block in heard.sound if block.t_s >= 14.4) == pytest.approx(14.5)


def test_a_new_attempt_forgets_clocks_and_keeps_the_order() -> None:
    times = both()
    heard = play(times, in_time(frames(lambda t: t + 5000, 10.0), sound(lambda t: t + 5000, 10.0)))
    before = len(heard.frames_s)
    times.restart()
    assert times.drift_ppm is None
    later = [
        Arrival(arrival.arrived_s + 12.0, arrival.true_s + 12.0, arrival.track, arrival.pts_s, None, arrival.duration_s)
        for arrival in in_time(frames(lambda t: t - 1, 10.0), sound(lambda t: t - 1, 10.0))
    ]
    play(times, later, heard)
    assert heard.frames_s[before] == pytest.approx(13.0)
    assert heard.frames_s[-1] == pytest.approx(22.0 - 0.04, abs=0.01)
    gaps = {track: (start_s, end_s) for track, start_s, end_s in late_gaps(heard)}
    assert gaps[Track.VIDEO] == pytest.approx((10.0, 13.0), abs=0.05)
    assert gaps[Track.AUDIO] == pytest.approx((10.0, 13.0), abs=0.05)
    assert times.jumps == times.late == 0


def test_a_track_that_was_not_asked_for_is_let_go() -> None:
    times = LiveTimes({Track.AUDIO}, one_clock=True)
    assert times.frame(DOT, arrived_s=1.0, pts_s=0.0) == []
    times = LiveTimes({Track.VIDEO}, one_clock=True)
    assert times.sound(quiet(0.5), arrived_s=1.0, pts_s=0.0) == []
    assert times.drift_s is None


STAMPS = st.none() | st.floats(-1e6, 1e6) | st.floats(0.0, 3.0) | st.sampled_from([0.0, 1.0, math.inf, math.nan])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "sound", "sound", "silent video", "silent audio", "restart"]),
        st.floats(0.0, 0.2) | st.floats(0.0, 20.0),
        STAMPS,
        st.sampled_from(["pts", "regular", "captured", "near"]),
        st.integers(0, 4000),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(EVENTS, st.booleans())
def test_whatever_arrives_each_track_is_in_order(
    events: list[tuple[str, float, float | None, str, int]], one_clock: bool
) -> None:
    times, heard, now_s = both(one_clock), Heard(), 0.0
    for what, passed_s, stamp_s, kind, count in events:
        now_s += passed_s
        pts_s, captured_s = {
            "pts": (stamp_s, None),
            "regular": (now_s + 50.0, None),
            "captured": (None, stamp_s),
            "near": (None, now_s - 0.05 if stamp_s is None else now_s - stamp_s),
        }[kind]
        items: list[RawItem] = []
        if what == "frame":
            items = times.frame(DOT, arrived_s=now_s, pts_s=pts_s, captured_s=captured_s)
        elif what == "sound":
            items = times.sound(np.zeros(count, np.float32), arrived_s=now_s, pts_s=pts_s, captured_s=captured_s)
        elif what == "restart":
            times.restart()
        else:
            items = times.silent(Track(what.split()[1]), now_s, "silence")
        heard.take(items, now_s, times)
    for track in Track:
        heard.take(times.silent(track, now_s + 100.0, "the end"), now_s, times)
        assert times.end_s(track) == pytest.approx(now_s + 100.0)
    assert times.jumps >= 0
    drift_s = times.drift_s
    assert drift_s is None or math.isfinite(drift_s)


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(-5.0, 5.0)), min_size=1, max_size=60), st.floats(0.1, 30.0))
def test_the_least_of_late_is_the_least_of_the_window(steps: list[tuple[float, float]], window_s: float) -> None:
    least, now_s, seen = LeastOfLate(window_s), 0.0, []
    for passed_s, value in steps:
        now_s += passed_s
        seen.append((now_s, value))
        assert least.add(now_s, value) == min(value for at_s, value in seen if at_s >= now_s - window_s)


def test_an_anchor_moves_slowly_once_settled() -> None:
    anchor = Anchor(0.0, 1.0)
    for number in range(1, 2000):
        before_s = anchor.offset_s
        true_s = number / 10
        anchor.see(true_s, true_s + 1.0 + (0.03 if true_s > 50 else 0.0))
        if not anchor.settling:
            assert abs(anchor.offset_s - before_s) <= 0.0005 / 2 + 1e-9
    assert anchor.offset_s == pytest.approx(1.03, abs=1e-6)


def test_sound_is_never_made_longer_than_what_arrived() -> None:
    times = LiveTimes({Track.AUDIO}, one_clock=True)
    total = 0
    for number in range(500):
        now_s = 1.0 + number * 0.02
        items = times.sound(quiet(0.02), arrived_s=now_s, pts_s=now_s - 0.02)
        total += sum(len(item.samples) for item in items if isinstance(item, RawAudio))
    assert 500 * 320 - 1700 <= total <= 500 * 320
