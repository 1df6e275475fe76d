from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.spans import Spans
from buffers.thinning import Bins, History, Thinned, nearest_to_uniform

pytestmark = pytest.mark.unit

rising = st.lists(st.floats(0, 1e5), min_size=1, max_size=300, unique=True).map(sorted)
intervals = st.lists(st.tuples(st.floats(0.01, 50), st.floats(0.01, 50)), max_size=40)


def add(one: int, other: int) -> int:
    return one + other


def fed(times: list[float], capacity: int, spacing_s: float) -> Thinned[float]:
    kept: Thinned[float] = Thinned(capacity=capacity, spacing_s=spacing_s)
    for t_s in times:
        kept.offer(t_s, t_s)
    return kept


@given(rising, st.integers(1, 40), st.floats(0.01, 10))
def test_what_is_kept_is_bounded_and_holds_the_first_item(times: list[float], capacity: int, spacing_s: float) -> None:
    kept = list(fed(times, capacity, spacing_s))
    assert 1 <= len(kept) <= capacity
    assert kept[0] == times[0]
    assert kept == sorted(set(kept))


@given(rising, st.integers(1, 40), st.floats(0.01, 10))
def test_every_item_ever_offered_has_a_kept_one_less_than_one_stride_before(
    times: list[float], capacity: int, spacing_s: float
) -> None:
    thinned = fed(times, capacity, spacing_s)
    kept = list(thinned)
    for t_s in times:
        assert t_s - max(k for k in kept if k <= t_s) < thinned.stride_s


@given(rising, st.integers(1, 40), st.floats(0.01, 10))
def test_what_is_kept_does_not_depend_on_when_the_stride_doubled(
    times: list[float], capacity: int, spacing_s: float
) -> None:
    thinned = fed(times, capacity, spacing_s)
    assert list(fed(times, len(times), thinned.stride_s)) == list(thinned)


@given(st.integers(2, 5000), st.integers(2, 64))
def test_a_regular_stream_is_kept_at_exactly_one_spacing_and_at_least_half_full(items: int, capacity: int) -> None:
    thinned = fed([i * 0.25 for i in range(items)], capacity, 0.25)
    kept = list(thinned)
    assert {b - a for a, b in pairwise(kept)} <= {thinned.stride_s}
    assert len(kept) >= min(items, capacity) / 2


def test_thinning_on_demand_doubles_the_stride_until_something_falls_away() -> None:
    thinned = fed([0.0, 10.0, 20.0], 8, 1.0)
    assert thinned.thin()
    assert (list(thinned), thinned.stride_s) == ([0.0, 20.0], 16.0)
    assert thinned.thin()
    assert not thinned.thin()
    assert list(thinned) == [0.0]


def test_a_thinned_stream_is_asked_by_half_open_spans() -> None:
    assert fed([0.0, 1.0, 2.0, 3.0], 8, 1.0).between(1.0, 3.0) == [1.0, 2.0]


@pytest.mark.parametrize(("capacity", "spacing_s"), [(0, 1.0), (1, 0.0), (1, math.nan)])
def test_thinning_without_room_or_spacing_is_refused(capacity: int, spacing_s: float) -> None:
    with pytest.raises(ValueError, match="capacity"):
        Thinned(capacity=capacity, spacing_s=spacing_s)


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.integers(0, 9)), max_size=200), st.integers(2, 20))
def test_bins_are_bounded_and_lose_nothing(values: list[tuple[float, int]], capacity: int) -> None:
    bins: Bins[int] = Bins(add, width_s=1.0, capacity=capacity)
    for t_s, value in values:
        bins.add(t_s, value)
    assert len(bins) <= capacity
    assert sum(found.value for found in bins.between(-math.inf, math.inf)) == sum(value for _, value in values)


