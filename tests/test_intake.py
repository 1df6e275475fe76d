"""Every clean item goes where it belongs, and the journal says when body language was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from buffers.evidence import Cadence, Evidence, EvidencePlan, HorizonLimits, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import (
    NFBL_GROUPS,
    CleanItem,
    FeedState,
    Gap,
    Group,
    NfblEvent,
    NfblState,
    NfblWatch,
    Phase,
    Prosody,
    Track,
)
from configs.settings import WindowSettings
from monitor import records
from monitor.intake import Intake
from monitor.record import Record
from monitor.scheduler import Scheduler
from tests.made_clean import clean_blocks, clean_frame
from tests.made_evidence import event
from tests.test_board import board

pytestmark = pytest.mark.unit

PICTURE = Picture.blank(64, 48)
NO_HANDS = ((Group.HANDS, "hands out of view"),)


class Desk:
    """An intake, and all that it fills."""

    def __init__(self) -> None:
        self.board = board("live (rules)")
        self.scheduler = Scheduler(WindowSettings(), complete=True)
        self.written: list[Record] = []
        self._horizon = Horizon(HorizonLimits())
        self.intake = Intake(self._horizon, self.board, self.scheduler, self.written.append)

    def take(self, *items: CleanItem, known_s: float = 0.0) -> None:
        for item in items:
            self.intake.take(known_s, item)

    def evidence(self, end_s: float = 10.0) -> Evidence:
        return self._horizon.evidence(Window(1, 0.0, end_s, Cadence.LOCAL), EvidencePlan(8, 2))

    def woken(self) -> bool:
        """Whether a window is due before the first one of the grid that follows."""
        first = self.scheduler.due(10.0)
        assert first is not None
        self.scheduler.started(first)
        self.scheduler.finished(first)
        return self.scheduler.due(22.0) is not None


@pytest.fixture
def desk() -> Desk:
    return Desk()


def heavy(phase: Phase = Phase.CLOSE, group: Group = Group.HEAD) -> NfblEvent:
    """A report worth a window of its own."""
    return replace(event(19.0, group=group, score=9.0), phase=phase)


def test_frames_are_seen_and_shown_and_not_written(desk: Desk) -> None:
    desk.take(clean_frame(1.0, PICTURE), clean_frame(1.5, PICTURE))
    assert [frame.t_s for frame in desk.evidence().frames] == [1.0, 1.5]
    assert desk.board.snapshot().media[0].released == 2
    assert desk.written == []


def test_sound_and_how_it_was_said_reach_the_evidence(desk: Desk) -> None:
    desk.take(*clean_blocks(0.0, np.full(16_000 * 4, 0.1, np.float32)))
    desk.take(*(Prosody(place / 10, 0.1, 0.9, 0.0, 0.0) for place in range(40)))
    evidence = desk.evidence()
    assert max(float(np.abs(clip.samples).max()) for clip in evidence.clips) == pytest.approx(0.1, abs=1e-3)
    assert sum(found.speech_s for found in evidence.prosody) == pytest.approx(4.0, abs=0.5)
    assert desk.written == []


def test_a_gap_is_told_everywhere(desk: Desk) -> None:
    gap = Gap(Track.VIDEO, 1.0, 2.0, "no pictures")
    desk.take(gap)
    assert desk.evidence().gaps == (gap,)
    assert desk.board.snapshot().media[0].gaps == 1
    desk.take(clean_frame(2.0, PICTURE))
    assert desk.written == [records.GapRecord.of(gap)]


def test_a_gap_that_grows_is_one_gap(desk: Desk) -> None:
    desk.take(*(Gap(Track.VIDEO, float(second), second + 1.0, "camera stalled") for second in range(1, 6)))
    assert desk.board.snapshot().media[0].gaps == 1
    desk.intake.finish()
    assert desk.written == [records.GapRecord.of(Gap(Track.VIDEO, 1.0, 6.0, "camera stalled"))]


def test_a_picture_that_begins_late_and_ends_early_is_a_gap_on_either_side(desk: Desk) -> None:
    desk.take(clean_frame(25.0, PICTURE))
    desk.intake.over([(Track.VIDEO, 26.0)])
    desk.take(*clean_blocks(25.0, np.zeros(16_000 * 10, np.float32)))
    desk.intake.finish()
    told = [
        (record.track, record.start_s, record.end_s) for record in desk.written if isinstance(record, records.GapRecord)
    ]
    assert told == [(Track.VIDEO, 0.0, 25.0), (Track.AUDIO, 0.0, 25.0), (Track.VIDEO, 26.0, 35.0)]
    assert desk.board.snapshot().media[0].gaps == 2
    assert desk.evidence(40.0).coverage.video == pytest.approx(1 / 40, abs=0.001)


def test_an_event_is_journalled_at_the_time_at_which_it_was_known(desk: Desk) -> None:
    told = event(2.0)
    desk.take(told, known_s=4.7)
    assert desk.written == [records.NfblRecord.of(told, 4.7)]
    assert desk.written[0].media_s == 4.7
    assert [found.id for found in desk.evidence().events] == [told.id]
    assert [found.id for found in desk.board.snapshot().nfbl] == [told.id]


@pytest.mark.parametrize("group", Group)
@pytest.mark.parametrize("phase", Phase)
def test_body_language_wakes_a_window_once_it_is_over_and_illustration_never(
    desk: Desk, group: Group, phase: Phase
) -> None:
    desk.take(heavy(phase, group), known_s=21.0)
    assert desk.woken() == (phase is Phase.CLOSE and group in NFBL_GROUPS)


def test_a_window_that_is_woken_holds_the_whole_event(desk: Desk) -> None:
    desk.take(heavy(), known_s=23.0)
    assert desk.woken()
    due = desk.scheduler.due(30.0)
    assert due is not None
    assert due.end_s == heavy().end_s == 21.0


def test_a_change_of_the_feed_is_shown_and_journalled(desk: Desk) -> None:
    change = NfblState(3.0, FeedState.RESTARTING, "landmark engine lost (signal 9), restarting")
    desk.take(change)
    assert desk.written == [records.FeedRecord.of(change)]
    assert desk.board.snapshot().nfbl_state == "restarting: landmark engine lost (signal 9), restarting"
    desk.take(NfblState(5.0, FeedState.LIVE))
    assert desk.board.snapshot().nfbl_state == "live (rules)"


def test_what_was_watched_counts_by_group(desk: Desk) -> None:
    desk.take(clean_frame(0.0, PICTURE), clean_frame(10.0, PICTURE))
    desk.take(NfblWatch(0.0, 4.0, ()), NfblWatch(4.0, 8.0, NO_HANDS))
    coverage = desk.evidence().coverage
    assert coverage.nfbl == pytest.approx(0.8)
    shares = dict(coverage.nfbl_groups)
    assert shares[Group.HEAD] == pytest.approx(0.8)
    assert shares[Group.HANDS] == pytest.approx(0.4)


def test_a_span_of_blindness_is_journalled_when_it_is_over_or_at_the_end(desk: Desk) -> None:
    desk.take(NfblWatch(0.0, 1.0, NO_HANDS), NfblWatch(1.0, 2.0, NO_HANDS))
    assert desk.written == []
    desk.take(NfblWatch(2.0, 3.0, ()))
    over = records.BlindRecord(media_s=2.0, group=Group.HANDS, start_s=0.0, end_s=2.0, reason="hands out of view")
    assert desk.written == [over]
    desk.take(NfblWatch(3.0, 5.0, ((Group.HEAD, "face lost"),)))
    assert desk.written == [over]
    desk.intake.finish()
    last = records.BlindRecord(media_s=5.0, group=Group.HEAD, start_s=3.0, end_s=5.0, reason="face lost")
    assert desk.written == [over, last]
    desk.intake.finish()
    assert desk.written == [over, last]


@pytest.mark.parametrize(
    ("item", "end_s"),
    [
        (clean_frame(3.0, PICTURE), 3.0),
        (clean_blocks(3.0, np.zeros(1600, np.float32))[0], 3.1),
        (Prosody(3.0, 0.25, 0.9, None, None), 3.25),
        (Gap(Track.AUDIO, 3.0, 4.0, "hole"), 4.0),
        (event(3.0), 5.0),
        (NfblState(3.5, FeedState.LIVE), 3.5),
        (NfblWatch(3.0, 4.5, ()), 4.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_session_ends_with_the_latest_of_anything_taken(desk: Desk, item: CleanItem, end_s: float) -> None:
    assert desk.intake.end_s == 0.0
    desk.take(item)
    assert desk.intake.end_s == pytest.approx(end_s)
    desk.take(clean_frame(1.0, PICTURE))
    assert desk.intake.end_s == pytest.approx(end_s)
