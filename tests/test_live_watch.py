from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.links import LinkChange
from streams.sources.live.watch import Watch
from tests.made_life import BOTH, CONNECTING, ENDED, LIVE, LOST, PAUSED, STALLED, A, Life, V, live

pytestmark = pytest.mark.unit


def test_a_link_is_live_once_everything_that_was_promised_arrives() -> None:
    life = Life()
    life.open(0.5)
    life.watch.arrived(V, 0.6)
    assert life.watch.state is CONNECTING
    life.watch.arrived(A, 0.8)
    assert life.states == [CONNECTING, LIVE]
    assert life.told[-1] == LinkChange(0.8, "made", LIVE)


def test_a_silent_track_stalls_the_link_and_is_named_with_its_silence() -> None:
    life = live()
    life.flow(3.0, 6.0, [A])
    assert life.states == [CONNECTING, LIVE, STALLED]
    assert life.told[-1].reason == "no video for 2 s"
    assert life.watch.reason(8.0) == "no sound and no video for 5 s"
    assert life.watch.retry_s(8.0) is None


def test_a_track_that_is_announced_and_never_comes_stalls_the_link_too() -> None:
    life = Life()
    life.open(0.0)
    life.flow(0.1, 3.0, [V])
    assert life.states == [CONNECTING, STALLED]
    assert life.told[-1].reason == "no sound for 2 s"


def test_a_stalled_link_is_live_again_when_all_flows_for_a_moment() -> None:
    life = live()
    life.idle(3.0, 6.0)
    life.watch.arrived(V, 6.0)
    life.watch.arrived(A, 6.0)
    assert life.watch.state is STALLED
    life.flow(6.1, 6.8)
    assert life.states == [CONNECTING, LIVE, STALLED, LIVE]


def test_one_picture_every_few_seconds_does_not_flap() -> None:
    life = Life([V])
    life.open(0.0, [V])
    for n in range(100):
        life.watch.arrived(V, 0.1 + 2.5 * n)
        life.idle(0.2 + 2.5 * n, 2.4 + 2.5 * n)
    assert life.states == [CONNECTING, LIVE, STALLED]


def test_an_open_link_that_is_dead_is_closed_and_opened_again_after_a_wait() -> None:
    life = live()
    life.idle(3.0, 12.0)
    assert life.states == [CONNECTING, LIVE, STALLED, LOST]
    assert life.told[-1].t_s == pytest.approx(11.0, abs=0.3)
    assert life.told[-1].reason == "no sound and no video for 8 s"
    assert not life.watch.attempting
    assert life.watch.wants_attempt(12.0)


def test_while_lost_the_time_to_the_next_attempt_counts_down() -> None:
    life = live()
    life.watch.over(3.0, "connection refused")
    assert life.watch.retry_s(3.1) == pytest.approx(0.4)
    assert life.watch.retry_s(9.0) == 0.0
    assert not life.watch.wants_attempt(3.4)
    assert life.watch.wants_attempt(3.5)


def test_the_first_attempt_fails_as_any_later_one() -> None:
    life = Life()
    life.watch.started(0.0)
    life.watch.over(0.1, "connection refused")
    assert life.told[-1] == LinkChange(0.1, "made", LOST, "connection refused")
    assert life.watch.wants_attempt(0.6)
    life.open(0.6)
    life.flow(0.7, 1.0)
    assert life.states == [CONNECTING, LOST, CONNECTING, LIVE]
    assert life.watch.reconnects == 0


def test_coming_back_after_a_loss_is_counted_and_a_pause_is_not_a_loss() -> None:
    life = live()
    life.watch.over(3.0, "ended without a word")
    life.open(3.5)
    life.flow(3.6, 4.0)
    assert life.watch.reconnects == 1
    life.watch.pause(4.0)
    life.watch.resume(5.0)
    life.open(5.0)
    life.flow(5.1, 6.0)
    assert life.watch.reconnects == 1


def test_being_refused_again_and_again_is_told_once() -> None:
    life = Life()
    now_s = 0.0
    for _ in range(10):
        life.watch.started(now_s)
        life.watch.over(now_s + 0.01, "connection refused")
        now_s += 31.0
        life.watch.tick(now_s)
    assert life.states == [CONNECTING, LOST]
    life.watch.started(now_s)
    life.watch.over(now_s, "host unknown")
    assert life.told[-1].reason == "host unknown"


