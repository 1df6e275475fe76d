"""One session from open to end: open, de-identify, buffer, describe, judge, estimate.

Beside `harvest.py` the one module of `monitor/` that sees `streams/`; it wires the stages and holds no algorithm.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from buffers.evidence import EvidencePlan, Window
from buffers.horizon import Horizon
from buffers.records import CLIP_S, Track
from configs.errors import MonitorError
from configs.load import Loaded
from monitor import records
from monitor.ahead import Ahead
from monitor.assess import Assessment, Assessor
from monitor.board import Board
from monitor.describers.base import Encoder
from monitor.estimate import Estimator
from monitor.identity import session_digest, session_id
from monitor.intake import Intake
from monitor.interrupts import interrupts_to
from monitor.journal import Journal, default_path
from monitor.limits import limits_of
from monitor.models import make_models
from monitor.outputs.base import Command, Output
from monitor.outputs.registry import choose_output
from monitor.records import EndReason, Mode
from monitor.scheduler import Scheduler
from monitor.snapshot import JudgedWindow, SessionState
from streams.channel import ChannelClosed
from streams.clock import Clock, CpuMeter, PacedClock, VirtualClock, utc_now
from streams.ingest import Batch, Ingest
from streams.pipeline import Pipeline, open_pipeline

_POLL_S: Final = 0.25
"""How long to wait for a batch before looking again; also the period of the display (4 Hz)."""

_HEALTH_EVERY_S: Final = 30.0
"""Media time between health records of a paced session."""

_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: a source, its speed (None: as fast as it goes), settings, and where the journal goes."""

    source: str
    speed: float | None
    loaded: Loaded
    journal: Path | None = None


def run(plan: Plan, *, ui: str, ascii_only: bool) -> int:
    """Run a session on the terminal to its end and return the exit code."""

    async def main() -> int:
        session = Session(plan)
        if ui != "none" and session.asks_models:
            sys.stderr.write("Starting the models ...\n")
        output = choose_output(
            ui, stdout=sys.stdout, environ=os.environ, ascii_only=ascii_only, on_command=session.command
        )
        return await session.run(output)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:  # interrupted again while it was ending
        return _INTERRUPTED


