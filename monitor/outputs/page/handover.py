"""From a session's thread to the server's: the newest wins, and nothing piles up however slow the other side is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from monitor.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Shot:
    """A masked picture to show; `number` is equal for equal pictures."""

    jpeg: bytes
    t_s: float
    number: int


@dataclass(frozen=True, slots=True)
class News:
    """What a session said last. `lines` counts what was written to its journal, `shows` how often it was shown."""

    snapshot: Snapshot | None = None
    shot: Shot | None = None
    lines: int = 0
    shows: int = 0


class Handover:
    """`put` is called by the session and returns at once; `take` runs in the server's loop."""

    def __init__(self, tell: Callable[[Callable[[], None]], None], take: Callable[[News], None]) -> None:
        """`tell` has something run in the server's loop."""
        self._tell = tell
        self._take = take
        self._lock = threading.Lock()
        self._news = News()
        self._on_its_way = False

    def written(self) -> None:
        """A line was written to the journal."""
        with self._lock:
            self._put(replace(self._news, lines=self._news.lines + 1))

    def shown(self, snapshot: Snapshot, shot: Shot | None) -> None:
        """The session as it is now, with the picture to show."""
        with self._lock:
            self._put(replace(self._news, snapshot=snapshot, shot=shot, shows=self._news.shows + 1))

    def _put(self, news: News) -> None:
        self._news = news
        if not self._on_its_way:
            self._on_its_way = True
            self._tell(self._arrive)

    def _arrive(self) -> None:
        with self._lock:
            self._on_its_way = False
            news = self._news
        self._take(news)
