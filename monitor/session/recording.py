"""The clean recording beside a session: what becomes of it is shown, and a failure of it ends nothing else."""

from __future__ import annotations

from pathlib import Path

from buffers.records import CleanItem, Track
from configs.errors import ConfigError
from monitor.board import Board
from monitor.session.plan import Plan
from streams.pipeline import Pipeline
from streams.recording.live import LiveRecorder

_SUFFIX = ".mkv"


class Recording:
    """Writes a session's clean media to the file that the plan names."""

    def __init__(self, plan: Plan, session: str, pipeline: Pipeline, board: Board) -> None:
        """Begin the file. Raises what `LiveRecorder` raises: nothing may be lost silently."""
        path = plan.record or (plan.record_in or Path()) / f"{session}{_SUFFIX}"
        for taken in (*pipeline.source.files, *([] if board.journal is None else [Path(board.journal)])):
            if path.resolve() == taken.resolve() or _same(path, taken):
                raise ConfigError(f"{path.name}: is what is read or written already; record to another file")
        video = pipeline.info.track(Track.VIDEO)
        rate_hz = video.rate_hz if video is not None else None
        self._recorder = LiveRecorder(path, tracks=pipeline.tracks, rate_hz=rate_hz or 30.0, force=plan.force)
        self._board = board
        self._told = False
        board.recording = str(path)

    def take(self, item: CleanItem) -> None:
        """Hand a clean item on; returns at once."""
        self._recorder.take(item)

    def follow(self) -> None:
        """Tell once that it failed."""
        failure = self._recorder.failure
        if failure is not None and not self._told:
            self._told = True
            self._board.recording = None
            self._board.notice(f"recording ended: {failure}")

    def close(self) -> None:
        """Finish the file; safe to call twice."""
        self._recorder.close()
        self.follow()
        if self._recorder.dropped:
            self._board.notice(f"recording: {self._recorder.dropped} frames left out, the encoder could not keep up")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
