from __future__ import annotations

import pytest

from streams.clock import LiveClock, PacedClock, VirtualClock

pytestmark = pytest.mark.unit


def test_virtual_time_passes_only_when_somebody_sleeps() -> None:
    clock = VirtualClock()
    assert clock.now_s() == 0.0
    clock.sleep_until(12.5)
    assert clock.now_s() == 12.5
    clock.sleep_until(3.0)
    assert clock.now_s() == 12.5
    assert not clock.paced


def test_an_interrupted_clock_never_makes_anybody_wait_again() -> None:
    clock = PacedClock(speed=1.0)
    clock.interrupt()
    clock.sleep_until(3600.0)
    assert clock.now_s() < 3600.0
    assert clock.paced


def test_live_time_runs_forwards() -> None:
    clock = LiveClock()
    first = clock.now_s()
    assert clock.now_s() >= first >= 0.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_no_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        PacedClock(speed)
