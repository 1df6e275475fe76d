"""What a session says of itself at its beginning: its board, and the journal's first record."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from buffers.records import Track
from configs.errors import ConfigError
from monitor import records
from monitor.assess import Assessor
from monitor.board import Board
from monitor.records import Mode
from monitor.session.plan import Plan
from streams.clock import Clock, LiveClock, PacedClock, VirtualClock, utc_now
from streams.pipeline import Pipeline


def mode_of(plan: Plan, pipeline: Pipeline) -> Mode:
    """How media time will pass."""
    if pipeline.live is not None:
        return Mode.LIVE
    return Mode.MAX if plan.speed is None else Mode.PACED


def clock_of(plan: Plan, mode: Mode) -> Clock:
    """The clock media time follows. Raises `ConfigError` for a live source that is to run at max speed."""
    if mode is Mode.LIVE:
        if plan.speed is None:
            raise ConfigError(f"{plan.source.partition(':')[0]}: is live and has no speed but its own; use watch")
        return LiveClock()
    return VirtualClock() if plan.speed is None else PacedClock(plan.speed)


def board_of(session: str, plan: Plan, pipeline: Pipeline, assessor: Assessor, journal: Path) -> Board:
    """The session's books, with what is known before it begins."""
    settings = plan.loaded.settings
    start = assessor.estimator.at(0.0)
    notices = list(pipeline.notices)
    if pipeline.feed is not None:
        notices += pipeline.feed.notices
    if settings.seed is not None:
        notices.append("seeded run: the altered voice can be undone, do not publish it")
    if pipeline.live is not None and plan.consent is None:
        notices.append("no consent is noted: --consent TEXT writes into the journal how the person agreed")
    board = Board(
        session=session,
        source=pipeline.info.name,
        mode=mode_of(plan, pipeline),
        duration_s=pipeline.info.duration_s,
        describer=assessor.describer.info,
        judge=assessor.judge.info,
        detector="none" if pipeline.faces is None else settings.faces.detector,
        mask="none" if pipeline.faces is None else settings.faces.mask,
        voice="none" if pipeline.info.track(Track.AUDIO) is None else settings.voice.mode,
        nfbl_source="off" if pipeline.feed is None else pipeline.feed.source,
        overall=start.overall,
        current=start.current,
        journal=str(journal),
        tracks=pipeline.tracks,
    )
    for notice in notices:
        board.notice(notice)
    return board


def session_record(plan: Plan, pipeline: Pipeline, board: Board, digest: str) -> records.SessionRecord:
    """The journal's first record; `digest` is that of the settings."""
    info = pipeline.info
    return records.SessionRecord(
        media_s=0.0,
        source=info.name,
        digest=pipeline.source.digest,
        tracks=tracks_of(pipeline),
        av_offset_s=info.av_offset_s,
        duration_s=info.duration_s,
        mode=Mode(board.mode),
        profile=plan.loaded.profile,
        settings_digest=digest,
        nfbl=board.nfbl_source,
        describer=board.describer,
        judge=board.judge,
        deidentification=records.DeidentificationRecord(detector=board.detector, mask=board.mask, voice=board.voice),
        version=version("emotion-monitor"),
        notices=tuple(board.notices),
        consent=plan.consent,
        started_at=None if board.mode == Mode.MAX else utc_now(),
    )


def tracks_of(pipeline: Pipeline) -> tuple[records.TrackRecord, ...]:
    """What is known of the tracks now."""
    return tuple(map(records.TrackRecord.of, pipeline.info.tracks))
