from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streams.clock import monotonic_s
from streams.watchdog import Breaker, Stage, Watch

pytestmark = pytest.mark.unit


def working(since_s: float, name: str = "face masking") -> Stage:
    stage = Stage(name)
    stage.work()
    stage._since_s = since_s
    return stage


def test_a_stage_is_busy_from_when_it_begins_to_work_until_it_rests() -> None:
    stage = Stage("face masking")
    assert stage.busy_s(monotonic_s()) == 0.0
    before_s = monotonic_s()
    stage.work()
    since_s = stage.since_s
    assert since_s is not None
    assert before_s <= since_s
    assert stage.busy_s(since_s + 3.0) == pytest.approx(3.0)
    stage.rest()
    assert stage.since_s is None
    assert stage.busy_s(since_s + 3.0) == 0.0


def test_a_stage_tells_where_it_is_without_folders_or_values() -> None:
    stage, inside, leave = Stage("voice altering"), threading.Event(), threading.Event()

    def stuck_in_here(secret: str) -> None:
        inside.set()
        leave.wait(10)

    def run() -> None:
        stage.work()
        stuck_in_here("a spoken word")

    thread = threading.Thread(target=run)
    thread.start()
    inside.wait(10)
    stack = stage.stack()
    leave.set()
    thread.join(10)
    assert "stuck_in_here (test_watchdog.py:" in stack
    assert "\n" not in stack
    assert str(Path(__file__).parent) not in stack
    assert "spoken" not in stack


def test_a_stage_that_never_worked_has_no_stack() -> None:
    assert Stage("face masking").stack() == "no thread"


def test_what_hangs_is_told_with_how_long_and_where() -> None:
    watch, hung, idle = Watch(), working(100.0), Stage("voice altering")
    assert watch.look([hung, idle], 101.0, after_s=10.0) == []
    (stall,) = watch.look([hung, idle], 111.0, after_s=10.0)
    assert (stall.stage, stall.since_s, stall.busy_s) == (hung, 100.0, 11.0)
    assert "test_watchdog.py" in stall.stack


def test_exactly_the_allowed_time_is_no_hang() -> None:
    watch, stage = Watch(), working(100.0)
    watch.look([stage], 101.0, after_s=10.0)
    assert watch.look([stage], 110.0, after_s=10.0) == []


def test_a_process_that_stood_still_as_a_whole_is_not_taken_for_a_hang() -> None:
    watch, stage = Watch(), working(100.0)
    watch.look([stage], 100.01, after_s=10.0)
    stage._since_s = 100.04
    assert watch.look([stage], 4000.0, after_s=10.0) == []


def test_a_stage_that_works_on_other_things_all_the_time_does_not_hang() -> None:
    watch, stage = Watch(), working(0.0)
    for second in range(1, 60):
        assert watch.look([stage], second + 0.5, after_s=0.4) == []
        stage._since_s = float(second) + 0.9


def test_a_stall_is_over_once_the_stage_has_come_back() -> None:
    watch, stage = Watch(), working(100.0)
    watch.look([stage], 101.0, after_s=10.0)
    (stall,) = watch.look([stage], 120.0, after_s=10.0)
    assert not stall.over
    stage.work()
    assert stall.over
    stage.rest()
    assert stall.over


def test_a_breaker_allows_five_restarts_a_minute_and_not_a_sixth() -> None:
    breaker = Breaker()
    assert [breaker.allows(float(second)) for second in range(6)] == [True] * 5 + [False]


def test_a_breaker_forgets_what_is_a_minute_ago() -> None:
    breaker = Breaker(most=2, within_s=60.0)
    assert [breaker.allows(t_s) for t_s in (0.0, 30.0, 60.0, 89.0, 90.0, 151.0)] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
