"""Finds stages that hang: each says when it begins to work and when it rests, and a watcher looks at the clock."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streams.clock import monotonic_s

_FRAMES_TOLD: Final = 6
"""Innermost calls of a hung stage that are told."""


class Stage:
    """One place where work is done, by one thread at a time. `work` or `rest` costs well under a microsecond."""

    def __init__(self, name: str) -> None:
        """Begin at rest."""
        self.name = name
        self._since_s: float | None = None
        self._thread: int | None = None

    def work(self) -> None:
        """The calling thread begins to work on something."""
        self._thread = threading.get_ident()
        self._since_s = monotonic_s()

    def rest(self) -> None:
        """The work is done."""
        self._since_s = None

    @property
    def since_s(self) -> float | None:
        """When it began what it works on (`monotonic_s()`), None at rest."""
        return self._since_s

    def busy_s(self, now_s: float) -> float:
        """How long it has worked on the same thing (wall time, s), 0 at rest; `now_s` is `monotonic_s()`."""
        since_s = self._since_s
        return 0.0 if since_s is None else max(0.0, now_s - since_s)

    def stack(self) -> str:
        """Where it is, innermost call last, in one line: files and functions, never values."""
        frame = None if self._thread is None else sys._current_frames().get(self._thread)  # noqa: SLF001 - documented
        if frame is None:
            return "no thread"
        calls = traceback.extract_stack(frame)[-_FRAMES_TOLD:]
        return " > ".join(f"{call.name} ({call.filename.rpartition('/')[2]}:{call.lineno})" for call in calls)


@dataclass(frozen=True, slots=True)
class Stall:
    """A stage that hangs."""

    stage: Stage
    since_s: float
    busy_s: float
    stack: str

    @property
    def over(self) -> bool:
        """Whether the stage has come back since."""
        return self.stage.since_s != self.since_s


class Watch:
    """Finds the stages that hang.

    Only what was already at the same work when it was last looked at counts: after a while in which the whole process
    stood still (a suspended machine, a debugger) every stage seems to have worked for long.
    """

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._seen: dict[Stage, float] = {}

    def look(self, stages: Iterable[Stage], now_s: float, *, after_s: float) -> list[Stall]:
        """Those that have worked on the same thing for longer than `after_s`; `now_s` is `monotonic_s()`."""
        since_s = {stage: stage.since_s for stage in stages}
        working = {stage: began_s for stage, began_s in since_s.items() if began_s is not None}
        stalls = [
            Stall(stage, began_s, now_s - began_s, stage.stack())
            for stage, began_s in working.items()
            if now_s - began_s > after_s and self._seen.get(stage) == began_s
        ]
        self._seen = working
        return stalls


class Breaker:
    """Allows so many restarts within a time, then no more: what fails at once each time is not mended by restarts."""

    def __init__(self, most: int = 5, within_s: float = 60.0) -> None:
        """Allow `most` within any `within_s` seconds."""
        self._most = most
        self._within_s = within_s
        self._times_s: deque[float] = deque()

    def allows(self, now_s: float) -> bool:
        """Count one more at `now_s`; whether it is still allowed."""
        while self._times_s and self._times_s[0] <= now_s - self._within_s:
            self._times_s.popleft()
        self._times_s.append(now_s)
        return len(self._times_s) <= self._most
