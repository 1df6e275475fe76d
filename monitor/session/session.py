"""One session from open to end: open, de-identify, buffer, describe, judge, estimate.

It wires the stages and holds no algorithm.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Final

import psutil

from buffers.evidence import StoredFrame
from buffers.horizon import Horizon
from configs.errors import MonitorError, SourceLost
from monitor import records
from monitor.assess import Assessor
from monitor.estimate import Estimator
from monitor.identity import session_digest, session_id
from monitor.intake import Intake
from monitor.journal import Journal, default_path
from monitor.limits import limits_of
from monitor.models import make_models
from monitor.outputs.base import Command, Output, Stream
from monitor.record import Record
from monitor.records import EndReason, Mode
from monitor.scheduler import Scheduler
from monitor.session.health import Lags, LoopWatch, health_record
from monitor.session.judging import Judging
from monitor.session.links import Links
from monitor.session.opening import board_of, clock_of, mode_of, session_record
from monitor.session.plan import Plan
from monitor.session.recording import Recording
from monitor.session.shown import Shown
from monitor.snapshot import SessionState, Snapshot
from streams.channel import ChannelClosed
from streams.clock import Clock, CpuMeter, monotonic_s, utc_now
from streams.ingest import Batch, Ingest
from streams.pipeline import open_pipeline
from streams.watchdog import Stall

__all__ = ["FLUSH_S", "Plan", "Session"]

POLL_S: Final = 0.25
"""How long to wait for a batch before looking again; also the period of the display (4 Hz)."""

FLUSH_S: Final = 4.0
"""How long a session that was asked to stop may take to hand on what it has and to judge it (wall time, s)."""

_HEALTH_EVERY_S: Final = 30.0
"""Media time between health records of a paced session."""

_HANGS_AFTER: Final = 3.0
"""Work on one frame or block after which its stage hangs: in times of what a detector is given to answer."""


class Session:
    """A source being monitored; `run` once. `began` tells that its models have started and its media are read."""

    def __init__(self, plan: Plan) -> None:
        """Open the source and every model; nothing is read before `run`. Raises what `open_pipeline` raises."""
        settings = plan.loaded.settings
        self._plan = plan
        self._settings = settings
        # Before the source: what is amiss with their settings is told before a landmark engine is started.
        describer, judge = make_models(settings)
        self._pipeline = pipeline = open_pipeline(plan.source, settings, paced=plan.speed is not None)
        mode = mode_of(plan, pipeline)
        self._complete = mode is Mode.MAX
        feed = "off" if pipeline.feed is None else pipeline.feed.digest
        self._digest = session_digest(settings, feed)
        content = pipeline.source.digest if self._complete else None
        self._id = session_id(content, self._digest, live=mode is Mode.LIVE)
        self._clock: Clock = clock_of(plan, mode)
        self._ingest = Ingest(pipeline, clock=self._clock, settings=settings.ingest)
        self._horizon = Horizon(limits_of(settings.horizon, pipeline.tracks), av_offset_s=pipeline.info.av_offset_s)
        self._scheduler = Scheduler(settings.windows, complete=self._complete)
        windows = settings.windows
        estimator = Estimator(settings.estimate, judge=judge.info, stale_after_s=self._scheduler.stale_after_s)
        self._assessor = Assessor(
            describer, judge, estimator, deadline_s=windows.deadline_s, skip_unchanged=windows.skip_unchanged
        )
        self._path = plan.journal or default_path(self._id, plan.folder)
        self._board = board_of(self._id, plan, pipeline, self._assessor, self._path)
        self._intake = Intake(self._horizon, self._board, self._scheduler, self._write)
        self._links = None if pipeline.live is None else Links(pipeline.live, self._board, self._write)
        self._recording: Recording | None = None
        self._process = psutil.Process()
        self._work = CpuMeter()
        self._lags = Lags()
        self._loop = LoopWatch(period_s=POLL_S)
        self._judging = Judging(
            self._assessor,
            self._scheduler,
            self._horizon,
            self._board,
            self._write,
            settings=windows,
            tracks=pipeline.tracks,
            complete=self._complete,
        )
        self._next_health_s = _HEALTH_EVERY_S
        self.began = False
        self._over = False
        self._fault: MonitorError | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._stopped: EndReason | None = None
        self._stopped_s = math.inf
        self._shown = Shown((), self._board.snapshot)

    @property
    def name(self) -> str:
        """What its source is called."""
        return self._board.source

    def stream(self, name: str) -> Stream:
        """The session as destinations know it, under a name that may leave the machine."""
        return Stream(
            name=name,
            session=self._id,
            journal=self._path,
            pausable=self._links is not None,
            picture=self._picture,
            command=self.command,
            report=self._board.output,
            now=utc_now,
        )

    def _picture(self) -> StoredFrame | None:
        """The newest masked picture; none of before is shown while nothing is captured."""
        return self._horizon.newest_frame if self._board.state is SessionState.LIVE else None

    @property
    def asks_models(self) -> bool:
        """Whether anything is asked that takes its time to start: a server, or a model in this process."""
        return self._assessor.asks_models

    def command(self, command: Command, note: str = "") -> bool:
        """What a person asks through an output, `note` being a mark's; whether it could be done."""
        try:
            return self._obey(command, note)
        except MonitorError as error:
            # Nobody who presses a key can be told; the session ends by it.
            self._fault = error
            return False

    def _obey(self, command: Command, note: str) -> bool:
        writes = self.began and not self._over
        match command:
            case Command.QUIT:
                self.stop()
            case Command.MARK if writes:
                self._write(records.MarkRecord(media_s=self._board.media_s, note=note))
            case Command.MARK:
                self._board.notice("a mark was asked of a session that does not run: none was made")
                return False
            case _ if self._links is not None and not self._over:
                # Also before the session begins: who asks for privacy has it from the first frame on.
                self._links.pause({Command.PAUSE: True, Command.RESUME: False}.get(command))
                if writes:
                    self._links.follow()
            case _:
                self._board.notice("a recording is played: there is nothing to pause for privacy")
                return False
        return True

    def stop(self, reason: EndReason = EndReason.INTERRUPTED) -> None:
        """Stop the source; what was captured is still judged, within `FLUSH_S`."""
        if self._stopped is None:
            self._stopped, self._stopped_s = reason, monotonic_s()
            if not self._complete:
                self._assessor.hurry(FLUSH_S)
            self._ingest.stop()

    def failed(self, why: str) -> Snapshot:
        """The picture of a session that could not begin."""
        self._board.state = SessionState.FAILED
        self._board.notice(why)
        return self._board.snapshot()

    async def close(self) -> None:
        """Let go of everything; only where `run` is never called."""
        await self._assessor.close()
        await asyncio.to_thread(self._ingest.abort)

    async def run(self, *outputs: Output) -> int:
        """Run to the end of the source and return the exit code. Whatever happens, everything is closed.

        Raises:
            JournalError: the journal cannot be written.
            SourceLost, DeidentificationFailed: the session ended early; the journal says so too.
        """
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self._assessor.close)
            closing.push_async_callback(asyncio.to_thread, self._ingest.abort)
            # Before the models: what is wrong with a name is not told after minutes of loading.
            if self._plan.record is not None or self._plan.record_in is not None:
                self._recording = Recording(self._plan, self._id, self._pipeline, self._board)
                closing.push_async_callback(asyncio.to_thread, self._recording.close)
            await self._start_models()
            self._journal = Journal(self._path, self._id)
            closing.push_async_callback(asyncio.to_thread, self._journal.close)
            self._shown = Shown(outputs, self._board.snapshot)
            closing.push_async_callback(self._shown.close)
            await self._shown.start()
            self._loop.start()
            closing.callback(self._loop.stop)
            return await self._run()

    async def _start_models(self) -> None:
        """Load what describes and judges, or ask servers what they can do, before media time begins."""
        notices = await self._assessor.start()
        board, describer, judge = self._board, self._assessor.describer.info, self._assessor.judge.info
        board.describer, board.judge = describer, judge
        for notice in (describer.notice, judge.notice, *notices):
            board.notice(notice)
        self._clock.restart()

    async def _run(self) -> int:
        self._write(session_record(self._plan, self._pipeline, self._board, self._digest))
        self.began = True
        self._ingest.start()
        if self._links is None:
            self._board.state = SessionState.LIVE
        ticking = asyncio.create_task(self._tick())
        lost: SourceLost | None = None
        try:
            try:
                await self._consume(ticking)
            except SourceLost as error:
                lost = error
            await self._finish(lost)
        except asyncio.CancelledError:
            self._end(EndReason.INTERRUPTED)
            raise
        except Exception as error:
            told = str(error) if isinstance(error, MonitorError) else f"unexpected {type(error).__name__}"
            with contextlib.suppress(MonitorError):  # the journal may be what failed
                self._end(EndReason.FAILED, told)
            raise
        finally:
            for task in (ticking, self._restarting):
                if task is not None:
                    task.cancel()
            self._judging.cancel()
        if lost is not None:
            raise lost
        return 0

    async def _consume(self, ticking: asyncio.Task[None]) -> None:
        """Take what comes until the source ends; a fault of the judging or of the display ends the session."""
        while True:
            try:
                batch = await asyncio.to_thread(self._ingest.next_batch, POLL_S)
            except TimeoutError:
                batch = None
            except ChannelClosed:
                return
            self._judging.check()
            for task in (ticking, self._restarting):
                if task is not None and task.done():
                    task.result()
            if self._fault is not None:
                raise self._fault
            if batch is not None:
                await self._take(batch)
            elif monotonic_s() - self._stopped_s > FLUSH_S:
                self._board.notice("the end was not waited for: a stage did not hand on what it had")
                return

    async def _take(self, batch: Batch) -> None:
        """Buffer clean items in order of media time; windows fire between them, on the watermark."""
        self._intake.over(batch.over)
        for t_s, item in batch.items:
            # Live, body language is told before the masks' look-back is over; media time does not run ahead of it.
            await self._advance(min(t_s, batch.watermark_s))
            self._intake.take(t_s, item)
            if self._recording is not None:
                self._recording.take(item)
        if math.isfinite(batch.watermark_s):
            await self._advance(batch.watermark_s)

    async def _advance(self, watermark_s: float) -> None:
        """Move media time forward and judge what is due."""
        if watermark_s <= self._board.media_s:
            return
        self._board.media_s = watermark_s
        if self._plan.max_duration_s is not None and watermark_s >= self._plan.max_duration_s:
            self.stop(EndReason.ENDED)
        await self._judging.advance(watermark_s)
        if not self._complete and watermark_s >= self._next_health_s:
            self._next_health_s = watermark_s + _HEALTH_EVERY_S
            self._write(self._health_record())

    async def _finish(self, lost: SourceLost | None) -> None:
        """The source is over: let the last call end, judge what is left, say goodbye."""
        if lost is not None and not self._complete:
            self._assessor.hurry(FLUSH_S)
        await self._advance(self._intake.end_s)
        self._intake.finish()
        await self._judging.finish()
        if self._recording is not None:
            await asyncio.to_thread(self._recording.close)
        if lost is not None:
            self._end(EndReason.LOST, str(lost))
        else:
            self._end(self._stopped or EndReason.ENDED)

    def _end(self, reason: EndReason, notice: str | None = None) -> None:
        self._judging.cancel()
        if self._links is not None:
            self._links.follow()
        over = reason in {EndReason.FAILED, EndReason.LOST}
        self._board.state = SessionState.FAILED if over else SessionState.ENDED
        for text in (*self._pipeline.notices, *([] if notice is None else [notice])):
            self._board.notice(text)
        self._write(self._health_record())
        self._write(self._board.end_record(reason))
        self._over = True

    def _health_record(self) -> records.HealthRecord:
        self._refresh()
        return health_record(
            self._board,
            self._pipeline,
            horizon_bytes=self._horizon.nbytes,
            embedding_bytes=self._judging.embedding_bytes,
            lags=self._lags,
            loop_lag_s=None if self._complete else self._loop.take_worst_s(),
            cpu_share=None if self._complete else self._work.share(),
        )

    def _write(self, record: Record) -> None:
        line = self._journal.append(record)
        self._board.seq = self._journal.seq
        self._shown.record(line)

    def _refresh(self) -> None:
        """Bring the parts of the board up to date that nobody reports."""
        board = self._board
        for track, counts in self._ingest.counts().items():
            board.received(track, counts.received, counts.dropped, ended=counts.ended, queued=counts.queued)
        board.models, looks = self._assessor.use, self._pipeline.feed_counts
        board.nfbl_looks, board.nfbl_skipped = looks.looks, looks.skipped
        board.skipped = self._scheduler.skipped
        board.next_window_s = self._scheduler.next_due_s
        board.horizon_s, board.horizon_bytes = self._horizon.span_s, self._horizon.nbytes
        if not self._complete:
            running = board.state not in {SessionState.ENDED, SessionState.FAILED}
            board.lag_s = max(0.0, self._clock.now_s() - board.media_s) if running else board.lag_s
            board.rss_bytes = self._process.memory_info().rss

    async def _tick(self) -> None:
        """Four times a second: follow the source, mend what hangs and show it all, with the estimate as it is now."""
        while True:
            board = self._board
            if not self._complete:
                board.loop_lag_s = self._loop.beat(board.media_s)
                self._watch()
            self._refresh()
            if not self._complete and board.state is SessionState.LIVE and board.lag_s is not None:
                self._lags.add(board.lag_s)
            estimate = self._assessor.estimator.at(board.media_s)
            board.overall, board.current = estimate.overall, estimate.current
            self._shown.show()
            await asyncio.sleep(POLL_S)

    def _watch(self) -> None:
        """Follow the links; restart a stage that hangs and say so; tell what held the event loop up."""
        if self._links is not None:
            self._links.follow()
        if self._recording is not None:
            self._recording.follow()
        stalls = self._ingest.stalls(_HANGS_AFTER * max(2.0, self._settings.faces.detector_timeout_s))
        if stalls and (self._restarting is None or self._restarting.done()):
            self._restarting = asyncio.create_task(self._restart(stalls[0]))
        for record in self._loop.held():
            self._write(record)

    async def _restart(self, stall: Stall) -> None:
        """Put another worker in the place of one that hangs, which takes as long as loading its models."""
        restarted = await asyncio.to_thread(self._ingest.restart, stall)
        name = stall.stage.name
        then = "was restarted" if restarted else "hangs again and again"
        self._board.notice(f"{name} hung for {stall.busy_s:.0f} s and {then}: please report {stall.stack}")
        self._write(
            records.StallRecord(media_s=self._board.media_s, stage=name, held_s=stall.busy_s, stack=stall.stack)
        )