@given(st.lists(st.floats(0, 1e4), max_size=100), st.floats(0, 1e4))
def test_neighbouring_spans_of_bins_share_none_and_miss_none(times: list[float], edge_s: float) -> None:
    bins: Bins[int] = Bins(add, width_s=1.0, capacity=16)
    for t_s in times:
        bins.add(t_s, 1)
    assert bins.between(-math.inf, edge_s) + bins.between(edge_s, math.inf) == bins.between(-math.inf, math.inf)


def test_bins_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Bins(add, width_s=1.0, capacity=1)


def test_a_history_answers_lately_by_the_second_and_before_that_in_wider_bins() -> None:
    history: History[int] = History(add, recent_s=10.0, capacity=8)
    for second in range(100):
        history.add(float(second), 1)
    assert [(found.t_s, found.duration_s) for found in history.between(95.0, 98.0)] == [(95, 1), (96, 1), (97, 1)]
    everything = history.between(-math.inf, 100.0)
    assert sum(found.value for found in everything) == 100
    assert {found.duration_s for found in everything} == {16.0}
    assert len(history) <= 8 + 12


@given(rising, st.floats(1, 100))
def test_a_history_is_bounded_and_its_recent_bins_stay_one_second_wide(times: list[float], recent_s: float) -> None:
    history: History[int] = History(add, recent_s=recent_s, capacity=8)
    for t_s in times:
        history.add(t_s, 1)
    assert len(history) <= 8 + math.ceil(recent_s) + 2
    last_s = math.floor(times[-1])
    lately = history.between(last_s, math.inf)
    assert [found.duration_s for found in lately] == [1.0]
    assert lately[0].value == sum(t_s >= last_s for t_s in times)


@given(rising, st.integers(1, 60), st.floats(0, 1e5), st.floats(0.1, 1e5))
def test_uniform_choice_rises_and_takes_each_item_at_most_once(
    times: list[float], count: int, start_s: float, length_s: float
) -> None:
    places = nearest_to_uniform(times, start_s, length_s, count)
    assert len(places) == min(count, len(times))
    assert places == sorted(set(places))
    assert all(0 <= place < len(times) for place in places)


@given(st.integers(1, 400), st.integers(1, 64))
def test_uniform_choice_of_even_frames_is_the_loaders_floor_rule_to_within_one(total: int, count: int) -> None:
    places = nearest_to_uniform([float(i) for i in range(total)], 0.0, float(total), count)
    if count < total:
        assert all(abs(place - i * total // count) <= 1 for i, place in enumerate(places))


@given(intervals, st.integers(1, 8))
def test_melted_spans_still_answer_for_the_whole_and_stay_bounded(parts: list[tuple[float, float]], room: int) -> None:
    spans = Spans(capacity=room)
    now_s = total_s = 0.0
    for gap_s, length_s in parts:
        spans.add(now_s + gap_s, now_s + gap_s + length_s)
        now_s += gap_s + length_s
        total_s += length_s
    assert spans.seconds(-math.inf, math.inf) == pytest.approx(total_s)
    assert spans.seconds(0.0, now_s) == pytest.approx(total_s)
    assert spans.nbytes <= Spans(room).nbytes + room * 200


@given(intervals, st.floats(0, 500), st.floats(0, 500))
def test_spans_are_exact_where_nothing_melted(parts: list[tuple[float, float]], one_s: float, other_s: float) -> None:
    spans, truth = Spans(), []
    now_s = 0.0
    for gap_s, length_s in parts:
        truth.append((now_s + gap_s, now_s + gap_s + length_s))
        spans.add(*truth[-1])
        now_s = truth[-1][1]
    start_s, end_s = sorted((one_s, other_s))
    expected = sum(max(0.0, min(to_s, end_s) - max(from_s, start_s)) for from_s, to_s in truth)
    assert spans.seconds(start_s, end_s) == pytest.approx(expected, abs=1e-6)


def test_time_that_is_added_twice_counts_once() -> None:
    spans = Spans()
    spans.add(0.0, 10.0)
    spans.add(5.0, 12.0)
    spans.add(1.0, 2.0)
    assert spans.seconds(0.0, 20.0) == 12.0
