"""The dashboard on a terminal, as one stream sees it: the screen may be shared with others."""

from __future__ import annotations

from monitor.outputs.dashboard.screen import Screen
from monitor.snapshot import Snapshot


class TerminalOutput:
    """The full-screen output of one stream."""

    def __init__(self, screen: Screen, index: int = 0) -> None:
        """Draw on `screen` as its stream `index`."""
        self.screen = screen
        self._index = index

    async def start(self) -> None:
        """Take the screen and the keys, unless another stream has."""
        self.screen.start(self._index)

    def record(self, line: str) -> None:
        """The dashboard shows snapshots; the journal's lines go to the journal."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw the session as it is now, if it is looked at."""
        self.screen.show(self._index, snapshot)

    async def close(self, last: Snapshot | None) -> None:
        """Give the screen back if no other stream needs it, and leave a summary on it."""
        self.screen.close(self._index, last)
