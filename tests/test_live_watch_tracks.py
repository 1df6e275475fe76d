from __future__ import annotations

import itertools

import pytest

from tests.made_life import CONNECTING, LIVE, LOST, STALLED, A, Life, V, live

pytestmark = pytest.mark.unit


def test_a_promised_track_that_is_not_there_at_the_first_opening_is_not_waited_for() -> None:
    life = Life()
    assert life.open(0.0, [V]) == {A}
    life.flow(0.1, 20.0, [V])
    assert life.states == [CONNECTING, LIVE]
    assert life.watch.away(20.0) == {}


def test_a_track_that_is_missing_after_a_reconnect_is_a_gap_and_no_reason_to_open_again() -> None:
    life = live()
    life.watch.over(3.0, "broke off")
    assert life.open(3.5, [V]) == frozenset()
    life.flow(3.5, 60.0, [V])
    assert life.states == [CONNECTING, LIVE, LOST, CONNECTING, LIVE]
    assert life.watch.away(60.0) == {A: "no sound in the stream"}
    assert not life.watch.arrived(A, 60.0)


def test_a_stream_with_none_of_the_tracks_is_lost_and_tried_again() -> None:
    life = Life([A])
    assert life.open(0.0, [V]) == frozenset()
    assert life.told[-1].reason == "holds no sound"
    assert life.watch.wants_attempt(0.5)


def test_a_frozen_track_is_reason_to_open_again() -> None:
    life = live()
    life.flow(3.0, 11.2, [A])
    assert life.states == [CONNECTING, LIVE, STALLED, LOST]


def test_a_track_that_never_comes_interrupts_the_other_less_and_less_often() -> None:
    life = Life()
    opened_s = []
    now_s = 0.0
    while now_s < 3600.0:
        if life.watch.wants_attempt(now_s):
            opened_s.append(now_s)
            life.open(now_s)
        life.watch.arrived(V, now_s)
        life.watch.tick(now_s)
        now_s += 0.5
    waits = [later - earlier for earlier, later in itertools.pairwise(opened_s)]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(8.5, abs=1.5)
    assert waits[-1] > 300.0


def test_nobody_is_away_while_all_is_well() -> None:
    life = live()
    assert life.watch.away(3.0) == {}
    assert life.watch.away(6.5) == {}


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("never opened", "not yet connected"),
        ("opened, nothing came", "not yet connected"),
        ("lost", "connection lost"),
        ("opened again", "connection lost"),
        ("stalled", "sound stalled"),
        ("paused", "paused for privacy"),
        ("resumed", "paused for privacy"),
        ("resumed and lost", "connection lost"),
    ],
)
def test_media_time_goes_on_without_a_track_for_a_reason(case: str, reason: str) -> None:
    life = Life() if case in {"never opened", "opened, nothing came"} else live()
    if case == "opened, nothing came":
        life.open(3.0)
    if case in {"lost", "opened again"}:
        life.watch.over(3.0, "broke off")
    if case == "opened again":
        life.open(3.5)
    if case in {"paused", "resumed", "resumed and lost"}:
        life.watch.pause(3.0)
    if case in {"resumed", "resumed and lost"}:
        life.watch.resume(3.5)
    if case == "resumed and lost":
        life.watch.started(3.5)
        life.watch.over(3.6, "device is busy")
    now_s = 7.5 if case == "stalled" else 4.0
    assert life.watch.away(now_s)[A] == reason
