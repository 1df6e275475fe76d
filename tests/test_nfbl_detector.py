"""Landmarks in, events and watched spans out: with features and rules that are made up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import NFBL_GROUPS, Group, NfblEvent, NfblWatch, Phase
from configs.rules import rules
from streams.nfbl.detector import TOO_SLOW, NfblDetector
from streams.nfbl.features.types import Features
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Body, Side
from streams.nfbl.segments.segmenter import Segmenter
from streams.nfbl.signals import Family, Sight, Signal

pytestmark = pytest.mark.unit

TOUCHING = Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, (("N7", 1.0),))
FOLDING = Signal(Group.ARMS, Family.FOLD, Side.NONE, 1.0, (("N16", 1.0),))
NO_HANDS = {Group.HANDS: "hands out of view"}
ALL_TOO_SLOW = tuple((group, TOO_SLOW) for group in NFBL_GROUPS)


def body(t_s: float, *, person: int = 1, fresh: bool = False) -> Body:
    """Landmarks of nothing."""
    return Body(t_s, 640, 360, person, None, None, False, (), None, 0.0, fresh)


@dataclass
class FakeBuilder:
    """Features of nothing."""

    resets: int = 0

    def build(self, body: Body, speaking: float | None) -> Features:
        return Features(body.t_s, body, None, None, (), None, 0.0, speaking)

    def reset(self) -> None:
        self.resets += 1


@dataclass
class FakeScorer:
    """Sees what a function of time says."""

    sight: Callable[[float], Sight]
    resets: int = 0
    heard: list[float | None] = field(default_factory=list)

    def look(self, features: Features) -> Sight:
        self.heard.append(features.speaking)
        return self.sight(features.t_s)

    def reset(self) -> None:
        self.resets += 1


def detector(*sights: Callable[[float], Sight]) -> NfblDetector:
    """A detector at 10 Hz with one scorer for each sight."""
    return NfblDetector(
        FakeBuilder(),
        [FakeScorer(sight) for sight in sights],
        Segmenter(rules().segments, source="rules"),
        rate_hz=10.0,
    )


def always(*signals: Signal, blind: dict[Group, str] | None = None) -> Callable[[float], Sight]:
    """The same at any time."""
    return lambda _: Sight(signals, blind or {})


def steps(subject: NfblDetector, from_s: float, to_s: float, *, person: int = 1) -> list[Report]:
    """Looks every tenth of a second."""
    places = range(round(from_s * 10), round(to_s * 10))
    return list(itertools.chain(*(subject.step(body(place / 10, person=person), None) for place in places)))


def spans(reports: Iterable[Report]) -> list[tuple[float, float, tuple[tuple[Group, str], ...]]]:
    """Watched spans, those that follow each other alike as one."""
    found: list[tuple[float, float, tuple[tuple[Group, str], ...]]] = []
    for report in reports:
        if isinstance(item := report.item, NfblWatch):
            start_s = round(item.start_s, 3)
            if found and found[-1][1:] == (start_s, item.blind):
                start_s = found.pop()[0]
            found.append((start_s, round(item.end_s, 3), item.blind))
    return found


def closed(reports: Iterable[Report]) -> list[tuple[str, float, float]]:
    """Class, start and end of closed events."""
    found = [report.item for report in reports if isinstance(report.item, NfblEvent)]
    return [
        (event.class_id, round(event.start_s, 3), round(event.end_s, 3))
        for event in found
        if event.phase is Phase.CLOSE
    ]


def test_all_scorers_are_heard_and_told_of_speech() -> None:
    scorers = [FakeScorer(always(TOUCHING)), FakeScorer(always(FOLDING))]
    subject = NfblDetector(FakeBuilder(), scorers, Segmenter(rules().segments, source="made"), rate_hz=10.0)
    reports = [report for place in range(10) for report in subject.step(body(place / 10), 0.9)]
    reports += subject.finish(1.0)
    assert sorted(closed(reports)) == [("N16", 0.0, 0.9), ("N7", 0.0, 0.9)]
    found = [report.item for report in reports if isinstance(report.item, NfblEvent)]
    assert {(event.source, event.speaking) for event in found} == {("made", True)}
    assert scorers[0].heard == [0.9] * 10


def test_what_was_watched_is_told_every_second_without_a_hole() -> None:
    subject = detector(always())
    reports = steps(subject, 0.0, 3.5) + subject.finish(3.5)
    watched = [report.item for report in reports if isinstance(report.item, NfblWatch)]
    assert [round(span.end_s, 3) for span in watched] == [1.0, 2.0, 3.0, 3.5]
    assert all(span.seen == NFBL_GROUPS and (span.person, span.people) == (1, 1) for span in watched)
    assert spans(reports) == [(0.0, 3.5, ())]


def test_a_group_that_cannot_be_seen_is_named_from_when_it_was_lost() -> None:
    subject = detector(lambda t_s: Sight((), NO_HANDS if 2.0 <= t_s < 4.0 else {}))
    reports = steps(subject, 0.0, 6.0) + subject.finish(6.0)
    assert spans(reports) == [(0.0, 2.0, ()), (2.0, 4.0, tuple(NO_HANDS.items())), (4.0, 6.0, ())]


def test_a_flicker_is_no_span() -> None:
    subject = detector(lambda t_s: Sight((), NO_HANDS if round(t_s * 10) % 10 < 4 and t_s >= 1 else {}))
    assert spans(steps(subject, 0.0, 6.0) + subject.finish(6.0)) == [(0.0, 6.0, ())]


def test_half_a_second_is_a_span_of_its_own() -> None:
    subject = detector(lambda t_s: Sight((), NO_HANDS if 2.0 <= t_s < 2.5 else {}))
    reports = steps(subject, 0.0, 4.0) + subject.finish(4.0)
    assert spans(reports) == [(0.0, 2.0, ()), (2.0, 2.5, tuple(NO_HANDS.items())), (2.5, 4.0, ())]


def test_what_is_found_now_and_then_is_not_seen() -> None:
    subject = detector(lambda t_s: Sight((), NO_HANDS if round(t_s * 10) % 5 and t_s >= 1 else {}))
    assert spans(steps(subject, 0.0, 6.0) + subject.finish(6.0)) == [
        (0.0, 1.1, ()),
        (1.1, 6.0, tuple(NO_HANDS.items())),
    ]


def test_what_comes_and_goes_is_told_in_time() -> None:
    subject = detector(lambda t_s: Sight((), NO_HANDS if round(t_s * 10) % 2 else {}))
    for report in steps(subject, 0.0, 20.0):
        assert isinstance(report.item, NfblWatch)
        assert report.t_s - report.item.start_s <= 1.6


def test_several_scorers_blindness_adds_up_and_gestures_are_never_missed() -> None:
    reasons = {Group.HEAD: "no face", Group.ILLUSTRATIVE: "nobody cares"}
    subject = detector(always(blind=NO_HANDS), always(blind=reasons))
    reports = steps(subject, 0.0, 1.0) + subject.finish(1.0)
    assert spans(reports) == [(0.0, 1.0, ((Group.HEAD, "no face"), (Group.HANDS, "hands out of view")))]


def test_another_person_ends_what_was_open_and_forgets() -> None:
    builder, scorer = FakeBuilder(), FakeScorer(always(TOUCHING))
    subject = NfblDetector(builder, [scorer], Segmenter(rules().segments, source="rules"), rate_hz=10.0)
    steps(subject, 0.0, 1.0)
    assert (builder.resets, scorer.resets) == (0, 0)
    reports = subject.step(body(1.0, person=2), None)
    assert closed(reports) == [("N7", 0.0, 0.9)]
    assert (builder.resets, scorer.resets) == (1, 1)
    assert closed(steps(subject, 1.1, 2.0, person=2) + subject.finish(2.0)) == [("N7", 1.0, 1.9)]


def test_another_person_begins_another_span_at_once() -> None:
    subject = detector(always())
    reports = steps(subject, 0.0, 1.5, person=1) + steps(subject, 1.5, 1.8, person=2) + subject.finish(1.8)
    watched = [report.item for report in reports if isinstance(report.item, NfblWatch)]
    assert [(span.person, round(span.end_s, 3)) for span in watched] == [(1, 1.0), (1, 1.5), (2, 1.8)]


def test_the_most_faces_there_were_are_told() -> None:
    subject = detector(always())
    reports = [report for place in range(11) for report in subject.step(body(place / 10), None, people=1 + place % 3)]
    assert [report.item.people for report in reports if isinstance(report.item, NfblWatch)] == [3]


@pytest.mark.parametrize(
    ("idle_s", "expected"), [(0.4, [("N7", 0.0, 2.3)]), (2.0, [("N7", 0.0, 0.9), ("N7", 3.0, 3.9)])]
)
def test_nobody_to_watch_for_a_moment_ends_nothing(idle_s: float, expected: list[tuple[str, float, float]]) -> None:
    subject = detector(always(TOUCHING))
    reports = steps(subject, 0.0, 1.0)
    for place in range(round(idle_s * 10)):
        reports += subject.idle(1.0 + place / 10, "nobody in view")
    reports += steps(subject, 1.0 + idle_s, 2.0 + idle_s) + subject.finish(2.0 + idle_s)
    assert closed(reports) == expected
    nobody = tuple((group, "nobody in view") for group in NFBL_GROUPS)
    whole = [(0.0, round(2.0 + idle_s, 3), ())]
    assert spans(reports) == (whole if idle_s < 0.5 else [(0.0, 1.0, ()), (1.0, 3.0, nobody), (3.0, 4.0, ())])


def test_an_event_closes_while_nobody_is_there_and_not_when_somebody_comes() -> None:
    subject = detector(always(TOUCHING))
    steps(subject, 0.0, 1.0)
    reports = [report for place in range(10, 30) for report in subject.idle(place / 10, "nobody in view")]
    (close,) = (report for report in reports if closed([report]))
    assert close.t_s == pytest.approx(2.0)


def test_a_lost_engine_ends_what_was_open_at_once() -> None:
    subject = detector(always(TOUCHING))
    reports = steps(subject, 0.0, 1.5)
    lost = subject.lost(1.5, "engine lost")
    assert closed(lost) == [("N7", 0.0, 1.4)]
    reports += lost + steps(subject, 5.0, 6.0) + subject.finish(6.0)
    blind = tuple((group, "engine lost") for group in NFBL_GROUPS)
    assert spans(reports) == [(0.0, 1.5, ()), (1.5, 5.0, blind), (5.0, 6.0, ())]


def test_looks_that_do_not_come_are_told_as_a_slow_engine() -> None:
    builder = FakeBuilder()
    subject = NfblDetector(
        builder, [FakeScorer(always(TOUCHING))], Segmenter(rules().segments, source="rules"), rate_hz=10.0
    )
    reports = steps(subject, 0.0, 1.0) + steps(subject, 3.0, 4.0) + subject.finish(4.0)
    assert spans(reports) == [(0.0, 1.0, ()), (1.0, 3.0, ALL_TOO_SLOW), (3.0, 4.0, ())]
    assert closed(reports) == [("N7", 0.0, 0.9), ("N7", 3.0, 3.9)]
    assert builder.resets >= 1


def test_a_stream_may_end_long_after_the_last_look() -> None:
    subject = detector(always(TOUCHING))
    reports = steps(subject, 0.0, 1.0) + subject.finish(5.0)
    assert spans(reports) == [(0.0, 1.0, ()), (1.0, 5.0, ALL_TOO_SLOW)]
    assert closed(reports) == [("N7", 0.0, 0.9)]


def test_a_stream_without_a_look_has_nothing_to_tell() -> None:
    assert detector(always()).finish(3.0) == []


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="must be above 0 Hz"):
        NfblDetector(FakeBuilder(), [], Segmenter(rules().segments, source="rules"), rate_hz=rate_hz)


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "step", "fresh", "other", "idle", "lost"]),
        st.sampled_from([0.07, 0.1, 0.1, 0.4, 1.3]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)


@given(CALLS)
def test_spans_cover_all_time_and_reports_come_in_order(calls: list[tuple[str, float, bool, bool]]) -> None:
    seen: dict[float, Sight] = {}
    subject = detector(lambda t_s: seen[t_s])
    reports: list[Report] = []
    now_s = first_s = 1.0
    for kind, length_s, touched, blind in calls:
        seen[now_s] = Sight((TOUCHING,) if touched else (), NO_HANDS if blind else {})
        match kind:
            case "idle":
                reports += subject.idle(now_s, "nobody in view")
            case "lost":
                reports += subject.lost(now_s, "engine lost")
            case _:
                reports += subject.step(body(now_s, person=1 + (kind == "other"), fresh=kind == "fresh"), None)
        now_s += length_s
    reports += subject.finish(now_s)
    assert [report.t_s for report in reports] == sorted(report.t_s for report in reports)
    watched = [report for report in reports if isinstance(report.item, NfblWatch)]
    items = [report.item for report in watched if isinstance(report.item, NfblWatch)]
    assert all(item.start_s < item.end_s <= report.t_s for item, report in zip(items, watched, strict=True))
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(items))
    if calls:
        assert (items[0].start_s, items[-1].end_s) == (first_s, now_s)
    opened = [
        report.item.id for report in reports if isinstance(report.item, NfblEvent) and report.item.phase is Phase.OPEN
    ]
    assert len(opened) == len(set(opened)) == len(closed(reports))
