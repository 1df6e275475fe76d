"""How late a session is, and what held its event loop up."""

from __future__ import annotations

import pytest

from monitor.session.health import Lags, LoopWatch

pytestmark = pytest.mark.unit


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def loop(hands: Hands) -> LoopWatch:
    return LoopWatch(period_s=0.25, now_s=hands)


def test_lags_are_median_percentile_and_worst_since_they_were_taken() -> None:
    lags = Lags()
    for lag in range(100):
        lags.add(lag / 100)
    assert lags.take() == (0.5, 0.95, 0.99)
    assert lags.take() is None


def test_one_lag_is_all_three() -> None:
    lags = Lags()
    lags.add(0.3)
    assert lags.take() == (0.3, 0.3, 0.3)


def test_nobody_takes_them_and_they_stay_few() -> None:
    lags = Lags()
    for _ in range(100_000):
        lags.add(0.1)
    assert len(lags.samples) < 5000


def test_a_loop_that_turns_in_time_is_not_late(loop: LoopWatch, hands: Hands) -> None:
    for _ in range(20):
        assert loop.beat(0.0) == pytest.approx(0.0)
        hands.now_s += 0.25
        loop.look()
    assert loop.held() == []
    assert loop.take_worst_s() == pytest.approx(0.0)


def test_a_little_late_is_measured_and_not_told(loop: LoopWatch, hands: Hands) -> None:
    loop.beat(0.0)
    hands.now_s += 1.0
    assert loop.beat(0.0) == pytest.approx(0.75)
    assert loop.take_worst_s() == pytest.approx(0.75)
    assert loop.take_worst_s() == 0.0
    assert loop.held() == []


def test_what_holds_the_loop_up_is_named_with_its_stack(loop: LoopWatch, hands: Hands) -> None:
    loop.beat(0.0)
    hands.now_s += 5.0
    loop.look()
    hands.now_s += 1.0
    loop.beat(8.0)
    (held,) = loop.held()
    assert (held.stage, held.media_s) == ("event loop", 8.0)
    assert held.held_s == pytest.approx(5.75)
    assert "test_session_health.py" in held.stack
    assert loop.held() == []


def test_a_loop_that_was_held_up_before_anybody_looked_is_told_all_the_same(loop: LoopWatch, hands: Hands) -> None:
    loop.beat(0.0)
    hands.now_s += 3.0
    loop.beat(2.0)
    (held,) = loop.held()
    assert held.stack == "unknown"
