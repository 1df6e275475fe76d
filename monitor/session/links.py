"""A live source as the session follows it: what changes goes into the journal, how it is now onto the board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from buffers.links import LinkState, LinkStatus
from monitor import records
from monitor.board import Board
from monitor.record import Record
from monitor.snapshot import SessionState
from streams.sources.base import LiveSource

_WORST_FIRST: Final = (
    (LinkState.PAUSED, SessionState.PAUSED),
    (LinkState.LOST, SessionState.LOST),
    (LinkState.STALLED, SessionState.STALLED),
    (LinkState.CONNECTING, SessionState.CONNECTING),
)
"""What a session is called when one of its links is in such a state."""


class Links:
    """Follows the links of a live source."""

    def __init__(self, source: LiveSource, board: Board, write: Callable[[Record], None]) -> None:
        """`write` appends to the journal."""
        self._source = source
        self._board = board
        self._write = write
        self._paused = False

    def pause(self, paused: bool | None) -> None:
        """Capture nothing from now on, or again; with None the other of what is so now."""
        wanted = not self._paused if paused is None else paused
        if wanted == self._paused:
            return
        self._paused = wanted
        if wanted:
            self._source.pause()
        else:
            self._source.resume()

    def follow(self) -> None:
        """Write what has changed and show how it is."""
        for change in self._source.changes():
            info = {track.track: track for track in self._source.info.tracks}
            status = next((one for one in self._source.status if one.name == change.link), None)
            live = change.state is LinkState.LIVE and status is not None
            tracks = [info[track] for track in status.tracks if track in info] if live and status is not None else []
            self._write(records.LinkRecord.of(change, tuple(map(records.TrackRecord.of, tracks))))
        self._board.links = self._source.status
        self._board.state = state_of(self._board.links)
        for notice in self._source.info.notices:
            if notice not in self._board.notices:
                self._board.notice(notice)


def state_of(links: Sequence[LinkStatus]) -> SessionState:
    """A live session's state: that of the link that does worst."""
    states = {link.state for link in links}
    if states == {LinkState.ENDED}:
        return SessionState.ENDED
    return next((session for link, session in _WORST_FIRST if link in states), SessionState.LIVE)
