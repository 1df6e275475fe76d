"""Stages 2 and 3 as a session drives them: encode ahead, judge what is due, keep what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from buffers.evidence import EvidencePlan, Window
from buffers.horizon import Horizon
from buffers.records import CLIP_S, Track
from configs.settings import WindowSettings
from monitor import records
from monitor.ahead import Ahead
from monitor.assess import Assessment, Assessor
from monitor.board import Board
from monitor.describers.base import Encoder
from monitor.record import Record
from monitor.scheduler import Scheduler
from monitor.snapshot import JudgedWindow


class Judging:
    """Judges windows of one horizon as media time moves on; at max speed (`complete`) before it goes further."""

    def __init__(
        self,
        assessor: Assessor,
        scheduler: Scheduler,
        horizon: Horizon,
        board: Board,
        write: Callable[[Record], None],
        *,
        settings: WindowSettings,
        tracks: tuple[Track, ...],
        complete: bool,
    ) -> None:
        """Wire the parts; `write` appends to the journal."""
        self._assessor = assessor
        self._scheduler = scheduler
        self._horizon = horizon
        self._board = board
        self._write = write
        self._local_s = settings.local_s
        self._tracks = tracks
        self._complete = complete
        describer = assessor.describer
        self._plan = EvidencePlan(settings.frames, settings.clips, on_grid=describer.info.on_grid)
        self._encoder = describer if isinstance(describer, Encoder) else None
        self._ahead = None if self._encoder is None else Ahead(self._encoder, horizon)
        self._judging: asyncio.Task[None] | None = None
        self._encoding: asyncio.Task[None] | None = None

    @property
    def embedding_bytes(self) -> int:
        """What a describer in this process keeps of frames and clips it has encoded."""
        return 0 if self._encoder is None else self._encoder.embedding_bytes

    async def advance(self, media_s: float) -> None:
        """Media time has come to `media_s`: encode what arrived, judge what is due."""
        await self._encode_ahead(media_s)
        while (window := self._scheduler.due(media_s)) is not None:
            judging = self._judge(window)
            if self._complete:
                await judging
            else:
                self._judging = asyncio.create_task(judging)

    async def finish(self) -> None:
        """Let the last call end, then judge what is left."""
        if self._judging is not None:
            await self._judging
        for window in self._scheduler.final(self._board.media_s):
            await self._judge(window)

    def check(self) -> None:
        """Raise what went wrong in the background."""
        for task in (self._judging, self._encoding):
            if task is not None and task.done():
                task.result()

    def cancel(self) -> None:
        """Leave whatever is under way."""
        for task in (self._judging, self._encoding):
            if task is not None:
                task.cancel()

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
        if self._horizon.dense_span_s < min(self._horizon.span_s, self._local_s) - CLIP_S:
            self._board.notice("the memory ceiling cuts into local windows: raise horizon.max_mbytes")
        evidence = self._horizon.evidence(window, self._plan)
        refusal = self._assessor.unchanged(evidence)
        if refusal is None:
            refusal = self._scheduler.refusal(window, evidence.coverage, self._tracks)

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
