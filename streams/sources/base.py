"""What a source is: something that can be opened, told about, and read link by link in media time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from buffers.links import LinkChange, LinkStatus
from buffers.records import Track
from streams.clock import Clock
from streams.media import RawItem, SourceInfo


class Link(Protocol):
    """One thing that is read, by one thread: a file, a camera, a microphone, a network stream, a browser."""

    @property
    def tracks(self) -> frozenset[Track]:
        """The tracks that may come from here."""

    def items(self) -> Iterator[RawItem]:
        """Frames, audio blocks and gaps until the end, each track in order of its media time.

        Raises `SourceLost` where a live source is gone for good.
        """

    def close(self) -> None:
        """Release everything; safe to call twice, and from the thread that reads only."""


class Source(Protocol):
    """A source of raw media. Opening happens in the constructor or factory.

    Implementations raise `ConfigError` for an address that cannot be meant, `SourceUnreadable` when there is
    nothing to play.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source now; `notices` may grow while reading (damage that was survived)."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of the content of a finite source, in hexadecimal, else None. Reads all of it when first asked."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is read from: nothing may be written over them."""

    @property
    def links(self) -> Sequence[Link]:
        """What is read, each by a thread of its own; no track comes from two."""


@runtime_checkable
class LiveSource(Source, Protocol):
    """A source that goes on by itself: its media time is the session's clock, and it may be away for a while."""

    def begin(self, clock: Clock) -> None:
        """Start capturing; called once, before any link is read."""

    @property
    def status(self) -> tuple[LinkStatus, ...]:
        """How each link is doing now. Any thread may ask."""

    def changes(self) -> tuple[LinkChange, ...]:
        """The changes of state since this was last asked, oldest first. Any one thread may ask."""

    def pause(self) -> None:
        """Capture nothing from this instant on: devices are closed, connections dropped. Safe to call twice."""

    def resume(self) -> None:
        """Capture again; the time between is a gap."""

    def stop(self) -> None:
        """End every link's `items` soon (within a second), whatever it waits for. Any thread may call it."""
