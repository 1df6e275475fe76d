"""From signals to events: tables of activations, and properties over any sequence of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Group, NfblEvent, Phase
from configs.errors import ConfigError
from configs.rules import read_rules, rules
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Side
from streams.nfbl.segments.segmenter import Segmenter
from streams.nfbl.signals import Family, Signal

pytestmark = pytest.mark.unit

RULES = rules().segments
NOTHING: tuple[Signal, ...] = ()


def touch(
    activation: float = 1.0, kind: str = "N7", *, side: Side = Side.LEFT, quality: float = 1.0, also: str = ""
) -> Signal:
    """A hand at the face; `also` is a second class with half the weight."""
    votes = ((kind, 1.0), *([(also, 0.5)] if also else []))
    return Signal(Group.HEAD, Family.TOUCH, side, activation, votes, quality)


def ticks(activations: Iterable[float], kind: str = "N7") -> list[list[Signal]]:
    """One signal a tick."""
    return [[touch(value, kind)] if value > 0 else [] for value in activations]


def run(
    steps: Sequence[Sequence[Signal]], *, rate_hz: float = 10.0, from_s: float = 0.0, speaking: float | None = None
) -> list[Report]:
    """Reports of steps at an even rate, closed at the end."""
    segmenter = Segmenter(RULES, source="rules")
    reports: list[Report] = []
    for place, signals in enumerate(steps):
        reports += segmenter.step(from_s + place / rate_hz, signals, speaking)
    return reports + segmenter.finish(from_s + len(steps) / rate_hz)


def events(reports: Iterable[Report], phase: Phase | None = None) -> list[NfblEvent]:
    """The events of reports, of one phase perhaps."""
    found = [report.item for report in reports if isinstance(report.item, NfblEvent)]
    return [event for event in found if phase is None or event.phase is phase]


def closed(reports: Iterable[Report]) -> list[tuple[float, float]]:
    """Start and end of every closed event."""
    return [(round(event.start_s, 3), round(event.end_s, 3)) for event in events(reports, Phase.CLOSE)]


def sampled(activation: Callable[[float], float], seconds: float, rate_hz: float) -> list[list[Signal]]:
    """A function of time, looked at at a rate."""
    return ticks(activation(place / rate_hz) for place in range(round(seconds * rate_hz)))


@pytest.mark.parametrize(
    ("activations", "expected"),
    [
        ([], []),
        ([0] * 20, []),
        ([0] * 5 + [1] * 10 + [0] * 10, [(0.5, 1.4)]),
        ([0] * 5 + [1] * 4 + [0] * 10, []),
        ([0] * 5 + [1] * 5 + [0] * 10, [(0.5, 0.9)]),
        ([0] * 5 + [0.45] * 20 + [0] * 10, []),
        ([0] * 5 + [0.6] * 20 + [0] * 10, [(0.5, 2.4)]),
        ([0] * 5 + [1] * 10 + [0.35] * 10 + [0] * 10, [(0.5, 2.4)]),
        ([0] * 5 + [0.35] * 10 + [1] * 10 + [0] * 10, [(1.3, 2.4)]),
        ([0] * 5 + [1] * 6 + [0] * 3 + [1] * 6 + [0] * 9, [(0.5, 1.9)]),
        ([0] * 5 + [1] * 6 + [0] * 4 + [1] * 6 + [0] * 9, [(0.5, 1.0), (1.5, 2.0)]),
        ([0] * 5 + [1] * 10 + [0] + [1] * 10 + [0] * 9, [(0.5, 2.5)]),
        ([0, 0, 1, 0, 0, 0, 1, 0, 0, 0] * 8, []),
        ([1, 0, 0] * 20, []),
        ([1, 0, 0] * 8 + [1] * 20 + [0] * 9, [(2.4, 4.3)]),
        ([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 0, 0], [(0.1, 0.7)]),
        ([1] * 30, [(0.0, 2.9)]),
    ],
    ids=[
        "nothing looked at",
        "nothing there",
        "a touch",
        "a touch that is too short",
        "the shortest touch",
        "a doubt, however long",
        "a weak touch",
        "a touch that fades",
        "a doubt that becomes a touch",
        "a touch that comes back in time",
        "a touch that comes back too late",
        "one bad tick closes nothing",
        "two bad ticks open nothing",
        "a flicker is no touch",
        "a flicker does not date a touch",
        "a slow rise",
        "a touch that never ends",
    ],
)
def test_activations_become_events(activations: list[float], expected: list[tuple[float, float]]) -> None:
    assert closed(run(ticks(activations))) == expected


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 15.0, 30.0])
def test_an_event_is_told_half_a_second_after_it_began(rate_hz: float) -> None:
    reports = run(sampled(lambda t_s: float(t_s >= 1.0), 3.0, rate_hz), rate_hz=rate_hz)
    (opened,) = (report for report in reports if events([report], Phase.OPEN))
    assert 0.39 <= opened.t_s - 1.0 <= 0.6
    assert events([opened])[0].end_s == opened.t_s
    assert events([opened])[0].start_s == pytest.approx(1.0, abs=0.1)


def test_an_end_is_told_when_the_hand_can_no_longer_come_back() -> None:
    reports = run(ticks([1] * 10 + [0] * 10))
    (last,) = (report for report in reports if events([report], Phase.CLOSE))
    assert (round(last.t_s, 3), round(events([last])[0].end_s, 3)) == (1.3, 0.9)


def test_the_class_is_voted_over_the_whole_contact() -> None:
    steps = ticks([1] * 3, "N10") + ticks([1] * 4, "N7") + ticks([1] * 2, "N11") + ticks([1] * 4, "N7")
    reports = run(steps)
    (event,) = events(reports, Phase.CLOSE)
    assert (event.class_id, event.name) == ("N7", "Touching or scratching facial parts")
    assert [class_id for class_id, _ in event.alternatives] == ["N10", "N11"]
    assert [share for _, share in event.alternatives] == pytest.approx([3 / 13, 2 / 13])


def test_only_the_best_runners_up_are_told() -> None:
    votes = (("N7", 20.0), ("N10", 4.0), ("N11", 3.0), ("N34", 3.0), ("N8", 2.0), ("N6", 0.5))
    (event,) = events(run([[Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, votes)]] * 10), Phase.CLOSE)
    assert [class_id for class_id, _ in event.alternatives] == ["N10", "N11", "N34"]


def test_a_class_that_takes_over_slowly_is_an_update() -> None:
    steps = ticks([1] * 5, "N10") + ticks([1] * 20, "N7")
    found = events(run(steps))
    assert [(event.phase, event.class_id) for event in found] == [
        (Phase.OPEN, "N10"),
        (Phase.UPDATE, "N7"),
        (Phase.CLOSE, "N7"),
    ]
    assert {event.id for event in found} == {"e1"}


def test_a_new_class_that_holds_is_a_new_event() -> None:
    steps = ticks([1] * 20, "N10") + ticks([1] * 20, "N3")
    found = events(run(steps))
    assert [(event.phase, event.id, event.class_id) for event in found] == [
        (Phase.OPEN, "e1", "N10"),
        (Phase.CLOSE, "e1", "N10"),
        (Phase.OPEN, "e2", "N3"),
        (Phase.CLOSE, "e2", "N3"),
    ]
    assert closed(run(steps)) == [(0.0, 2.0), (2.0, 3.9)]


def test_a_change_is_dated_from_when_the_classes_changed_places_though_none_has_half_of_the_votes() -> None:
    def mixed(most: str, less: str) -> list[Signal]:
        votes = ((most, 4.0), (less, 3.0), ("N5", 2.5), ("N34", 1.5))
        return [Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, votes)]

    reports = run([mixed("N7", "N6")] * 15 + [mixed("N6", "N7")] * 20)
    assert [event.class_id for event in events(reports, Phase.CLOSE)] == ["N7", "N6"]
    assert closed(reports) == [(0.0, 1.5), (1.5, 3.4)]


@pytest.mark.parametrize("length", range(1, 7))
def test_a_zone_that_flips_inside_one_contact_splits_nothing(length: int) -> None:
    steps = ticks([1] * 20, "N10") + ticks([1] * length, "N3") + ticks([1] * 20, "N10")
    found = events(run(steps), Phase.CLOSE)
    assert [event.class_id for event in found] == ["N10"]


def test_two_classes_that_are_level_do_not_take_turns() -> None:
    steps = [ticks([1], ("N7", "N10")[place // 2 % 2])[0] for place in range(200)]
    assert len(events(run(steps), Phase.UPDATE)) <= 1


def test_a_covered_face_hides_its_parts() -> None:
    covering = Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, (("N7", 0.9), ("N5", 1.0), ("N6", 0.8)))
    (event,) = events(run([[covering]] * 10), Phase.CLOSE)
    assert (event.class_id, event.alternatives) == ("N5", ())
    part = replace(covering, votes=(("N7", 1.0), ("N5", 0.2)))
    (event,) = events(run([[part]] * 10), Phase.CLOSE)
    assert event.class_id == "N7"


def test_a_contact_without_a_class_is_not_told() -> None:
    nameless = Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, ())
    assert run([[nameless]] * 20) == []
    assert closed(run([[nameless]] * 10 + [[touch()]] * 10)) == [(0.0, 1.9)]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (0, [(Phase.OPEN, "both"), (Phase.CLOSE, "both")]),
        (3, [(Phase.OPEN, "left"), (Phase.UPDATE, "both"), (Phase.CLOSE, "both")]),
        (15, [(Phase.OPEN, "left"), (Phase.UPDATE, "both"), (Phase.CLOSE, "both")]),
    ],
)
def test_the_same_with_both_hands_is_one_event(later: int, expected: list[tuple[Phase, str]]) -> None:
    left, right = touch(), touch(side=Side.RIGHT)
    steps = [[left, *([right] if place >= later else [])] for place in range(25)]
    found = events(run([*steps, *[[right]] * 10, *[NOTHING] * 10]))
    assert [(event.phase, event.side) for event in found] == expected
    assert {event.id for event in found} == {"e1"}
    assert (found[-1].start_s, round(found[-1].end_s, 3)) == (0.0, 3.4)


def test_a_hand_that_leaves_and_comes_back_stays_in_the_event_of_both() -> None:
    left, right = touch(), touch(side=Side.RIGHT)
    steps = [[left, right]] * 10 + [[right]] * 10 + [[left, right]] * 10
    assert len(events(run(steps), Phase.CLOSE)) == 1


def test_different_classes_on_both_hands_are_two_events() -> None:
    steps = [[touch(), touch(kind="N3", side=Side.RIGHT)]] * 10
    assert sorted((event.class_id, event.side) for event in events(run(steps), Phase.CLOSE)) == [
        ("N3", "right"),
        ("N7", "left"),
    ]


def test_one_hand_that_changes_leaves_the_event_of_both_to_the_other() -> None:
    left, right = touch(kind="N10"), touch(kind="N10", side=Side.RIGHT)
    steps = [[left, right]] * 15 + [[touch(kind="N3"), right]] * 15
    assert [(event.id, event.class_id, event.side) for event in events(run(steps), Phase.CLOSE)] == [
        ("e1", "N10", "both"),
        ("e2", "N3", "left"),
    ]


def test_hands_that_follow_each_other_are_two_events() -> None:
    steps = [[touch()]] * 10 + [NOTHING] * 6 + [[touch(side=Side.RIGHT)]] * 10
    assert [event.side for event in events(run(steps), Phase.CLOSE)] == ["left", "right"]


def test_groups_without_sides_are_never_both() -> None:
    fold = Signal(Group.ARMS, Family.FOLD, Side.NONE, 1.0, (("N16", 1.0),))
    gesture = Signal(Group.ILLUSTRATIVE, Family.ILLUSTRATIVE, Side.NONE, 1.0, (("N31", 1.0),))
    found = events(run([[fold, gesture]] * 10), Phase.CLOSE)
    assert {(event.group, event.class_id, event.side) for event in found} == {
        (Group.ARMS, "N16", "none"),
        (Group.ILLUSTRATIVE, "N31", "none"),
    }


def test_a_long_event_is_told_again() -> None:
    reports = run([[touch()]] * 1000)
    told_s = [report.t_s for report in reports if events([report], Phase.UPDATE)]
    assert told_s == pytest.approx([30.4, 60.4, 90.4])


@pytest.mark.parametrize(
    ("signal", "seconds", "score"),
    [
        (touch(), 2.0, 0.7),
        (touch(quality=0.5), 2.0, 0.35),
        (touch(0.8), 2.0, 0.56),
        (touch(also="N10"), 2.0, 0.7 * (0.5 + 0.5 / 3)),
        (touch(), 0.5, 0.7 * 0.4 / 0.6),
        (Signal(Group.HANDS, Family.TOGETHER, Side.BOTH, 1.0, (("N22", 1.0),)), 2.0, 0.25),
    ],
)
def test_the_score_is_contact_quality_margin_and_dwell_below_a_ceiling(
    signal: Signal, seconds: float, score: float
) -> None:
    (event,) = events(run([[signal]] * round(seconds * 10)), Phase.CLOSE)
    assert event.score == pytest.approx(score)
    assert event.quality == pytest.approx(signal.quality)
    assert not event.calibrated


@pytest.mark.parametrize(("speaking", "told"), [(None, None), (0.0, False), (0.4, False), (0.5, True), (1.0, True)])
def test_an_event_says_whether_there_was_speech(speaking: float | None, told: bool | None) -> None:
    (event,) = events(run([[touch()]] * 10, speaking=speaking), Phase.CLOSE)
    assert event.speaking is told


def test_an_interruption_closes_what_is_open_where_it_was_last_seen() -> None:
    segmenter = Segmenter(RULES, source="rules")
    for place in range(10):
        segmenter.step(place / 10, [touch()], None)
    reports = segmenter.interrupt(1.0)
    assert closed(reports) == [(0.0, 0.9)]
    assert [report.t_s for report in reports] == [1.0]
    assert segmenter.interrupt(1.0) == []
    later = [segmenter.step(1.0 + place / 10, [touch()], None) for place in range(5)]
    assert [event.start_s for event in events(itertools.chain(*later), Phase.OPEN)] == [1.0]


@pytest.mark.parametrize(("hole_s", "closes"), [(0.9, False), (1.0, False), (1.2, True)])
def test_a_hole_in_time_ends_what_was_open(hole_s: float, closes: bool) -> None:
    segmenter = Segmenter(RULES, source="rules")
    for place in range(10):
        segmenter.step(place / 10, [touch()], None)
    assert closed(segmenter.step(0.9 + hole_s, [touch()], None)) == ([(0.0, 0.9)] if closes else [])


@pytest.mark.parametrize(("blind_ticks", "expected"), [(8, [(0.0, 2.7)]), (13, [(0.0, 0.9), (2.3, 3.2)])])
def test_a_group_that_cannot_be_seen_keeps_its_events_for_a_second(
    blind_ticks: int, expected: list[tuple[float, float]]
) -> None:
    segmenter = Segmenter(RULES, source="rules")
    reports: list[Report] = []
    for place in range(20 + blind_ticks):
        blind = 10 <= place < 10 + blind_ticks
        shown = [] if blind else [touch()]
        reports += segmenter.step(place / 10, shown, None, {Group.HEAD} if blind else ())
    assert closed(reports + segmenter.finish(9.0)) == expected


def test_an_end_above_the_beginning_is_refused(tmp_path: Path) -> None:
    text = files("configs").joinpath("nfbl.yaml").read_text("utf-8")
    path = tmp_path / "nfbl.yaml"
    path.write_text(text.replace("off: {value: 0.3,", "off: {value: 0.6,"), "utf-8")
    with pytest.raises(ConfigError, match=r"rules\.segments: .*off 0\.6 must not be above on 0\.5"):
        read_rules(path)


def test_time_must_not_go_back() -> None:
    segmenter = Segmenter(RULES, source="rules")
    segmenter.step(1.0, [], None)
    with pytest.raises(ValueError, match=r"in order of time: 0\.5 s after 1 s"):
        segmenter.step(0.5, [], None)


def test_hours_of_signals_leave_no_trace() -> None:
    segmenter = Segmenter(RULES, source="rules")

    def held() -> int:
        followers = segmenter._followers.values()
        recent = [len(follower.contact._recent) for follower in followers if follower.contact]
        return len(segmenter._events) + len(segmenter._followers) + sum(recent)

    sizes = []
    for place in range(20_000):
        kind = ("N7", "N10", "N3")[place // 50 % 3]
        shown = [touch(kind=kind), *([touch(side=Side.RIGHT)] if place % 97 < 40 else [])]
        segmenter.step(place / 10, shown, 1.0)
        sizes.append(held())
    assert max(sizes) <= 60


Story = list[tuple[float, str, Side, float]]

STORIES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.2, 0.4, 0.7, 1.0]),
        st.sampled_from(["N7", "N10", "N3", "N5"]),
        st.sampled_from([Side.LEFT, Side.RIGHT]),
        st.sampled_from([0.03, 0.1, 0.3, 0.8, 1.5]),
    ),
    max_size=25,
)
"""Pieces of time: how strongly something shows, what and where, and for how long."""


def told(story: Story, *, from_s: float = 0.0, shown: Sequence[Side] = (Side.LEFT, Side.RIGHT)) -> list[Report]:
    """Reports of a story at 10 Hz and odd moments."""
    segmenter = Segmenter(RULES, source="rules")
    reports: list[Report] = []
    now_s = from_s
    for activation, kind, side, seconds in story:
        signal = touch(activation, kind, side=side)
        steps = max(1, round(seconds / 0.1))
        for _ in range(steps):
            now_s += seconds / steps
            reports += segmenter.step(now_s, [signal] if activation > 0 and side in shown else [], None)
    return reports + segmenter.finish(now_s)


@given(STORIES)
def test_every_event_opens_once_and_closes_once_and_is_told_in_order(story: Story) -> None:
    reports = told(story)
    assert [report.t_s for report in reports] == sorted(report.t_s for report in reports)
    by_id: dict[str, list[NfblEvent]] = {}
    for event in events(reports):
        by_id.setdefault(event.id, []).append(event)
    for found in by_id.values():
        assert [event.phase for event in found[:1]] == [Phase.OPEN]
        assert [event.phase for event in found[-1:]] == [Phase.CLOSE]
        assert {event.phase for event in found[1:-1]} <= {Phase.UPDATE}
        assert len({event.start_s for event in found}) == 1
        assert all(0.0 <= event.score <= 0.7 for event in found)
    for report in reports:
        assert isinstance(report.item, NfblEvent)
        assert report.item.start_s <= report.item.end_s <= report.t_s


@given(STORIES)
def test_no_event_is_shorter_than_the_shortest_or_older_than_what_showed(story: Story) -> None:
    first_s, now_s = None, 0.0
    for activation, _, _, seconds in story:
        if activation > 0 and first_s is None:
            first_s = now_s
        now_s += seconds
    for event in events(told(story), Phase.CLOSE):
        assert event.duration_s >= RULES.least_s - 0.003
        assert first_s is not None
        assert event.start_s >= first_s


@given(STORIES)
def test_events_of_one_hand_do_not_overlap(story: Story) -> None:
    found = sorted((event.start_s, event.end_s) for event in events(told(story, shown=[Side.LEFT]), Phase.CLOSE))
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))


@given(STORIES, st.integers(1, 10_000))
def test_a_later_story_has_later_events(story: Story, later_s: int) -> None:
    def shape(reports: list[Report], from_s: float) -> list[tuple[str, Phase, str, str, float]]:
        found = events(reports)
        return [(one.id, one.phase, one.class_id, one.side, round(one.start_s - from_s, 3)) for one in found]

    assert shape(told(story, from_s=float(later_s)), later_s) == shape(told(story), 0.0)


@given(
    st.lists(st.tuples(st.floats(0.8, 4.0), st.floats(0.8, 4.0), st.sampled_from([0.7, 0.85, 1.0])), max_size=6),
    st.sampled_from([15.0, 30.0]),
)
def test_any_rate_gives_the_same_events(pieces: list[tuple[float, float, float]], rate_hz: float) -> None:
    borders = list(itertools.accumulate(length for rest_s, touch_s, _ in pieces for length in (rest_s, touch_s)))

    def activation(t_s: float) -> float:
        for place, border_s in enumerate(borders):
            if t_s < border_s:
                return pieces[place // 2][2] if place % 2 else 0.0
        return 0.0

    seconds = (borders[-1] if borders else 0.0) + 2.0
    slow, fast = (closed(run(sampled(activation, seconds, rate), rate_hz=rate)) for rate in (10.0, rate_hz))
    assert len(slow) == len(fast) == len(pieces)
    for one, other in zip(slow, fast, strict=True):
        assert one == pytest.approx(other, abs=0.2)
