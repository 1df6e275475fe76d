"""Puts every clean item where it belongs: into the horizon, onto the board, into the journal, before the scheduler."""

from __future__ import annotations

from collections.abc import Callable

from buffers.horizon import Horizon
from buffers.records import NFBL_GROUPS, CleanFrame, CleanItem, Gap, NfblEvent, NfblState, NfblWatch, Phase, Prosody
from monitor import records
from monitor.blindness import Blindness
from monitor.board import Board
from monitor.scheduler import Scheduler


class Intake:
    """Takes clean items in the order in which they became known."""

    def __init__(
        self, horizon: Horizon, board: Board, scheduler: Scheduler, write: Callable[[records.Record], None]
    ) -> None:
        """Everything that is to know of an item; `write` appends to the journal."""
        self._horizon = horizon
        self._board = board
        self._scheduler = scheduler
        self._write = write
        self._blindness = Blindness()
        self.end_s = 0.0
        """Latest media time of anything taken (s)."""

    def take(self, known_s: float, item: CleanItem) -> None:
        """Take an item that was known at media time `known_s`."""
        self.end_s = max(self.end_s, self._horizon.add(item))
        match item:
            case CleanFrame():
                self._board.frame(item)
            case Prosody():
                self._board.prosody(item)
            case Gap():
                self._board.gap(item)
                self._write(records.GapRecord.of(item))
            case NfblEvent():
                self._event(known_s, item)
            case NfblState():
                self._board.feed(item)
                self._write(records.FeedRecord.of(item))
            case NfblWatch():
                self._board.watch(item)
                for record in self._blindness.take(item):
                    self._write(record)

    def finish(self) -> None:
        """Write what lasts to the end."""
        for record in self._blindness.finish():
            self._write(record)

    def _event(self, known_s: float, event: NfblEvent) -> None:
        self._board.event(event)
        self._write(records.NfblRecord.of(event, known_s))
        # At its close, so that the window it wakes holds the whole event.
        if event.phase is Phase.CLOSE and event.group in NFBL_GROUPS:
            self._scheduler.wake(event.end_s, event.score)