def test_a_retry_that_takes_its_time_is_shown_as_connecting() -> None:
    life = live()
    life.watch.over(3.0, "connection refused")
    life.watch.started(3.5)
    life.idle(3.5, 4.5)
    assert life.states[-2:] == [LOST, CONNECTING]


def test_an_attempt_that_does_not_open_in_time_is_over() -> None:
    life = Life()
    life.watch.started(0.0)
    life.idle(0.0, 12.0)
    assert life.watch.attempting
    life.watch.tick(12.1)
    assert not life.watch.attempting
    assert life.told[-1].reason == "did not open within 12 s"


def test_waiting_for_a_publisher_knows_no_limit() -> None:
    life = Life(give_up_after_s=60.0)
    life.watch.started(0.0)
    life.watch.waiting(0.1, "waiting for a publisher")
    life.idle(0.1, 4000.0, 10.0)
    assert life.watch.given_up(4000.0) is None
    assert life.told[-1] == LinkChange(0.1, "made", CONNECTING, "waiting for a publisher")
    life.watch.opened(4000.0, BOTH)
    life.flow(4000.1, 4001.0)
    assert life.watch.state is LIVE


def test_a_flapping_source_is_opened_less_and_less_often() -> None:
    life = Life()
    waits = []
    now_s = 0.0
    for _ in range(8):
        life.open(now_s)
        life.flow(now_s, now_s + 5.0)
        now_s += 5.0
        life.watch.over(now_s, "broke off")
        wait_s = life.watch.retry_s(now_s)
        assert wait_s is not None
        waits.append(wait_s)
        now_s += wait_s
    assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])


def test_after_ten_good_seconds_the_next_loss_is_retried_soon() -> None:
    life = Life()
    for _ in range(5):
        life.watch.started(0.0)
        life.watch.over(0.0, "connection refused")
    life.open(20.0)
    life.flow(20.0, 30.5)
    life.watch.over(31.0, "broke off")
    assert life.watch.retry_s(31.0) == pytest.approx(0.5)


def test_a_source_that_stays_away_is_given_up_and_says_why() -> None:
    life = live(give_up_after_s=60.0)
    life.watch.over(3.0, "connection refused")
    assert life.watch.given_up(62.0) is None
    assert life.watch.given_up(63.5) == "connection refused; given up after 60 s without it"


def test_a_pause_does_not_count_towards_giving_up() -> None:
    life = live(give_up_after_s=60.0)
    life.watch.pause(3.0)
    assert life.watch.given_up(1000.0) is None
    life.watch.resume(1000.0)
    assert life.watch.given_up(1059.0) is None
    assert life.watch.given_up(1060.0) is not None


@pytest.mark.parametrize("before", ["connecting", "waiting", "opened", "live", "stalled", "lost"])
def test_a_pause_is_obeyed_in_every_state_and_a_resume_opens_at_once(before: str) -> None:
    life = Life()
    if before != "connecting":
        life.watch.started(0.0)
    if before == "waiting":
        life.watch.waiting(0.1, "waiting for a publisher")
    if before in {"opened", "live", "stalled"}:
        life.watch.opened(0.2, BOTH)
    if before in {"live", "stalled"}:
        life.flow(0.3, 1.0)
    if before == "stalled":
        life.idle(1.0, 4.0)
    if before == "lost":
        life.watch.over(1.0, "connection refused")
    life.watch.pause(5.0)
    assert life.watch.state is PAUSED
    assert not life.watch.attempting
    assert not life.watch.arrived(V, 5.1)
    life.watch.over(5.1, "closed")
    life.idle(5.0, 100.0)
    assert life.watch.state is PAUSED
    assert not life.watch.wants_attempt(100.0)
    life.watch.resume(100.0)
    assert life.watch.wants_attempt(100.0)
    assert life.states[-2:] == [PAUSED, CONNECTING]


def test_what_comes_at_once_after_a_pause_is_left_out_for_it_may_have_been_kept_from_before() -> None:
    life = live()
    life.watch.pause(3.0)
    life.watch.resume(8.0)
    life.open(8.1)
    assert not life.watch.arrived(V, 8.2)
    assert not life.watch.arrived(V, 8.6)
    assert life.watch.arrived(V, 8.7)


