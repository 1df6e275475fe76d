"""Puts every clean item where it belongs: into the horizon, onto the board, into the journal, before the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from buffers.horizon import Horizon
from buffers.records import (
    NFBL_GROUPS,
    CleanAudio,
    CleanFrame,
    CleanItem,
    Gap,
    NfblEvent,
    NfblState,
    NfblWatch,
    Phase,
    Prosody,
    Track,
)
from monitor import records
from monitor.blindness import Blindness
from monitor.board import Board
from monitor.edges import Edges
from monitor.gaps import Gaps
from monitor.record import Record
from monitor.scheduler import Scheduler


class Intake:
    """Takes clean items in the order in which they became known."""

    def __init__(self, horizon: Horizon, board: Board, scheduler: Scheduler, write: Callable[[Record], None]) -> None:
        """Everything that is to know of an item; `write` appends to the journal."""
        self._horizon = horizon
        self._board = board
        self._scheduler = scheduler
        self._write = write
        self._blindness = Blindness()
        self._gaps = Gaps()
        self._edges = Edges()
        self.end_s = 0.0
        """Latest media time of anything taken (s)."""

    def take(self, known_s: float, item: CleanItem) -> None:
        """Take an item that was known at media time `known_s`."""
        for gap in self._edges.beside(item):
            self._keep(known_s, gap)
        self._keep(known_s, item)

    def over(self, tracks: Iterable[tuple[Track, float]]) -> None:
        """Nothing more comes of these tracks, each of which lasted until so much media time (s)."""
        for track, end_s in tracks:
            self._edges.over(track, end_s)

    def finish(self) -> None:
        """Write what lasts to the end."""
        for gap in self._edges.until(self.end_s):
            self._keep(self.end_s, gap)
        self._tell(self._gaps.finish())
        self._tell(self._blindness.finish())

    def _keep(self, known_s: float, item: CleanItem) -> None:
        self.end_s = max(self.end_s, self._horizon.add(item))
        match item:
            case CleanFrame():
                self._tell(self._gaps.over(Track.VIDEO))
                self._board.frame(item)
            case CleanAudio():
                self._tell(self._gaps.over(Track.AUDIO))
            case Prosody():
                self._tell(self._gaps.over(Track.AUDIO))
                self._board.prosody(item)
            case Gap():
                told, new = self._gaps.take(item)
                self._tell(told)
                if new:
                    self._board.gap(item)
            case NfblEvent():
                self._event(known_s, item)
            case NfblState():
                self._board.feed(item)
                self._write(records.FeedRecord.of(item))
            case NfblWatch():
                self._board.watch(item)
                self._tell(self._blindness.take(item))

    def _tell(self, told: Sequence[Record]) -> None:
        for record in told:
            self._write(record)

    def _event(self, known_s: float, event: NfblEvent) -> None:
        self._board.event(event)
        self._write(records.NfblRecord.of(event, known_s))
        # At its close, so that the window it wakes holds the whole event.
        if event.phase is Phase.CLOSE and event.group in NFBL_GROUPS:
            self._scheduler.wake(event.end_s, event.score)
