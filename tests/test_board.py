from __future__ import annotations

from dataclasses import replace

import pytest

from buffers.evidence import Cadence, Window
from buffers.picture import Picture
from buffers.records import (
    DEIDENTIFIER_SEAL,
    NFBL_GROUPS,
    Box,
    CleanFrame,
    FeedState,
    Gap,
    Group,
    MaskState,
    NfblEvent,
    NfblState,
    NfblWatch,
    Phase,
    Prosody,
    Track,
)
from monitor.board import Board
from monitor.describers.base import ModelInfo
from monitor.judges.base import Verdict
from monitor.records import EndReason
from monitor.snapshot import EstimateLabel, JudgedWindow, OutputState, OutputStatus, TrackEstimate
from tests.made_masks import drawn

pytestmark = pytest.mark.unit

NEUTRAL = TrackEstimate(0.5, (0.05, 0.95), EstimateLabel.UNCERTAIN, 0, None, stale=False)


def board(nfbl_state: str = "off") -> Board:
    info = ModelInfo("cues", heuristic=True, calibrated=False, notice="heuristic")
    return Board(
        session="s",
        source="clip.mp4",
        mode="max",
        duration_s=60.0,
        describer=info,
        judge=info,
        detector="centerface",
        mask="solid",
        voice="level-matched",
        nfbl_source=nfbl_state,
        overall=NEUTRAL,
        current=NEUTRAL,
        journal=None,
        tracks=(Track.VIDEO, Track.AUDIO),
    )


def frame(t_s: float, *masked: Box, state: MaskState = MaskState.MASKED) -> CleanFrame:
    return CleanFrame(
        t_s=t_s, index=0, picture=Picture.blank(64, 64), state=state, masked=drawn(*masked), seal=DEIDENTIFIER_SEAL
    )


def event(number: int, phase: Phase = Phase.OPEN) -> NfblEvent:
    return NfblEvent(
        id=f"e{number}",
        phase=phase,
        group=Group.HEAD,
        class_id="N34",
        name="Touching nose",
        side="left",
        start_s=number,
        end_s=number + 1,
        score=1.0,
        alternatives=(),
        source="replay:x.csv",
    )


def test_rates_are_counted_between_the_first_and_the_latest_item() -> None:
    books = board()
    assert [health.rate_hz for health in books.media()] == [None, None]
    for n in range(26):
        books.frame(frame(10.0 + n / 25))
    video, audio = books.media()
    assert video.rate_hz == pytest.approx(25.0)
    assert video.released == 26
    assert audio.rate_hz is None


def test_overlapping_masks_count_once_and_a_whole_frame_is_all_of_it() -> None:
    books = board()
    books.frame(frame(0.0, Box(0, 0, 32, 64), Box(-50, 0, 32, 64)))
    assert books.snapshot().privacy.masked_area == pytest.approx(0.5)
    books.frame(frame(0.1, Box(70, 70, 90, 90)))
    assert books.snapshot().privacy.masked_area == 0.0
    books.frame(frame(0.2, state=MaskState.WHOLE_FRAME))
    assert books.snapshot().privacy.masked_area == 1.0
    assert books.snapshot().privacy.whole_frames == 1


def test_an_event_is_shown_once_in_its_latest_phase_and_counted_when_it_opens() -> None:
    books = board("replay:x.csv")
    books.media_s = 90.0
    books.watch(NfblWatch(0.0, 60.0, ()))
    books.watch(NfblWatch(60.0, 90.0, tuple((group, "no face") for group in NFBL_GROUPS)))
    books.event(event(1))
    books.event(event(2))
    books.event(event(1, Phase.CLOSE))
    shown = books.snapshot()
    assert [(each.id, each.phase) for each in shown.nfbl] == [("e2", Phase.OPEN), ("e1", Phase.CLOSE)]
    assert shown.nfbl_per_min == 2.0


def test_gestures_that_go_with_speech_are_shown_and_not_counted() -> None:
    books = board("live")
    books.watch(NfblWatch(0.0, 60.0, ()))
    books.event(replace(event(1), group=Group.ILLUSTRATIVE))
    shown = books.snapshot()
    assert len(shown.nfbl) == 1
    assert shown.nfbl_per_min == 0.0


