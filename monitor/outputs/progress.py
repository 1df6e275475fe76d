"""How far a long job has come: a bar with the time left on a terminal, a line at its end elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn


class ProgressBar:
    """One job after another on one bar. A context manager: the terminal is as before when it ends.

    Nothing is drawn where the stream is no terminal: logs need no bars.
    """

    def __init__(self, stream: TextIO, *, jobs: int) -> None:
        """Draw on `stream`, for so many jobs."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=Console(file=stream), transient=True, disable=not stream.isatty())
        self._jobs = jobs
        self._number = 0
        self._part = ""
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def begin(self, name: str) -> None:
        """The next job, by the name of what it reads."""
        self._number += 1
        self._part = name
        if self._task is not None:
            self._progress.remove_task(self._task)
        count = f"{self._number}/{self._jobs} " if self._jobs > 1 else ""
        self._task = self._progress.add_task(f"{count}{name}", total=None, speed="")

    def part(self, name: str) -> None:
        """The job is now at the part `name`, which begins where it was not under way already."""
        if name != self._part or self._task is None:
            self.begin(name)

    def reach(self, done_s: float, total_s: float | None) -> None:
        """The job has come to `done_s` of `total_s` seconds of media (None: nobody knows how long it is)."""
        if self._task is None or self._progress.disable:
            return
        task = self._progress.tasks[0]
        speed = "" if not task.elapsed else f"{done_s / task.elapsed:.1f}x real time"
        self._progress.update(self._task, completed=done_s, total=total_s, speed=speed)

    def count(self, name: str, done: int, total: int) -> None:
        """Of a job that is no single piece of media: so many of its parts are done, and `name` is at work."""
        if self._task is None:
            self.begin(name)
        if self._task is not None and not self._progress.disable:
            self._progress.update(self._task, description=name, completed=done, total=total, speed=f"{done} of {total}")
