"""Rates of body language against a person's own, over time that was observed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from buffers.records import Gap, Group, Track
from monitor.report.rates import GroupRates, Rate, group_rates, observed_share, total_s, unseen
from monitor.report.thinning import every, extremes
from monitor.session_view import BlindSpan, SessionView, read_view
from tests.made_journal import made_journal

pytestmark = pytest.mark.unit


@pytest.fixture
def seen(tmp_path: Path) -> SessionView:
    return read_view(made_journal(tmp_path / "a.jsonl"))


def rates_of(view: SessionView, group: Group) -> GroupRates:
    return next(one for one in group_rates(view) if one.group is group)


def test_a_rate_is_per_observed_minute(seen: SessionView) -> None:
    arms = rates_of(seen, Group.ARMS)
    # 600 s without 20 s of lost source and 70 s without elbows.
    assert arms.whole == Rate(1, 510.0)
    assert arms.whole.per_min == pytest.approx(1 / 8.5)


def test_without_a_picture_no_region_is_observed(seen: SessionView) -> None:
    assert unseen(seen, Group.POSTURE) == ((200.0, 220.0),)
    assert unseen(seen, Group.HEAD) == ((200.0, 220.0),)


def test_spans_that_overlap_count_once(seen: SessionView) -> None:
    more = (BlindSpan(Group.HEAD, 190.0, 210.0, "turned away"), BlindSpan(Group.HEAD, 590.0, 700.0, "turned away"))
    view = replace(seen, blind=(*seen.blind, *more))
    assert unseen(view, Group.HEAD) == ((190.0, 220.0), (590.0, 600.0))
    assert total_s(unseen(view, Group.HEAD)) == 40.0
    assert observed_share(view, unseen(view, Group.HEAD)) == pytest.approx(560 / 600)


def test_below_three_minutes_no_rate_is_read() -> None:
    short = Rate(5, 179.0)
    assert (short.per_min, short.interval, short.usual_in(60.0)) == (None, None, None)


def test_few_events_have_a_wide_interval() -> None:
    # Garwood's exact limits: 0 events have at most 3.69, 10 between 4.80 and 18.39.
    assert Rate(0, 600.0).interval == pytest.approx((0.0, 0.3689), abs=1e-4)
    assert Rate(10, 600.0).interval == pytest.approx((0.4795, 1.8390), abs=1e-4)


def test_events_that_began_unobserved_are_in_no_rate(seen: SessionView) -> None:
    view = replace(seen, gaps=(*seen.gaps, Gap(Track.VIDEO, 230.0, 260.0, "source lost")))
    arms = rates_of(view, Group.ARMS)
    assert (arms.whole.events, arms.outside) == (0, 1)


def test_an_event_at_the_edge_of_a_hidden_span_counts(seen: SessionView) -> None:
    view = replace(seen, gaps=(*seen.gaps, Gap(Track.VIDEO, 230.0, 240.2, "source lost")))
    assert rates_of(view, Group.ARMS).outside == 0


def test_parts_hold_every_event_and_all_observed_time(seen: SessionView) -> None:
    for one in group_rates(seen):
        assert sum(part.events for part in one.bins) == one.whole.events
        assert sum(part.observed_s for part in one.bins) == pytest.approx(one.whole.observed_s)
        assert (one.bins[0].start_s, one.bins[-1].end_s) == (0.0, 600.0)


def test_of_a_part_that_was_hardly_observed_no_rate_is_read(seen: SessionView) -> None:
    sixth = rates_of(seen, Group.ARMS).bins[6]
    assert (sixth.start_s, sixth.observed_s, sixth.per_min) == (360.0, 20.0, None)


def test_a_last_part_that_is_short_was_observed_though_it_has_no_rate(seen: SessionView) -> None:
    view = replace(seen, end_s=615.0, blind=(), gaps=())
    last = rates_of(view, Group.ARMS).bins[-1]
    assert (last.start_s, last.observed_s, last.per_min, last.hidden) == (600.0, 15.0, None, False)
    away = replace(view, gaps=(Gap(Track.VIDEO, 601.0, 615.0, "source lost"),))
    assert rates_of(away, Group.ARMS).bins[-1].hidden


@pytest.mark.parametrize("end_s", [0.0, 0.5, 59.0, 61.0, 3601.0, 28_800.0, 271_818.67495826806, 400_000.0, 2_592_000.0])
def test_there_are_never_more_parts_than_can_be_told_apart(seen: SessionView, end_s: float) -> None:
    view = replace(seen, end_s=end_s)
    assert all(len(one.bins) <= 60 for one in group_rates(view))


def test_parts_of_very_long_sessions_are_whole_hours(seen: SessionView) -> None:
    bins = rates_of(replace(seen, end_s=271_818.67495826806), Group.HEAD).bins
    assert {part.length_s for part in bins} == {7200.0}
    assert bins[-1].end_s == 271_818.67495826806


def test_a_session_without_length_has_no_shares(seen: SessionView) -> None:
    assert observed_share(replace(seen, end_s=0.0), ()) is None


def test_thinned_items_are_spread_and_keep_the_last() -> None:
    assert every([1, 2, 3], 3) == [1, 2, 3]
    assert every(list(range(10)), 2) == [4, 9]


def test_a_thinned_line_keeps_its_peaks() -> None:
    values = [0.0] * 5000
    values[1234], values[4321] = 1.0, -1.0
    kept = extremes(values, 100, lambda value: value)
    assert len(kept) <= 100
    assert (max(kept), min(kept)) == (1.0, -1.0)


def test_a_thinned_line_keeps_the_peaks_of_everything_that_is_drawn() -> None:
    values = [(0.5, (place * 37 % 100) / 100) for place in range(6000)]
    values[3003] = (0.95, 0.5)
    kept = extremes(values, 600, lambda value: value[0], lambda value: value[1])
    assert len(kept) <= 600
    assert max(value for value, _ in kept) == 0.95
    assert (kept[0], kept[-1]) == (values[0], values[-1])