class Session:
    """A source being monitored; `run` once."""

    def __init__(self, plan: Plan) -> None:
        """Open the source and every model; nothing is read before `run`. Raises what `open_pipeline` raises."""
        settings = plan.loaded.settings
        self._plan = plan
        self._settings = settings
        self._complete = plan.speed is None
        # Before the source: what is amiss with their settings is told before a landmark engine is started.
        describer, judge = make_models(settings)
        self._pipeline = pipeline = open_pipeline(plan.source, settings, paced=not self._complete)
        feed = "off" if pipeline.feed is None else pipeline.feed.digest
        self._digest = session_digest(settings, feed)
        self._id = session_id(pipeline.source.digest if self._complete else None, self._digest)
        self._clock: Clock = VirtualClock() if plan.speed is None else PacedClock(plan.speed)
        self._ingest = Ingest(pipeline, clock=self._clock, settings=settings.ingest)
        self._horizon = Horizon(limits_of(settings.horizon, pipeline.tracks), av_offset_s=pipeline.info.av_offset_s)
        self._scheduler = Scheduler(settings.windows, complete=self._complete)
        windows = settings.windows
        estimator = Estimator(settings.estimate, judge=judge.info, stale_after_s=self._scheduler.stale_after_s)
        self._assessor = Assessor(
            describer, judge, estimator, deadline_s=windows.deadline_s, skip_unchanged=windows.skip_unchanged
        )
        self._evidence_plan = EvidencePlan(windows.frames, windows.clips, on_grid=describer.info.on_grid)
        self._encoder = describer if isinstance(describer, Encoder) else None
        self._ahead = None if self._encoder is None else Ahead(self._encoder, self._horizon)
        self._path = plan.journal or default_path(self._id)
        self._board = _board(self._id, plan, pipeline, self._assessor, self._path)
        self._intake = Intake(self._horizon, self._board, self._scheduler, self._write)
        self._process = psutil.Process()
        self._work = CpuMeter()
        self._judging: asyncio.Task[None] | None = None
        self._encoding: asyncio.Task[None] | None = None
        self._running: asyncio.Task[object] | None = None
        self._next_health_s = _HEALTH_EVERY_S
        self._stopped = self._interrupted = False
        self._outputs: tuple[Output, ...] = ()

    @property
    def asks_models(self) -> bool:
        """Whether anything is asked that takes its time to start: a server, or a model in this process."""
        return self._assessor.asks_models

    def command(self, command: Command) -> None:
        """What a person asks through an output."""
        if command is Command.QUIT:
            self._stopped = True
            self._ingest.stop()
        elif command is Command.MARK:
            self._write(records.MarkRecord(media_s=self._board.media_s, note=""))

    async def run(self, *outputs: Output) -> int:
        """Run to the end of the source and return the exit code. Whatever happens, everything is closed.

        Raises:
            JournalError: the journal cannot be written.
            SourceLost, DeidentificationFailed: the session ended early; the journal says so too.
        """
        self._running = asyncio.current_task()
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self._assessor.close)
            closing.push_async_callback(asyncio.to_thread, self._ingest.abort)
            await self._start_models()
            self._journal = closing.enter_context(Journal(self._path, self._id))
            closing.enter_context(interrupts_to(self._interrupt))
            for output in outputs:
                await output.start()
                closing.push_async_callback(self._close, output)
                self._outputs += (output,)
            return await self._run()

    async def _start_models(self) -> None:
        """Load what describes and judges, or ask servers what they can do, before media time begins."""
        notices = await self._assessor.start()
        board, describer, judge = self._board, self._assessor.describer.info, self._assessor.judge.info
        board.describer, board.judge = describer, judge
        for notice in (describer.notice, judge.notice, *notices):
            board.notice(notice)
        self._clock.restart()

    async def _close(self, output: Output) -> None:
        await output.close(self._board.snapshot())

    async def _run(self) -> int:
        self._write(_session_record(self._plan, self._pipeline, self._board, self._digest))
        self._ingest.start()
        self._board.state = SessionState.LIVE
        display = asyncio.create_task(self._display())
        try:
            await self._consume(display)
            await self._finish()
        except MonitorError as error:
            self._end(EndReason.FAILED, str(error))
            raise
        except asyncio.CancelledError:
            self._end(EndReason.INTERRUPTED)
        finally:
            display.cancel()
        return _INTERRUPTED if self._interrupted else 0

    async def _consume(self, display: asyncio.Task[None]) -> None:
        """Take what comes until the source ends; a fault of the judging or of the display ends the session."""
        while True:
            try:
                batch = await asyncio.to_thread(self._ingest.next_batch, _POLL_S)
            except TimeoutError:
                continue
            except ChannelClosed:
                return
            for task in (self._judging, self._encoding, display):
                if task is not None and task.done():
                    task.result()
            await self._take(batch)

    async def _take(self, batch: Batch) -> None:
        """Buffer clean items in order of media time; windows fire between them, on the watermark."""
        for t_s, item in batch.items:
            # Live, body language is told before the masks' look-back is over; media time does not run ahead of it.
            await self._advance(min(t_s, batch.watermark_s))
            self._intake.take(t_s, item)
        if math.isfinite(batch.watermark_s):
            await self._advance(batch.watermark_s)

    async def _advance(self, watermark_s: float) -> None:
        """Move media time forward and judge what is due."""
        if watermark_s <= self._board.media_s:
            return
        self._board.media_s = watermark_s
        await self._encode_ahead(watermark_s)
        while (window := self._scheduler.due(watermark_s)) is not None:
            judging = self._judge(window)
            if self._complete:
                await judging
            else:
                self._judging = asyncio.create_task(judging)
        if not self._complete and watermark_s >= self._next_health_s:
            self._next_health_s += _HEALTH_EVERY_S
            self._write(self._health_record())

    async def _encode_ahead(self, media_s: float) -> None:
        """Have what arrived encoded before a window needs it; live, beside everything else and never twice at once."""
        if self._ahead is None or not self._ahead.due(media_s):
            return
        if self._complete:
            await self._ahead.encode(media_s)
        elif self._encoding is None or self._encoding.done():
            self._encoding = asyncio.create_task(self._ahead.encode(media_s))

    def _judge(self, window: Window) -> Coroutine[None, None, None]:
        """Cut the evidence now, before anything later is buffered; what is returned describes and judges it."""
        self._scheduler.started(window)
        self._board.running = window.cadence
        if self._horizon.dense_span_s < min(self._horizon.span_s, self._settings.windows.local_s) - CLIP_S:
            self._board.notice("the memory ceiling cuts into local windows: raise horizon.max_mbytes")
        evidence = self._horizon.evidence(window, self._evidence_plan)
        refusal = self._assessor.unchanged(evidence)
        if refusal is None:
            refusal = self._scheduler.refusal(window, evidence.coverage, self._pipeline.tracks)

        async def judging() -> None:
            assessment = await self._assessor.assess(evidence, refusal)
            self._scheduler.finished(window)
            self._board.running = None
            self._keep(assessment)

        return judging()

    def _keep(self, assessment: Assessment) -> None:
        window, description = assessment.window, assessment.description
        if description is not None:
            self._write(records.DescriptionRecord.of(window, description))
            if description.note is not None:
                self._board.notice(description.note)
        self._write(records.VerdictRecord.of(window, assessment.verdict, assessment.coverage))
        self._write(records.EstimateRecord.of(assessment.estimate))
        judged = JudgedWindow(window, assessment.verdict, "" if description is None else description.text)
        self._board.verdict(judged, abstained=assessment.abstained)
        if description is not None or assessment.trouble is not None:
            self._board.trouble(assessment.trouble)
        self._board.estimate(window.end_s, assessment.estimate.overall, assessment.estimate.current)

    async def _finish(self) -> None:
        """The source is over: let the last call end, judge what is left, say goodbye."""
        await self._advance(self._intake.end_s)
        self._intake.finish()
        if self._judging is not None:
            await self._judging
        for window in self._scheduler.final(self._board.media_s):
            await self._judge(window)
        self._end(EndReason.INTERRUPTED if self._stopped else EndReason.ENDED)

    def _end(self, reason: EndReason, notice: str | None = None) -> None:
        for task in (self._judging, self._encoding):
            if task is not None:
                task.cancel()
        self._board.state = SessionState.FAILED if reason is EndReason.FAILED else SessionState.ENDED
        for text in (*self._pipeline.notices, *([] if notice is None else [notice])):
            self._board.notice(text)
        self._write(self._health_record())
        self._write(self._board.end_record(reason))

    def _health_record(self) -> records.HealthRecord:
        self._refresh()
        counts, looks = self._pipeline.face_counts, self._pipeline.feed_counts
        return records.HealthRecord(
            media_s=self._board.media_s,
            tracks=tuple(records.TrackHealthRecord.of(health) for health in self._board.media()),
            whole_frames=self._board.whole_frames,
            detector_failures=counts.detector_failures,
            voice_failures=self._pipeline.voice_failures,
            horizon_bytes=self._horizon.nbytes,
            nfbl_looks=looks.looks,
            nfbl_skipped=looks.skipped,
            nfbl_losses=looks.losses,
            embedding_bytes=0 if self._encoder is None else self._encoder.embedding_bytes,
            lag_s=self._board.lag_s,
            rss_bytes=self._board.rss_bytes,
            cpu_share=None if self._complete else self._work.share(),
        )

    def _write(self, record: records.Record) -> None:
        line = self._journal.append(record)
        self._board.seq = self._journal.seq
        for output in self._outputs:
            output.record(line)

    def _refresh(self) -> None:
        """Bring the parts of the board up to date that nobody reports."""
        board = self._board
        for track, counts in self._ingest.counts().items():
            board.received(track, counts.received, counts.dropped, ended=counts.ended)
        board.skipped = self._scheduler.skipped
        board.next_window_s = self._scheduler.next_due_s
        board.horizon_s, board.horizon_bytes = self._horizon.span_s, self._horizon.nbytes
        if not self._complete:
            live = board.state is SessionState.LIVE
            board.lag_s = max(0.0, self._clock.now_s() - board.media_s) if live else board.lag_s
            board.rss_bytes = self._process.memory_info().rss

    async def _display(self) -> None:
        """Show the session four times a second, with the estimate as old as it is now."""
        while True:
            self._refresh()
            estimate = self._assessor.estimator.at(self._board.media_s)
            self._board.overall, self._board.current = estimate.overall, estimate.current
            snapshot = self._board.snapshot()
            for output in self._outputs:
                output.show(snapshot)
            await asyncio.sleep(_POLL_S)

    def _interrupt(self) -> None:
        """Ctrl-C, SIGTERM or a closed terminal: stop the source, flush, end. The second time: leave at once."""
        if self._interrupted and self._running is not None:
            self._running.cancel()
        self._stopped = self._interrupted = True
        self._ingest.stop()


def _board(session: str, plan: Plan, pipeline: Pipeline, assessor: Assessor, journal: Path) -> Board:
    settings = plan.loaded.settings
    start = assessor.estimator.at(0.0)
    notices = list(pipeline.notices)
    if pipeline.feed is not None:
        notices += pipeline.feed.notices
    if settings.seed is not None:
        notices.append("seeded run: the altered voice can be undone, do not publish it")
    board = Board(
        session=session,
        source=pipeline.info.name,
        mode=Mode.MAX if plan.speed is None else Mode.PACED,
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


def _session_record(plan: Plan, pipeline: Pipeline, board: Board, digest: str) -> records.SessionRecord:
    info = pipeline.info
    return records.SessionRecord(
        media_s=0.0,
        source=info.name,
        digest=pipeline.source.digest,
        tracks=tuple(map(records.TrackRecord.of, info.tracks)),
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
        started_at=None if plan.speed is None else utc_now(),
    )