def test_a_feed_that_is_lost_says_so_and_sees_nobody_until_it_is_back() -> None:
    books = board("live")
    books.watch(NfblWatch(0.0, 1.0, (), person=1, people=2))
    assert books.snapshot().nfbl_watch is not None
    books.feed(NfblState(1.2, FeedState.RESTARTING, "landmark engine lost"))
    shown = books.snapshot()
    assert shown.nfbl_state == "restarting: landmark engine lost"
    assert shown.nfbl_watch is None
    books.feed(NfblState(2.0, FeedState.LIVE))
    assert books.snapshot().nfbl_state == "live"
    assert not books.notices
    books.feed(NfblState(3.0, FeedState.OFF, "it was lost too often"))
    assert books.notices == ["body language is not watched any more: it was lost too often"]


def test_without_a_feed_there_is_no_rate() -> None:
    books = board()
    books.media_s = 60.0
    assert books.snapshot().nfbl_per_min is None


def test_what_is_shown_stays_bounded_however_long_the_session() -> None:
    books = board("replay:x.csv")
    info = ModelInfo("cues", heuristic=True, calibrated=False, notice="")
    for n in range(2000):
        books.event(event(n))
        window = Window(n + 1, n, n + 1, Cadence.LOCAL)
        books.verdict(JudgedWindow(window, Verdict.abstain(info, "cues", "thin"), ""), abstained=True)
        books.estimate(float(n), NEUTRAL, NEUTRAL)
    shown = books.snapshot()
    assert len(shown.nfbl) == len(shown.windows) == 32
    assert len(shown.history) == 512
    assert (shown.judged, shown.abstained) == (2000, 2000)


def test_two_windows_that_end_together_make_one_point_of_history() -> None:
    books = board()
    books.estimate(60.0, NEUTRAL, NEUTRAL)
    books.estimate(60.0, NEUTRAL, NEUTRAL)
    assert len(books.snapshot().history) == 1


def test_a_notice_is_said_once() -> None:
    books = board()
    books.notice("the file is cut short")
    books.notice("the file is cut short")
    assert books.snapshot().notices == ("the file is cut short",)


def test_the_end_record_adds_up_the_session() -> None:
    books = board("replay:x.csv")
    books.media_s = 12.0
    books.event(event(1))
    books.gap(Gap(Track.AUDIO, 1.0, 2.0, "dropped"))
    books.prosody(Prosody(0.0, 0.1, 0.9, None, None))
    totals = books.end_record(EndReason.ENDED).totals
    assert (totals.nfbl, totals.gaps, totals.judged) == (1, 1, 0)
    assert books.snapshot().speaking is True


def test_the_latest_notice_is_last_each_is_there_once_and_there_are_never_too_many() -> None:
    kept = board()
    for text in ("one", "two", "one"):
        kept.notice(text)
    assert kept.snapshot().notices[-2:] == ("two", "one")
    for number in range(1000):
        kept.notice(f"failure {number}")
    assert len(kept.snapshot().notices) <= 64
    assert kept.snapshot().notices[-1] == "failure 999"


def test_models_that_answer_again_are_told_of_once() -> None:
    kept = board()
    for trouble in (None, "the server is away", "the server is away", None, None):
        kept.trouble(trouble)
    assert kept.snapshot().notices == ("the server is away", "models answer again")


def test_trouble_of_an_output_is_shown_and_stands_in_no_journal() -> None:
    kept = board()
    kept.notice("the file is cut short")
    for state, reason in (
        (OutputState.CONNECTING, ""),
        (OutputState.DOWN, "nobody listens"),
        (OutputState.DOWN, "nobody listens"),
        (OutputState.UP, ""),
    ):
        kept.output(OutputStatus("mqtt", state, reason))
    assert kept.snapshot().notices == ("the file is cut short", "mqtt: nobody listens", "mqtt: works again")
    assert [status.state for status in kept.snapshot().outputs] == [OutputState.UP]
    assert kept.end_record(EndReason.ENDED).notices == ("the file is cut short",)