def test_nothing_comes_after_the_end() -> None:
    life = live()
    life.watch.end(3.0, "stopped")
    life.watch.pause(3.1)
    life.watch.resume(3.2)
    life.watch.over(3.3, "broke off")
    life.watch.end(3.4, "again")
    assert life.told[-1] == LinkChange(3.0, "made", ENDED, "stopped")
    assert not life.watch.wants_attempt(100.0)


def test_attempts_that_never_came_back_are_told_as_the_reason() -> None:
    life = live()
    life.watch.over(3.0, "no video for 8 s")
    life.watch.stuck(4.0, 5)
    life.watch.stuck(5.0, 5)
    assert [change.reason for change in life.told].count(life.watch.reason(5.0)) == 1
    assert life.watch.reason(5.0).startswith("5 attempts never came back")


STEPS: dict[str, tuple[str, Callable[[Watch, float], object]]] = {
    "start": ("idle", lambda watch, now_s: watch.started(now_s)),
    "stuck": ("idle", lambda watch, now_s: watch.stuck(now_s, 5)),
    "wait": ("attempt", lambda watch, now_s: watch.waiting(now_s, "waiting")),
    "open": ("attempt", lambda watch, now_s: watch.opened(now_s, BOTH)),
    "open video": ("attempt", lambda watch, now_s: watch.opened(now_s, {V})),
    "over": ("attempt", lambda watch, now_s: watch.over(now_s, "broke off")),
    "video": ("any", lambda watch, now_s: watch.arrived(V, now_s)),
    "sound": ("any", lambda watch, now_s: watch.arrived(A, now_s)),
    "pause": ("any", lambda watch, now_s: watch.pause(now_s)),
    "resume": ("any", lambda watch, now_s: watch.resume(now_s)),
    "tick": ("any", lambda watch, now_s: watch.tick(now_s)),
    "end": ("any", lambda watch, now_s: watch.end(now_s, "stopped")),
}


def take(watch: Watch, step: str, now_s: float) -> None:
    """Let a step happen where a link would let it."""
    when, happen = STEPS[step]
    if when == "any" or (watch.attempting if when == "attempt" else watch.wants_attempt(now_s)):
        happen(watch, now_s)


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.floats(0.0, 20.0)), max_size=60))
def test_whatever_happens_each_change_is_told_once_and_the_states_agree(steps: list[tuple[str, float]]) -> None:
    life = Life(give_up_after_s=100.0)
    watch, now_s = life.watch, 0.0
    for step, after_s in steps:
        now_s += after_s
        take(watch, step, now_s)
        watch.tick(now_s)
        assert watch.state is life.told[-1].state
        assert (watch.retry_s(now_s) is not None) == (watch.state is LOST)
        if watch.state in {LIVE, STALLED}:
            assert watch.attempting
        if watch.state in {PAUSED, ENDED}:
            assert not watch.attempting
            assert not watch.wants_attempt(now_s)
    pairs = [(change.state, change.reason) for change in life.told]
    assert all(one != other for one, other in itertools.pairwise(pairs))
    assert [change.t_s for change in life.told] == sorted(change.t_s for change in life.told)
    if ENDED in life.states:
        assert life.states.index(ENDED) == len(life.states) - 1


def test_what_was_kept_is_left_out_also_where_the_first_attempt_after_a_pause_fails() -> None:
    life = live()
    life.watch.pause(3.0)
    life.watch.resume(8.0)
    life.watch.started(8.0)
    life.watch.over(8.1, "busy")
    life.open(9.0)
    assert [life.watch.arrived(V, t_s) for t_s in (9.1, 9.4, 9.7)] == [False, False, True]
    assert [life.watch.arrived(A, t_s) for t_s in (9.8, 10.2, 10.4)] == [False, False, True]
    assert life.watch.arrived(V, 10.5)


def test_a_stream_that_begins_with_what_it_kept_is_not_heard_until_that_is_over() -> None:
    life = live()
    life.watch.pause(3.0)
    life.watch.resume(8.0)
    life.watch.started(8.0)
    life.watch.opened(8.0, frozenset({V}), 30.0)
    assert not life.watch.arrived(V, 9.0)
    assert not life.watch.arrived(V, 38.9)
    assert life.watch.arrived(V, 39.1)
