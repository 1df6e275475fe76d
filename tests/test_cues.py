"""What is read from a window, and what it is compared with; the text and the digest of evidence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import AudioClip, Cadence, Coverage, Evidence
from buffers.records import Box, Gap, Group, Track
from monitor.cues import LONGEST_BEGINNING_S, Origin, movement, read_cues
from monitor.evidence import MOST_EVENTS, evidence_digest, nfbl_text
from tests.made_evidence import NOBODY_BEFORE, baseline, bins, count, event, evidence, frames

pytestmark = pytest.mark.unit


def test_the_session_before_is_the_reference_when_there_is_enough_of_it() -> None:
    reading = read_cues(evidence(before=baseline(40.0)))
    assert (reading.reference.origin, reading.reference.observed_s) == (Origin.BEFORE, 40.0)


@pytest.mark.parametrize(("length_s", "beginning_s"), [(9.0, 4.5), (32.0, 16.0), (600.0, LONGEST_BEGINNING_S)])
def test_without_enough_before_the_window_begins_with_its_own_reference(length_s: float, beginning_s: float) -> None:
    reading = read_cues(evidence(0.0, length_s, before=baseline(9.9)))
    assert (reading.reference.origin, reading.reference.observed_s) == (Origin.BEGINNING, beginning_s)


def test_a_window_over_the_whole_session_is_compared_with_its_own_beginning() -> None:
    reading = read_cues(evidence(0.0, 600.0, cadence=Cadence.GLOBAL, before=baseline(90.0)))
    assert (reading.reference.origin, reading.reference.observed_s) == (Origin.BEGINNING, 90.0)


@pytest.mark.parametrize(
    ("before_s", "length_s", "trust"),
    [(60.0, 30.0, 1.0), (59.0, 30.0, 0.5), (10.0, 30.0, 0.5), (0.0, 30.0, 0.25), (0.0, 118.0, 0.25), (0.0, 120.0, 1.0)],
)
def test_a_shorter_reference_lets_a_difference_count_less(before_s: float, length_s: float, trust: float) -> None:
    assert read_cues(evidence(0.0, length_s, before=baseline(before_s))).reference.trust == trust


@pytest.mark.parametrize(("before_s", "absolute"), [(179.0, False), (180.0, True)])
def test_rates_per_minute_need_three_minutes(before_s: float, absolute: bool) -> None:
    assert read_cues(evidence(before=baseline(before_s))).reference.absolute is absolute


def test_only_events_above_ones_own_rate_are_in_excess() -> None:
    usual = baseline(120.0, (count("N7", 8),))
    reading = read_cues(evidence(counts=(count("N7", 5),), before=usual))
    assert reading.groups is not None
    (found,) = reading.groups[0].classes
    assert found.usual_events == pytest.approx(2.0)
    assert found.excess == pytest.approx(3.0)
    calm = read_cues(evidence(counts=(count("N7", 1),), before=usual))
    assert calm.groups is not None
    assert calm.groups[0].classes[0].excess == 0.0


def test_rates_are_taken_over_the_time_somebody_watched() -> None:
    usual = baseline(120.0, (count("N7", 2),), watched_s=60.0)
    reading = read_cues(evidence(counts=(count("N7", 5),), coverage=Coverage(1.0, 1.0, 0.5), before=usual))
    assert reading.watched_s == 15.0
    assert reading.groups is not None
    assert reading.groups[0].usual_events == pytest.approx(0.5)


HEAD_ALONE = Coverage(1.0, 1.0, 1.0, ((Group.HEAD, 1.0), (Group.HANDS, 0.2)))


def test_each_region_has_its_rate_over_the_time_it_could_be_seen() -> None:
    counts = (count("N7", 5), count("N22", 1, group=Group.HANDS))
    before = replace(
        baseline(120.0, (count("N7", 8), count("N22", 6, group=Group.HANDS))),
        watched_groups=((Group.HEAD, 120.0), (Group.HANDS, 60.0)),
    )
    reading = read_cues(evidence(counts=counts, coverage=HEAD_ALONE, before=before))
    assert reading.groups is not None
    head, hands = reading.groups
    assert (head.watched_s, hands.watched_s) == pytest.approx((30.0, 6.0))
    assert head.usual_events == pytest.approx(2.0)
    assert hands.usual_events == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("reference_s", "seen_s", "known"),
    [(120.0, 59.0, False), (120.0, 60.0, True), (40.0, 19.0, False), (40.0, 20.0, True)],
)
def test_a_region_that_was_hardly_seen_has_no_usual_rate(reference_s: float, seen_s: float, known: bool) -> None:
    before = replace(
        baseline(reference_s, (count("N22", 1, group=Group.HANDS),)), watched_groups=((Group.HANDS, seen_s),)
    )
    reading = read_cues(evidence(counts=(count("N22", 1, group=Group.HANDS),), coverage=HEAD_ALONE, before=before))
    assert reading.groups is not None
    assert (reading.groups[0].usual_events is not None) is known


def test_a_report_of_a_region_that_could_not_be_seen_has_no_rate() -> None:
    unseen = Coverage(1.0, 1.0, 1.0, ((Group.HEAD, 0.0), (Group.HANDS, 1.0)))
    for before in (baseline(300.0, (count("N7", 4),)), NOBODY_BEFORE):
        window = evidence(0.0, 30.0, events=(event(20.0),), counts=(count("N7", 1),), coverage=unseen, before=before)
        reading = read_cues(window)
        assert reading.groups is not None
        assert reading.groups[0].usual_events is None


def test_a_feed_that_came_late_has_no_usual_rate_and_no_excess() -> None:
    reading = read_cues(evidence(counts=(count("N7", 5),), before=baseline(120.0, watched_s=0.0)))
    assert reading.groups is not None
    assert reading.groups[0].usual_events is None
    assert reading.groups[0].classes[0].excess == 0.0


def test_an_untold_watch_counts_only_where_it_reported_something() -> None:
    silent = replace(baseline(120.0), watched_s=None)
    spoke = replace(baseline(120.0, (count("N3", 2),)), watched_s=None)
    for before, usual in ((silent, None), (spoke, 0.0)):
        reading = read_cues(evidence(counts=(count("N7", 1),), before=before))
        assert reading.groups is not None
        assert reading.groups[0].usual_events == usual


def test_no_feed_is_not_the_same_as_no_events() -> None:
    assert read_cues(evidence(coverage=Coverage(1.0, 1.0, 0.0))).groups is None
    assert read_cues(evidence()).groups == ()


def test_within_a_window_its_later_part_is_compared_with_its_beginning() -> None:
    events = (event(-1.0), event(1.0), event(8.0), event(11.0), event(14.0))
    reading = read_cues(evidence(0.0, 20.0, events=events, before=NOBODY_BEFORE))
    assert reading.groups is not None
    (found,) = reading.groups[0].classes
    assert found.events == 2
    assert found.usual_events == pytest.approx(2.0)
    assert found.excess == pytest.approx(0.0)


def test_groups_come_in_one_order_and_classes_by_number() -> None:
    counts = (
        count("N30", 1, group=Group.POSTURE),
        count("N8", 1),
        count("N7", 2),
        count("N16", 3, group=Group.ARMS),
        count("N3", 0),
    )
    reading = read_cues(evidence(counts=counts))
    assert reading.groups is not None
    assert [group.group for group in reading.groups] == [Group.HEAD, Group.ARMS, Group.POSTURE]
    assert [item.class_id for item in reading.groups[0].classes] == ["N7", "N8"]


def test_speech_is_a_share_of_what_was_heard() -> None:
    half_heard = tuple(replace(item, observed_s=0.5, speech_s=0.25) for item in bins(200.0, 30))
    reading = read_cues(evidence(prosody=half_heard, before=baseline(speech_share=0.4)))
    assert (reading.heard_s, reading.speech_s) == (15.0, 7.5)
    assert reading.speech.now == pytest.approx(0.5)
    assert reading.speech.difference == pytest.approx(0.1)


def test_pitch_spread_pools_what_varies_within_and_between_bins() -> None:
    low, high = bins(200.0, 15, pitch_st=-2.0, spread_st=1.0), bins(215.0, 15, pitch_st=2.0, spread_st=1.0)
    reading = read_cues(evidence(prosody=(*low, *high)))
    assert reading.pitch_spread.now == pytest.approx(math.sqrt(1.0 + 4.0))
    assert reading.pitch_st == pytest.approx(0.0)


def test_less_than_a_second_of_speech_says_nothing_of_its_manner() -> None:
    reading = read_cues(evidence(prosody=bins(200.0, 30, speech=0.03)))
    assert reading.pitch_spread.now is None
    assert reading.pitch_st is None
    assert reading.speech.now == pytest.approx(0.03)


def test_loudness_has_a_trend_from_half_to_half() -> None:
    louder = (*bins(200.0, 15, level_db=-2.0), *bins(215.0, 15, level_db=1.0))
    assert read_cues(evidence(prosody=louder)).loudness_trend_db == pytest.approx(3.0)
    assert read_cues(evidence(prosody=bins(200.0, 15))).loudness_trend_db is None


def test_movement_is_the_change_outside_the_masks_a_second() -> None:
    times_s = [0.0, 0.5, 1.0]
    assert movement(frames(times_s, [10, 15, 10])) == pytest.approx(10 / 255)
    assert movement(frames(times_s, [10, 15, 10], masked=(Box(0.0, 0.0, 1.0, 1.0),))) is None
    assert movement(frames([0.0], [10])) is None


def test_within_a_window_movement_is_read_from_its_frames() -> None:
    shown = frames([0.0, 2.0, 4.0, 6.0, 8.0, 9.0], [10, 12, 14, 20, 26, 29])
    reading = read_cues(evidence(0.0, 10.0, shown=shown, before=NOBODY_BEFORE))
    assert reading.movement.usual == pytest.approx(1 / 255)
    assert reading.movement.now == pytest.approx(3 / 255)
    assert reading.movement.doublings == pytest.approx(math.log2(3))


def test_movement_in_a_picture_without_a_face_is_nobodys() -> None:
    empty = read_cues(evidence(shown=frames([200.0, 201.0], [10, 20], masked=())))
    assert empty.nobody
    assert empty.movement.now is None
    assert not read_cues(evidence(shown=frames([200.0, 201.0], [10, 20]))).nobody
    assert not read_cues(evidence(shown=())).nobody


@pytest.mark.parametrize(("now", "usual"), [(None, 0.01), (0.01, None), (0.0, 0.01), (0.01, 0.0)])
def test_nothing_is_compared_with_nothing(now: float | None, usual: float | None) -> None:
    assert read_cues(evidence(movement=now, before=baseline(movement=usual))).movement.doublings is None


def test_a_window_without_speech_feed_and_movement_is_blank() -> None:
    unwatched = Coverage(1.0, 1.0, 0.0)
    assert read_cues(evidence(prosody=(), movement=None, coverage=unwatched)).blank
    assert not read_cues(evidence(prosody=(), movement=None)).blank
    assert not read_cues(evidence(prosody=(), coverage=unwatched)).blank
    assert not read_cues(evidence(movement=None, coverage=unwatched)).blank


@given(st.lists(st.tuples(st.floats(0, 29.9), st.sampled_from(["N3", "N7", "N20"])), max_size=12), st.booleans())
def test_every_event_of_the_window_is_counted_once(reports: list[tuple[float, str]], before: bool) -> None:
    events = tuple(event(start_s, class_id) for start_s, class_id in reports)
    counts = tuple(
        count(class_id, sum(item.class_id == class_id for item in events))
        for class_id in sorted({item.class_id for item in events})
    )
    window = evidence(0.0, 30.0, events=events, counts=counts, before=baseline() if before else NOBODY_BEFORE)
    reading = read_cues(window)
    assert reading.groups is not None
    expected = len(events) if before else sum(item.start_s >= 15.0 for item in events)
    assert sum(group.events for group in reading.groups) == expected


def test_nfbl_are_told_region_first_with_their_usual_rate_and_never_the_category() -> None:
    text = nfbl_text(
        evidence(events=(event(203.5),), counts=(count("N7", 1),), before=baseline(120.0, (count("N7", 4),)))
    )
    assert "detector reports, unverified" in text
    assert "- head: 1 in 30 s, usually 1.0" in text
    assert "- 3.5-5.5 s head: Touching facial parts (N7, or N10, left; score 1.00)" in text
    assert "manipulation" not in text


def test_what_could_not_be_watched_is_told_by_region() -> None:
    for counts in ((), (count("N7", 1),)):
        lines = nfbl_text(evidence(coverage=HEAD_ALONE, counts=counts)).splitlines()
        assert "detector reports, unverified; watched 100% of the window" in lines[0]
        assert lines[1] == "- hands: seen 20% of the window"
        assert not any(line.startswith("- head: seen") for line in lines)


def test_a_calm_person_and_an_absent_feed_read_differently() -> None:
    assert "nothing was reported" in nfbl_text(evidence())
    assert "no detector was watching" in nfbl_text(evidence(coverage=Coverage(1.0, 1.0, 0.0)))


def test_of_very_many_events_the_best_scored_are_told_in_order_of_time() -> None:
    events = tuple(event(200.0 + place / 10, score=0.9 if place % 2 else 0.1) for place in range(2 * MOST_EVENTS))
    lines = nfbl_text(evidence(events=events, counts=(count("N7", len(events)),))).splitlines()
    told = [line for line in lines if "score" in line and " s head" in line]
    assert len(told) == MOST_EVENTS
    assert all("score 0.90" in line for line in told)
    starts = [float(line.removeprefix("- ").split("-")[0]) for line in told]
    assert starts == sorted(starts)
    assert lines[-1] == f"- {MOST_EVENTS} more, of lower score"


def clip(value: float) -> AudioClip:
    return AudioClip(200.0, np.full(4, value, np.float32), 1.0)


WHOLE = evidence(
    shown=frames([200.0, 201.0], [1, 2]), clips=(clip(0.5),), events=(event(203.0),), counts=(count("N7", 1),)
)


@pytest.mark.parametrize(
    "changed",
    [
        replace(WHOLE, window=replace(WHOLE.window, end_s=231.0)),
        replace(WHOLE, window=replace(WHOLE.window, cadence=Cadence.GLOBAL)),
        replace(WHOLE, frames=WHOLE.frames[:1]),
        replace(WHOLE, frames=frames([200.0, 201.0], [1, 3])),
        replace(WHOLE, clips=(clip(0.25),)),
        replace(WHOLE, events=()),
        replace(WHOLE, counts=()),
        replace(WHOLE, prosody=()),
        replace(WHOLE, movement=None),
        replace(WHOLE, gaps=(Gap(Track.AUDIO, 200.0, 201.0, "lost"),)),
        replace(WHOLE, coverage=Coverage(1.0, 0.5, 1.0)),
        replace(WHOLE, baseline=baseline(121.0)),
        replace(WHOLE, av_offset_s=0.1),
    ],
)
def test_any_change_of_content_changes_the_digest(changed: Evidence) -> None:
    assert evidence_digest(changed) != evidence_digest(WHOLE)


def test_the_digest_names_content_and_not_the_windows_number() -> None:
    again = evidence(
        window_id=9,
        shown=frames([200.0, 201.0], [1, 2]),
        clips=(clip(0.5),),
        events=(event(203.0),),
        counts=(count("N7", 1),),
    )
    assert evidence_digest(again) == evidence_digest(WHOLE)
