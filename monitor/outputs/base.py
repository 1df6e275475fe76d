"""What an output is: something that is shown snapshots and told of records, and can never slow capture.

An output on a terminal belongs to one session. What leaves the machine is a `Destination` (a broker, a page): one for
all sessions of a process, with an output for each of their `Stream`s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from buffers.evidence import StoredFrame
from monitor.snapshot import OutputStatus, Snapshot


class Command(StrEnum):
    """What a person can ask of the session through an output."""

    QUIT = "quit"
    """Stop the source, flush, end."""
    MARK = "mark"
    """Write a mark into the journal at the present media time."""
    PAUSE = "pause"
    """Capture nothing for the sake of privacy (live sources); nothing more where that is so already."""
    RESUME = "resume"
    """Capture again."""
    TOGGLE_PAUSE = "toggle-pause"
    """The one of the two that changes something: for a key."""


class Output(Protocol):
    """A place to which the session's picture goes.

    The session calls `start` once, then `record` for every journal line as it is written, `show` about four
    times a second and at the end, then `close`, which must restore whatever `start` changed, also after errors.
    `record` and `show` return at once (milliseconds); an output that needs longer keeps a bounded queue of its own,
    or reads the journal at its own pace (`monitor.outbox`).
    """

    async def start(self) -> None:
        """Take the screen, open the connection."""

    def record(self, line: str) -> None:
        """One line of the journal, without its line end."""

    def show(self, snapshot: Snapshot) -> None:
        """The session as it is now."""

    async def close(self, last: Snapshot | None) -> None:
        """Leave everything as it was found; `last` is the final picture, if there ever was one."""


@runtime_checkable
class Onlooker(Output, Protocol):
    """An output that shows how the others do, and so is told once more when they are closed too."""

    def settled(self, last: Snapshot) -> None:
        """The session as it stays: nothing waits for anything any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One session as a destination knows it. Everything here is called from the session's event loop."""

    name: str
    """What it is called in topics, labels and addresses (a slug): never a path, an address or a person's name."""
    session: str
    journal: Path
    pausable: bool
    """Whether capture can be paused (live sources)."""
    picture: Callable[[], StoredFrame | None]
    """The newest masked picture that is kept, None while there is none to show (paused, lost, over)."""
    command: Callable[[Command, str], bool]
    """Asks the session for something, the text being a mark's note; whether it could be done."""
    report: Callable[[OutputStatus], None]
    """Tells the operator how the destination does."""
    now: Callable[[], str]
    """Wall time in UTC (ISO 8601)."""


class Destination(Protocol):
    """A place outside the terminal that all sessions of a process share.

    `open` is called once before any session runs, `output` once for each stream, `close` after all have ended.
    """

    async def open(self, streams: Sequence[Stream]) -> None:
        """Begin to connect or to listen; what cannot be reached yet is tried again, and reported through `report`.

        Raises:
            ConfigError: it cannot work as configured: a port is taken, a certificate cannot be read.
        """

    def output(self, stream: Stream) -> Output:
        """The output of one of the streams."""

    async def close(self) -> None:
        """Say goodbye and let go of everything, within seconds."""
