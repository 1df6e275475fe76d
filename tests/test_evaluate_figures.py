"""The figures, against tables worked out by hand."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import NFBL_GROUPS, Group
from monitor.evaluate import figures
from monitor.evaluate.figures import Options
from monitor.evaluate.segments import Blind, Clip, Level, by_overlap
from tests.made_runs import clip, label, report

pytestmark = pytest.mark.unit

OPTIONS: Final = Options()

THREE: Final = (
    clip(report("N7", 0, 2), report("N7", 8, 9), labels=[label("N7", 0, 2), label("N16", 4, 6)], name="a.mp4"),
    clip(report("N7", 0, 2), report("N16", 4, 6), labels=[label("N7", 0, 2), label("N16", 4, 6)], name="b.mp4"),
    clip(report("N30", 0, 2), labels=[label("N7", 0, 2)], name="c.mp4"),
)
"""Found 1, 2 and 0; missed 1, 0 and 1; false 1, 0 and 1."""


def scored(clips: tuple[Clip, ...], group: Group | None = None) -> figures.Score:
    found = figures.outcomes(clips, Level.GROUP, by_overlap(0.25), OPTIONS)
    return figures.score(found, OPTIONS, group)


def test_scores_are_of_the_sums_over_clips() -> None:
    found = scored(THREE)
    assert (found.found, found.missed, found.false) == (3, 2, 2)
    assert (found.precision, found.recall, found.f1) == (0.6, 0.6, 0.6)


# found, missed, false, F1
@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group.HEAD, (2, 1, 1, 2 / 3)),
        (Group.ARMS, (1, 1, 0, 2 / 3)),
        (Group.HANDS, (0, 0, 0, None)),
        (Group.POSTURE, (0, 0, 1, 0.0)),
    ],
)
def test_a_group_has_its_own_score(group: Group, expected: tuple[int, int, int, float | None]) -> None:
    found = scored(THREE, group)
    assert (found.found, found.missed, found.false, found.f1) == expected


def test_what_has_no_value_is_none() -> None:
    found = scored((clip(),))
    assert (found.precision, found.recall, found.f1) == (None, None, None)
    assert scored(()).f1 is None


def test_of_fewer_than_three_clips_there_is_no_interval() -> None:
    assert scored(THREE[:2]).f1_interval is None
    assert scored(THREE).f1_interval is not None


def test_an_interval_is_that_of_whole_clips_drawn_anew() -> None:
    # Three clips, each all or nothing: the F1 of a draw with k good ones is k / 3, 8, 12, 6 and 1 times in 27.
    parts = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]], np.float64)
    draws: list[float] = []

    def f1(sums: figures.Reals) -> figures.Reals:
        draws.extend(sums[:, 0] / 3)
        values: figures.Reals = sums[:, 0] / 3
        return values

    assert figures.interval(parts, f1, Options(resamples=20_000)) == (0.0, 1.0)
    shares = [draws.count(k / 3) / len(draws) for k in range(4)]
    assert shares == pytest.approx([8 / 27, 12 / 27, 6 / 27, 1 / 27], abs=0.02)


def test_intervals_repeat_with_their_seed() -> None:
    assert scored(THREE) == scored(THREE)


def test_where_most_draws_have_no_value_there_is_no_interval() -> None:
    assert scored((clip(name="a"), clip(name="b"), clip(name="c"))).f1_interval is None


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3, st.just(0)), min_size=3, max_size=8), st.integers(0, 5))
def test_an_interval_lies_between_the_worst_and_the_best_clip(counts: list[tuple[int, ...]], seed: int) -> None:
    def f1(parts: figures.Reals) -> figures.Reals:
        below = 2 * parts[:, 0] + parts[:, 1] + parts[:, 2]
        ratio: figures.Reals = np.divide(2 * parts[:, 0], below, out=np.full(len(parts), np.nan), where=below > 0)
        return ratio

    parts = np.array(counts, np.float64)
    found = figures.interval(parts, f1, Options(seed=seed, resamples=100))
    each = f1(parts)
    if found is not None:
        assert np.nanmin(each) - 1e-9 <= found[0] <= found[1] <= np.nanmax(each) + 1e-9


def negatives(*events: int, length_s: float = 60.0) -> list[Clip]:
    return [
        clip(*(report("N7", 2 * n, 2 * n + 1) for n in range(count)), negative=True, length_s=length_s, name=f"{i}.mp4")
        for i, count in enumerate(events)
    ]


def test_false_alarms_are_counted_one_by_one() -> None:
    found = figures.alarms(negatives(3, 0, length_s=90.0), (Group.HEAD,), OPTIONS)
    assert (found.events, found.per_min, found.per_hour, found.per_min_interval) == (3, 1.0, 60.0, None)


def test_false_alarms_of_other_groups_are_not_its_own() -> None:
    assert figures.alarms(negatives(3), (Group.ARMS, Group.HANDS), OPTIONS).events == 0
    assert figures.alarms(negatives(3), NFBL_GROUPS, OPTIONS).events == 3


def test_no_alarm_is_no_promise() -> None:
    # Rule of three: none in 10 minutes is up to 0.3 a minute.
    found = figures.alarms(negatives(0, 0, 0, 0, 0, length_s=120.0), NFBL_GROUPS, OPTIONS)
    assert found.per_min == 0.0
    assert found.per_min_interval == pytest.approx((0.0, 0.3))


def test_what_was_not_seen_is_told_beside_the_alarms() -> None:
    blind = [Blind(Group.HANDS, 0.0, 30.0, ""), Blind(Group.HEAD, 0.0, 60.0, "")]
    made = [clip(negative=True, length_s=60.0, blind=blind)]
    assert figures.alarms(made, (Group.HANDS,), OPTIONS).blind_share == 0.5
    assert figures.alarms(made, NFBL_GROUPS, OPTIONS).blind_share == pytest.approx(1.5 / 4)
    assert figures.alarms(made, (Group.ILLUSTRATIVE,), OPTIONS).blind_share is None


def test_without_negatives_there_is_no_rate() -> None:
    found = figures.alarms([], NFBL_GROUPS, OPTIONS)
    assert (found.events, found.per_min, found.per_hour, found.per_min_interval) == (0, None, None, None)


def test_delay_runs_from_the_onset_to_the_first_report() -> None:
    labels = [label("N7", 10, 14), label("N16", 20, 24), label("N22", 40, 44), label("N30", 50, 52)]
    reports = [
        report("N10", 10.2, 14, late_s=0.4),  # 0.6 after the label, of the same group
        report("N16", 19.5, 24, late_s=0.5),  # at the onset
        report("N22", 41.0, 44, late_s=0.5),  # 1.5 after it
        report("N19", 30.0, 32, late_s=9.0),  # belongs to nothing
    ]
    found = figures.delay([clip(*reports, labels=labels)], OPTIONS)
    assert found.events == 3
    assert found.from_label_median_s == pytest.approx(0.6)
    assert found.from_label_p90_s == pytest.approx(0.6 + 0.8 * 0.9)  # 0.0, 0.6, 1.5: nine tenths of the way
    assert found.from_report_median_s == pytest.approx(0.5)


def test_a_joined_report_was_told_when_its_first_part_was() -> None:
    reports = [report("N7", 1.0, 2.0, late_s=0.5), report("N6", 2.1, 4.0, late_s=0.5)]
    found = figures.delay([clip(*reports, labels=[label("N7", 1.0, 4.0)])], OPTIONS)
    assert (found.events, found.from_label_median_s) == (1, 0.5)


def test_of_an_event_reported_in_pieces_the_first_piece_counts() -> None:
    pieces = [report("N22", 0.2, 1.0, late_s=0.4), report("N22", 3.0, 9.0, late_s=0.4)]
    found = figures.delay([clip(*pieces, labels=[label("N22", 0.0, 10.0)])], OPTIONS)
    assert found.events == 1
    assert found.from_label_median_s == pytest.approx(0.6)


def test_the_report_of_another_event_is_not_its_first_piece() -> None:
    labels = [label("N7", 0.0, 3.0), label("N7", 3.5, 6.0)]
    reports = [report("N7", 0.2, 3.6, late_s=0.4), report("N7", 4.1, 6.0, late_s=0.4)]
    found = figures.delay([clip(*reports, labels=labels)], OPTIONS)
    assert found.from_label_median_s == pytest.approx((0.6 + 1.0) / 2)


def test_without_events_there_is_no_delay() -> None:
    assert figures.delay([clip()], OPTIONS) == figures.Delay(0, None, None, None, None)


def test_the_blind_share_is_of_all_time_and_counts_no_moment_twice() -> None:
    spans = [Blind(Group.HANDS, a, b, "") for a, b in ((10, 20), (15, 25), (50, 80))] + [Blind(Group.HEAD, 0, 60, "")]
    clips = [clip(blind=spans, length_s=60.0), clip(length_s=40.0, negative=True)]
    assert figures.blind_share(clips, Group.HANDS) == pytest.approx(0.25)  # 15 + 10 of 100 s
    assert figures.blind_share(clips, Group.ARMS) == 0.0
    assert figures.blind_share([], Group.ARMS) is None


def test_a_rate_error_does_not_cancel_between_clips() -> None:
    labels = [label("N7", 10, 12), label("N7", 20, 22)]
    much, little = clip(*(report("N7", 5 * n, 5 * n + 1) for n in range(4)), labels=labels), clip(labels=labels)
    found = figures.rate([much, little], (Group.HEAD,), OPTIONS)
    assert (found.labelled_per_min, found.reported_per_min, found.error_per_min) == (2.0, 2.0, 2.0)


def test_average_precision_of_frames() -> None:
    # 20 frames are true. The report of 0.9 retrieves 10 of them, all right; that of 0.4 retrieves 20 more, half of them
    # right. Each brings half of the recall: a half at precision 1, a half at 20 of 30.
    reports = [report("N7", 0.0, 1.0, score=0.9), report("N7", 1.0, 3.0, score=0.4)]
    made = clip(*reports, labels=[label("N7", 0.0, 2.0)], length_s=10.0)
    assert figures.average_precision([made], Group.HEAD, OPTIONS) == pytest.approx(0.5 + 1 / 3)
    assert figures.average_precision([made], Group.ARMS, OPTIONS) is None


def test_of_two_reports_at_once_the_better_counts() -> None:
    reports = [report("N7", 0.0, 1.0, score=0.2), report("N6", 0.0, 1.0, score=0.9), report("N8", 5, 6, score=0.5)]
    made = clip(*reports, labels=[label("N7", 0.0, 1.0)], length_s=10.0)
    assert figures.average_precision([made], Group.HEAD, OPTIONS) == pytest.approx(1.0)


def test_missed_frames_bring_no_precision() -> None:
    made = clip(report("N7", 0.0, 1.0), labels=[label("N7", 0.0, 2.0)], length_s=10.0)
    assert figures.average_precision([made], Group.HEAD, OPTIONS) == pytest.approx(0.5)
    assert figures.average_precision([clip(labels=[label("N7", 0.0, 2.0)])], Group.HEAD, OPTIONS) == 0.0


@pytest.mark.parametrize(("excuse", "expected"), [(True, 1.0), (False, 2 / 3)])
def test_excused_frames_do_not_count(excuse: bool, expected: float) -> None:
    labels = [label("N22", 0.0, 2.0), label("N25", 5.0, 6.0)]
    made = clip(report("N22", 0.0, 2.0), report("N22", 5.0, 6.0), labels=labels, length_s=10.0)
    assert figures.average_precision([made], Group.HANDS, Options(excuse=excuse)) == pytest.approx(expected)
