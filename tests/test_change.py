from __future__ import annotations

from dataclasses import replace

import pytest

from buffers.evidence import Cadence, Coverage, Evidence
from monitor.change import MOST_SKIPS, NOTHING_NEW, Unchanged
from tests.made_evidence import bins, event, evidence, frames

pytestmark = pytest.mark.unit

HOP_S = 15


def quiet(number: int, cadence: Cadence = Cadence.LOCAL) -> Evidence:
    """The `number`-th window, in which nobody speaks, moves or gestures; local ones overlap by half."""
    end_s = 30.0 + HOP_S * number
    start_s = end_s - 30 if cadence is Cadence.LOCAL else 0.0
    times = [start_s + second for second in range(int(end_s - start_s))]
    return evidence(
        start_s,
        end_s,
        cadence=cadence,
        window_id=2 * number + (cadence is Cadence.GLOBAL),
        shown=frames(times, [100] * len(times)),
        prosody=bins(start_s, len(times), speech=0.0),
        movement=0.0012,
    )


def asked(*before: Evidence) -> Unchanged:
    subject = Unchanged()
    for one in before:
        subject.asked(one)
    return subject


def test_the_first_window_is_always_asked() -> None:
    assert Unchanged().reason(quiet(0)) is None
    assert asked(quiet(0)).reason(quiet(1, Cadence.GLOBAL)) is None


def test_a_window_in_which_nothing_happens_is_left_out_and_says_why() -> None:
    assert asked(quiet(0)).reason(quiet(1)) == NOTHING_NEW


def test_what_happened_before_the_new_seconds_was_judged_already() -> None:
    # The window before ended at 30 s; the touch at 20-22 s and the word at 25 s are in both.
    spoken = tuple(replace(part, speech_s=0.9) if part.t_s == 25.0 else part for part in quiet(1).prosody)
    window = replace(quiet(1), events=(event(20.0),), prosody=spoken)
    assert asked(quiet(0)).reason(window) == NOTHING_NEW


def test_body_language_is_news_also_where_it_began_earlier() -> None:
    assert asked(quiet(0)).reason(replace(quiet(1), events=(event(40.0),))) is None
    assert asked(quiet(0)).reason(replace(quiet(1), events=(event(29.0),))) is None


def test_a_word_is_news_and_a_cough_is_none() -> None:
    def spoken(seconds: float) -> Evidence:
        return replace(
            quiet(1),
            prosody=tuple(replace(part, speech_s=seconds) if part.t_s == 40.0 else part for part in quiet(1).prosody),
        )

    assert asked(quiet(0)).reason(spoken(0.9)) is None
    assert asked(quiet(0)).reason(spoken(0.5)) == NOTHING_NEW


def test_the_calmest_person_who_moves_is_asked_about() -> None:
    assert asked(quiet(0)).reason(replace(quiet(1), movement=0.0048)) is None


def test_a_short_movement_is_not_lost_in_the_mean() -> None:
    lumas = [100] * 25 + [104] * 5
    moved = replace(quiet(1), frames=frames([15.0 + second for second in range(30)], lumas))
    assert asked(quiet(0)).reason(moved) is None
    early = replace(quiet(1), frames=frames([15.0 + second for second in range(30)], lumas[::-1]))
    assert asked(quiet(0)).reason(early) == NOTHING_NEW


def test_a_cut_to_another_shot_is_news() -> None:
    shot = replace(quiet(1), frames=frames([15.0 + second for second in range(30)], [100] * 25 + [250] * 5))
    assert asked(quiet(0)).reason(shot) is None


def test_what_nobody_measured_may_have_happened() -> None:
    assert asked(quiet(0)).reason(replace(quiet(1), movement=None)) is None
    assert asked(quiet(0)).reason(replace(quiet(1), prosody=())) is None


def test_a_track_that_is_not_there_holds_no_news() -> None:
    deaf = Coverage(1.0, 0.0, 0.0)
    silent = [replace(quiet(number), prosody=(), coverage=deaf) for number in (0, 1)]
    assert asked(silent[0]).reason(silent[1]) == NOTHING_NEW
    blind = Coverage(0.0, 1.0, 0.0)
    dark = [replace(quiet(number), frames=(), movement=None, coverage=blind) for number in (0, 1)]
    assert asked(dark[0]).reason(dark[1]) == NOTHING_NEW


@pytest.mark.parametrize("now", [Coverage(0.6, 1.0, 1.0), Coverage(1.0, 0.6, 1.0), Coverage(1.0, 1.0, 0.6)])
def test_a_camera_that_went_dark_is_news(now: Coverage) -> None:
    assert asked(quiet(0)).reason(replace(quiet(1), coverage=now)) is None


def test_news_are_counted_from_the_last_window_that_was_asked() -> None:
    subject = asked(quiet(0))
    assert subject.reason(quiet(1)) == NOTHING_NEW
    # Left out and then 10 s long ago: in the window of 45-75 s, but not since one that was asked at 30 s.
    assert subject.reason(replace(quiet(2), events=(event(44.0),))) is None


def test_no_more_than_three_windows_are_left_out_in_a_row() -> None:
    subject = asked(quiet(0))
    told = [subject.reason(quiet(number)) for number in range(1, MOST_SKIPS + 2)]
    assert told == [NOTHING_NEW] * MOST_SKIPS + [None]
    subject.asked(quiet(MOST_SKIPS + 1))
    assert subject.reason(quiet(MOST_SKIPS + 2)) == NOTHING_NEW


def test_asking_twice_about_one_window_counts_once() -> None:
    subject = asked(quiet(0))
    for _ in range(2 * MOST_SKIPS):
        assert subject.reason(quiet(1)) == NOTHING_NEW


def test_the_whole_session_is_left_out_only_while_all_local_windows_are() -> None:
    subject = asked(quiet(0), quiet(0, Cadence.GLOBAL))
    assert subject.reason(quiet(1)) == NOTHING_NEW
    assert subject.reason(quiet(1, Cadence.GLOBAL)) == NOTHING_NEW
    subject.asked(quiet(2))
    assert subject.reason(quiet(2, Cadence.GLOBAL)) is None


def test_without_local_windows_the_whole_session_follows_its_own_news() -> None:
    subject = asked(quiet(0, Cadence.GLOBAL))
    assert subject.reason(quiet(1, Cadence.GLOBAL)) == NOTHING_NEW
    assert subject.reason(replace(quiet(2, Cadence.GLOBAL), events=(event(50.0),))) is None
