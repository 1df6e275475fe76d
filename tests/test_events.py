from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.events import EventLog
from buffers.evidence import HorizonLimits
from buffers.records import Group, NfblEvent, Phase

pytestmark = pytest.mark.unit


def event(name: str, start_s: float, end_s: float, phase: Phase = Phase.CLOSE, class_id: str = "N7") -> NfblEvent:
    return NfblEvent(
        id=name,
        phase=phase,
        group=Group.HEAD,
        class_id=class_id,
        name="Touching or scratching facial parts",
        side="left",
        start_s=start_s,
        end_s=end_s,
        score=0.5,
        alternatives=(),
        source="test",
    )


def log(*events: NfblEvent, room: int = 4096) -> EventLog:
    kept = EventLog(HorizonLimits(session_events=room))
    for one in events:
        kept.add(one)
    return kept


def test_an_event_counts_once_however_often_it_was_reported() -> None:
    kept = log(event("e1", 1, 1, Phase.OPEN), event("e1", 1, 2, Phase.UPDATE), event("e1", 1, 3))
    (count,) = kept.counts(0, 10)
    assert (count.events, count.seconds, count.score_sum) == (1, 2.0, 0.5)
    assert len(kept) == 1


def test_an_open_event_lasts_to_the_end_of_the_window_as_it_will_once_it_is_closed_later() -> None:
    opened = log(event("e1", 1, 1, Phase.OPEN))
    closed = log(event("e1", 1, 99))
    assert opened.counts(0, 10) == closed.counts(0, 10)
    assert opened.counts(0, 10)[0].seconds == 9.0


def test_an_event_is_counted_in_the_window_in_which_it_starts_and_shown_in_each_it_touches() -> None:
    kept = log(event("e1", 9, 12))
    assert [c.events for c in kept.counts(0, 10)] == [1]
    assert kept.counts(10, 20) == ()
    assert [e.id for e in kept.overlapping(0, 10)] == ["e1"]
    assert [e.id for e in kept.overlapping(10, 20)] == ["e1"]
    assert kept.overlapping(12, 20) == ()


def test_an_open_event_is_shown_in_every_later_window() -> None:
    assert [e.id for e in log(event("e1", 1, 2, Phase.OPEN)).overlapping(50, 60)] == ["e1"]


def test_a_report_after_the_close_changes_nothing() -> None:
    kept = log(event("e1", 1, 3), event("e1", 1, 8, Phase.UPDATE))
    assert kept.counts(0, 10)[0].seconds == 2.0


def test_an_update_may_change_the_class_and_the_last_word_counts() -> None:
    kept = log(event("e1", 1, 1, Phase.OPEN), event("e1", 1, 2, class_id="N10"))
    assert [count.class_id for count in kept.counts(0, 10)] == ["N10"]


def test_an_event_that_was_forgotten_is_not_counted_again_when_its_close_comes_late() -> None:
    kept = log(event("a", 1, 1, Phase.OPEN), event("b", 2, 2, Phase.OPEN), event("c", 3, 3, Phase.OPEN), room=2)
    kept.add(event("a", 1, 4))
    assert sum(count.events for count in kept.counts(0, 10)) == 3


def test_closed_events_are_forgotten_before_open_ones() -> None:
    kept = log(event("open", 0, 0, Phase.OPEN), event("a", 1, 2), event("b", 3, 4), event("c", 5, 6), room=2)
    assert {e.id for e in kept.overlapping(0, 10)} == {"open", "c"}


@given(
    st.lists(st.tuples(st.floats(0, 600), st.floats(0, 30), st.sampled_from(["N3", "N7", "N30"])), max_size=80),
    st.integers(1, 10),
)
def test_counts_of_the_whole_session_are_exact_after_events_were_forgotten(
    spans: list[tuple[float, float, str]], room: int
) -> None:
    spans.sort()
    events = [event(f"e{i}", s, s + d, class_id=c) for i, (s, d, c) in enumerate(spans)]
    small, large = log(*events, room=room), log(*events)
    assert len(small) <= room
    for one, other in zip(small.counts(-math.inf, 1000), large.counts(-math.inf, 1000), strict=True):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
        assert one.seconds == pytest.approx(other.seconds)


@given(st.lists(st.floats(0, 600), max_size=60).map(sorted), st.floats(0, 600), st.integers(1, 10))
def test_neighbouring_windows_count_every_event_once(starts: list[float], edge_s: float, room: int) -> None:
    kept = log(*(event(f"e{i}", s, s + 1) for i, s in enumerate(starts)), room=room)
    parts = kept.counts(-math.inf, edge_s) + kept.counts(edge_s, math.inf)
    assert sum(count.events for count in parts) == len(starts)


def test_memory_does_not_grow_with_the_number_of_events() -> None:
    kept = EventLog(HorizonLimits(session_events=16, session_bins=8))
    for i in range(2000):
        kept.add(event(f"e{i}", i * 7.0, i * 7.0 + 2, class_id=f"N{i % 35}"))
    assert len(kept) == 16
    assert kept.nbytes <= 16 * 1000 + 8 * 7000
    assert sum(count.events for count in kept.counts(0, 14000)) == 2000
