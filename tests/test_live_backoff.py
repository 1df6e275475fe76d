from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sources.live.backoff import Backoff

pytestmark = pytest.mark.unit


def test_each_wait_is_twice_the_last_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 30.0, draw=lambda: 0.0)
    assert [backoff.next_s() for _ in range(9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_after_a_reset_the_next_wait_is_the_first_again() -> None:
    backoff = Backoff(0.5, 30.0, draw=lambda: 0.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.5


@given(st.floats(0.01, 10.0), st.floats(1.0, 100.0), st.lists(st.floats(0.0, 1.0, exclude_max=True), max_size=200))
def test_a_quarter_of_each_wait_is_chance_and_none_is_longer_than_the_longest(
    first_s: float, ratio: float, drawn: list[float]
) -> None:
    most_s = first_s * ratio
    draws = iter(drawn)
    backoff = Backoff(first_s, most_s, draw=lambda: next(draws))
    full_s = first_s
    for _ in drawn:
        wait_s = backoff.next_s()
        assert 0.75 * full_s <= wait_s <= full_s <= most_s
        full_s = min(2 * full_s, most_s)


def test_two_links_do_not_wait_in_step() -> None:
    first, second = Backoff(1.0, 30.0), Backoff(1.0, 30.0)
    assert [first.next_s() for _ in range(4)] != [second.next_s() for _ in range(4)]
