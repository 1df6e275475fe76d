"""What a source is: something that can be opened, told about, and read item by item in media time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from streams.media import RawItem, SourceInfo


class Source(Protocol):
    """A source of raw media. Opening happens in the constructor or factory; reading in one capture thread.

    Implementations raise `ConfigError` for an address that cannot be meant, `SourceUnreadable` when there is
    nothing to play, `SourceLost` when a live source is gone for good.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source now; `notices` may grow while reading (damage that was survived)."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of the content of a finite source, in hexadecimal, else None. Reads all of it when first asked."""

    def items(self) -> Iterator[RawItem]:
        """Frames, audio blocks and gaps in order of media time (tracks merged by time), until the end."""

    def close(self) -> None:
        """Release everything; safe to call twice, and from the thread that reads only."""
