"""Which report belongs to which label: overlap, onsets, levels, what is left out and what is excused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Group
from monitor.evaluate.segments import (
    Level,
    Outcome,
    Segment,
    by_onset,
    by_overlap,
    greedy,
    iou,
    label_segments,
    match,
    union,
)
from tests.made_runs import clip, label, report

pytestmark = pytest.mark.unit


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.found, outcome.missed, outcome.false, len(outcome.excused)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0.0, 2.0), (0.0, 2.0), 1.0),
        ((0.0, 2.0), (1.0, 3.0), 1 / 3),
        ((0.0, 4.0), (1.0, 2.0), 0.25),
        ((0.0, 1.0), (1.0, 2.0), 0.0),
        ((0.0, 1.0), (5.0, 6.0), 0.0),
        ((1.0, 1.0), (1.0, 1.0), 0.0),
    ],
)
def test_overlap_is_what_is_shared_over_what_is_covered(
    one: tuple[float, float], other: tuple[float, float], expected: float
) -> None:
    assert iou(one, other) == pytest.approx(expected)
    assert iou(other, one) == iou(one, other)


# found, missed, false, excused
@pytest.mark.parametrize(
    ("level", "expected"),
    [(Level.EXACT, (1, 2, 2, 0)), (Level.ALTERNATIVES, (2, 1, 1, 0)), (Level.GROUP, (3, 0, 0, 0))],
)
def test_each_level_asks_for_less(level: Level, expected: tuple[int, int, int, int]) -> None:
    labels = [label("N7", 0, 2), label("N10", 10, 12, "N7"), label("N6", 20, 22)]
    reports = [report("N7", 0, 2), report("N7", 10, 12), report("N4", 20, 22)]
    assert counts(match(clip(*reports, labels=labels), level, by_overlap(0.25))) == expected


@pytest.mark.parametrize(("least", "found"), [(0.1, 1), (0.25, 1), (0.26, 0), (0.5, 0)])
def test_a_report_belongs_to_a_label_from_the_least_overlap_on(least: float, found: int) -> None:
    made = clip(report("N7", 1.0, 2.0), labels=[label("N7", 0.0, 4.0)])
    outcome = match(made, Level.EXACT, by_overlap(least))
    assert counts(outcome) == (found, 1 - found, 1 - found, 0)


def test_two_reports_of_one_event_are_one_found_and_one_false() -> None:
    made = clip(report("N7", 0.0, 1.9), report("N7", 2.4, 4.0), labels=[label("N7", 0.0, 4.0)])
    assert counts(match(made, Level.EXACT, by_overlap(0.25))) == (1, 0, 1, 0)


def test_the_closest_pair_is_taken_first() -> None:
    # The long report overlaps both labels, the second one more; the short one can only be the first label's.
    labels = [label("N7", 0.0, 2.0), label("N7", 2.0, 6.0)]
    made = clip(report("N7", 0.0, 6.0), report("N7", 0.0, 1.0), labels=labels)
    outcome = match(made, Level.EXACT, by_overlap(0.1))
    matched = {(outcome.labels[i].start_s, outcome.predictions[j].end_s) for i, j in outcome.pairs}
    assert matched == {(2.0, 6.0), (0.0, 1.0)}


@pytest.mark.parametrize(("apart_s", "found"), [(0.0, 1), (0.5, 1), (-0.5, 1), (0.51, 0)])
def test_onsets_agree_within_the_tolerance(apart_s: float, found: int) -> None:
    made = clip(report("N7", 3.1 + apart_s, 20.0), labels=[label("N7", 3.1, 4.0)])
    assert match(made, Level.EXACT, by_onset(0.5)).found == found


@pytest.mark.parametrize(("gap_s", "segments"), [(0.0, 1), (0.39, 1), (0.4, 2), (1.0, 2)])
def test_at_group_level_neighbours_are_one(gap_s: float, segments: int) -> None:
    labels = [label("N7", 1.1, 2.1), label("N10", 2.1 + gap_s, 4.0), label("N16", 2.0, 3.0)]
    found = label_segments(clip(labels=labels), Level.GROUP, frozenset())
    assert sum(segment.group is Group.HEAD for segment in found) == segments
    assert len(label_segments(clip(labels=labels), Level.ALTERNATIVES, frozenset())) == 3


def test_a_joined_segment_spans_a_long_one_with_a_short_one_inside() -> None:
    labels = [label("N7", 0.0, 9.0), label("N6", 1.0, 2.0)]
    (found,) = label_segments(clip(labels=labels), Level.GROUP, frozenset())
    assert (found.start_s, found.end_s, found.members) == (0.0, 9.0, (0, 1))


@pytest.mark.parametrize(
    ("level", "expected"),
    [(Level.EXACT, (0, 0, 0, 1)), (Level.ALTERNATIVES, (1, 0, 0, 0)), (Level.GROUP, (1, 0, 0, 0))],
)
def test_a_class_that_cannot_be_seen_counts_by_its_alternative(
    level: Level, expected: tuple[int, int, int, int]
) -> None:
    made = clip(report("N22", 0.2, 9.0), labels=[label("N25", 0.0, 9.9, "N22", "N23")])
    assert counts(match(made, level, by_overlap(0.25))) == expected


@pytest.mark.parametrize(
    ("left_out", "seen", "expected"),
    [
        ("N25", report("N22", 3.0, 4.0), (0, 0, 0, 1)),  # hands at an object: the region is right
        ("N25", report("N22", 4.5, 6.0), (0, 0, 1, 0)),  # two thirds of it after the object was put down
        ("N25", report("N22", 4.5, 5.5), (0, 0, 0, 1)),  # half of it
        ("N25", report("N11", 3.0, 4.0), (0, 0, 1, 0)),  # a microphone at the mouth makes no neck touch
        ("N28", report("N7", 3.0, 4.0), (0, 0, 1, 0)),  # pressed lips make no hand at the face
        ("N31", report("N31", 3.0, 4.0), (0, 0, 0, 0)),  # told apart
    ],
)
def test_what_is_left_out_excuses_its_own_region_only(
    left_out: str, seen: object, expected: tuple[int, int, int, int]
) -> None:
    made = clip(seen, labels=[label(left_out, 0.0, 5.0)])  # type: ignore[arg-type]
    assert counts(match(made, Level.GROUP, by_overlap(0.25))) == expected


def test_without_excuses_they_are_false() -> None:
    made = clip(report("N22", 3.0, 4.0), labels=[label("N25", 0.0, 5.0)])
    assert counts(match(made, Level.GROUP, by_overlap(0.25), excuse=False)) == (0, 0, 1, 0)


def test_what_is_left_out_can_be_chosen() -> None:
    made = clip(report("N31", 0.0, 5.0), report("N7", 8.0, 9.0), labels=[label("N31", 0.0, 5.0), label("N7", 8.0, 9.0)])
    assert counts(match(made, Level.EXACT, by_overlap(0.5), left_out=frozenset())) == (2, 0, 0, 0)
    assert counts(match(made, Level.EXACT, by_overlap(0.5), left_out=frozenset({"N7"}))) == (1, 0, 0, 0)


SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 15)).map(lambda pair: (pair[0] / 2, (pair[0] + pair[1]) / 2)),
    max_size=8,
)


@given(SPANS, SPANS, st.sampled_from([0.1, 0.25, 0.5]))
def test_nothing_is_in_two_pairs_and_no_pair_is_left(
    labels: list[tuple[float, float]], reports: list[tuple[float, float]], least: float
) -> None:
    keys = frozenset({"N7"})
    one, other = ([Segment(*span, Group.HEAD, keys, (0,)) for span in spans] for spans in (labels, reports))
    pairs = greedy(one, other, by_overlap(least))
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    left = [(i, j) for i in range(len(one)) for j in range(len(other))]
    taken_labels, taken_reports = {i for i, _ in pairs}, {j for _, j in pairs}
    assert not any(
        iou(labels[i], reports[j]) >= least for i, j in left if i not in taken_labels and j not in taken_reports
    )


@given(SPANS)
def test_a_union_has_no_overlaps_and_covers_the_same(spans: list[tuple[float, float]]) -> None:
    joined = union(spans)
    assert all(before[1] < after[0] for before, after in pairwise(joined))
    for step in range(160):
        t_s = step / 4 + 0.1
        assert any(a <= t_s < b for a, b in spans) == any(a <= t_s < b for a, b in joined)


@given(SPANS, SPANS)
def test_more_is_never_found_where_more_overlap_is_asked_for(
    labels: list[tuple[float, float]], reports: list[tuple[float, float]]
) -> None:
    # Held for labels and reports that do not overlap among themselves, where greedy matching is the best one.
    made = clip(
        *(report("N7", *span) for span in union(reports)), labels=[label("N7", *span) for span in union(labels)]
    )
    found = [match(made, Level.EXACT, by_overlap(least)).found for least in (0.5, 0.6, 0.9)]
    assert found == sorted(found, reverse=True)
