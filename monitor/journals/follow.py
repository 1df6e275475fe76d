"""Follows a journal while it is being written: its whole lines as they come, until the session is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from monitor.journals.writer import being_written
from monitor.reading import Entry, Reader
from monitor.records import EndRecord

POLL_S: Final = 0.25
"""How often a journal is looked at for news (s): as often as the dashboard is drawn."""

_BATCH: Final = 256
"""Lines at a time: a journal of hours is not held in memory."""

_QUIET: Final = 4
"""Looks without news after which it is asked whether anybody still writes."""

LEFT: Final = "nobody writes this journal any more, and it has no end: its session was killed"

ANEW: Final = "the journal was written anew"


class Ending(StrEnum):
    """Why nothing more comes."""

    ENDED = "ended"
    """The journal has its end."""
    LEFT = "left"
    """It has none, and nobody writes it any more."""


class Following:
    """A journal that grows; `poll` gives what is new. A context manager, used from one thread at a time."""

    def __init__(self, path: Path, *, after: int = 0, tell: Callable[[str], None] = lambda _: None) -> None:
        """Follow it from the line after the number `after`; `tell` is told in words what a reader should know.

        Raises:
            JournalError: it cannot be opened.
        """
        self._path = path
        self._tell = tell
        self._reader = Reader(path)
        self._session: str | None = None
        self._seq = after
        self._quiet = 0
        self._gone = False
        self.ending: Ending | None = None
        """Why nothing more comes, once that is so."""

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.ending is not None

    def poll(self) -> list[Entry]:
        """What is new since the last call; empty where nothing is.

        A file that was written anew is read from its beginning. Lines of the same session are not given twice: where
        it is written again they are the same.

        Raises:
            JournalError: the file cannot be read, or a line in it is damaged or missing.
        """
        return [] if self.over else self._poll()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def _poll(self) -> list[Entry]:
        entries = self._new()
        if not entries and not self.over and self._reader.replaced():
            self._tell(ANEW)
            self._reader.close()
            self._reader = Reader(self._path)
            entries = self._new()
        if entries or self.over:
            self._quiet, self._gone = 0, False
        elif self._gone:
            self.ending = Ending.LEFT
            self._tell(LEFT)
        else:
            self._quiet += 1
            # What it wrote last is read by the next call, before it is given up.
            self._gone = self._quiet >= _QUIET and not being_written(self._reader)
        return entries

    def _new(self) -> list[Entry]:
        entries: list[Entry] = []
        for entry in self._reader.whole_lines():
            if entry is None:
                continue
            if isinstance(entry.record, EndRecord):
                self.ending = Ending.ENDED
            if self._session not in {None, entry.session}:
                self._seq = 0
            self._session = entry.session
            if entry.seq > self._seq:
                self._seq = entry.seq
                entries.append(entry)
            if len(entries) >= _BATCH:
                break
        return entries


def follow(
    path: Path,
    *,
    after: int = 0,
    poll_s: float = POLL_S,
    wait: Callable[[float], object] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Entry]:
    """The lines of a journal with a number above `after`, those to come too; ends with the session.

    Args:
        path: The journal.
        after: Number of the last line that is known already.
        poll_s: How often to look for news (s).
        wait: Waits so long (s); raise in it to leave. Default: wait, and be left by Ctrl-C (KeyboardInterrupt).
        tell: Told in words that the file was written anew (it goes on from there), or that its writer was killed (it
            ends).

    Raises:
        JournalError: the file cannot be read, or a line in it is damaged or missing.
    """
    pause = threading.Event().wait if wait is None else wait
    with Following(path, after=after, tell=tell) as following:
        while not following.over:
            if entries := following.poll():
                yield from entries
            elif not following.over:
                pause(poll_s)
