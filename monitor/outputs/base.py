"""What an output is: something that is shown snapshots and told of records, and can never slow capture."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from monitor.snapshot import Snapshot


class Command(StrEnum):
    """What a person can ask of the session through an output."""

    QUIT = "quit"
    """Stop the source, flush, end."""
    MARK = "mark"
    """Write a mark into the journal at the present media time."""
    PAUSE = "pause"
    """Capture nothing for the sake of privacy, or, when nothing is captured, capture again (live sources)."""


class Output(Protocol):
    """A place to which the session's picture goes.

    The session calls `start` once, then `record` for every journal line as it is written, `show` about four
    times a second and at the end, then `close`, which must restore whatever `start` changed, also after errors.
    `record` and `show` return at once (milliseconds); an output that needs longer keeps a bounded queue of its own.
    """

    async def start(self) -> None:
        """Take the screen, open the connection."""

    def record(self, line: str) -> None:
        """One line of the journal, without its line end."""

    def show(self, snapshot: Snapshot) -> None:
        """The session as it is now."""

    async def close(self, last: Snapshot | None) -> None:
        """Leave everything as it was found; `last` is the final picture, if there ever was one."""
