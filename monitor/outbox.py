"""What a destination still owes: journals, and how far each was acknowledged.

A destination reads the journal at its own pace instead of queueing what it is told, so nothing is lost and no memory
grows while it cannot deliver, however long that is. How far the other side has acknowledged is kept in a file per
session (the cursor); whatever a run leaves undelivered goes out with the next one. A record is delivered at least
once: again after a crash between its acknowledgement and the cursor, and then with the same `session` and `seq`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from configs.disk import remedy
from configs.errors import JournalError
from monitor.cursor import Cursor
from monitor.reading import Entry, Reader
from monitor.records import SessionRecord

logger = logging.getLogger("emotion_monitor.outbox")

_BATCH: Final = 64
"""Lines read at a time."""

_WORDS: Final = "description"
"""Kind of the records that are nothing but a model's words."""

_KIND: Final = re.compile(r'"kind":"([a-z_]+)"')


class _Elsewhere(JournalError):
    """The journal under the name that a cursor keeps is of another session: its own is gone."""


class Undeliverable(Exception):
    """The other side will never take this record; the message says why in one short phrase."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One record on its way: of which stream, and what the journal says of the whole session in its first line.

    `late` where it is of an earlier run, whose session is over. `words` where a model's words may go with it: those
    who run now want them, and those who ran the session did.
    """

    stream: str
    session: SessionRecord
    entry: Entry
    late: bool
    words: bool = False


Deliver = Callable[[Parcel], Awaitable[None]]
"""Returns when the other side has acknowledged the parcel, however long that takes; raises `Undeliverable`."""


def outbox_folder(destination: str, *receiver: str) -> Path:
    """Where the cursors of a destination are kept; its name is a word of letters and digits.

    `receiver` says which one it is, where there can be several: what is owed to one is never sent to another.
    """
    told = hashlib.sha256("\0".join(receiver).encode()).hexdigest()[:16]
    name = f"{destination}-{told}" if receiver else destination
    return Path(platformdirs.user_state_dir("emotion-monitor")) / "outbox" / name


class Box:
    """Delivers one journal's records in order. `run` is a task of the destination's; `wake` tells of a new line."""

    def __init__(self, cursor: Cursor, kinds: Collection[str], deliver: Deliver, *, words: bool, late: bool) -> None:
        """Deliver records of `kinds` after the cursor, as far as they were asked for when their session was run."""
        self._cursor = cursor
        self._words = words and cursor.words
        self._kinds = frozenset(kinds) - (set() if self._words else {_WORDS})
        if cursor.kinds is not None:
            self._kinds &= cursor.kinds
        self._deliver = deliver
        self._late = late
        self._session: SessionRecord | None = None
        self._news = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._told = 0
        self._done = 0
        self.refused = 0
        """Records that the other side will never take."""

    @property
    def session(self) -> str:
        """The session it delivers."""
        return self._cursor.session

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._cursor.stream

    @property
    def waiting(self) -> int:
        """Records that were told of and are not acknowledged yet."""
        return max(0, self._told - self._done)

    def wake(self, line: str) -> None:
        """This line was added to the journal."""
        kind = _KIND.search(line, 0, 200)
        if kind is not None and kind[1] in self._kinds:
            self._told += 1
            self._caught_up.clear()
            self._news.set()

    async def run(self) -> None:
        """Deliver what there is; of an earlier run to its end, of this one until cancelled.

        Raises:
            JournalError: the journal cannot be read (any more), or is not this session's.
            OSError: the cursor cannot be kept.
        """
        with Reader(self._cursor.journal) as reader:
            while True:
                self._news.clear()
                while entries := await asyncio.to_thread(reader.read, _BATCH):
                    self._check(reader)
                    for entry in entries:
                        await self._take(entry)
                if self._late:
                    return
                if not self._news.is_set():
                    self._caught_up.set()
                await self._news.wait()

    async def drain(self, within_s: float) -> int:
        """Wait until all is delivered, at most so long (s); how many records are left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._caught_up.wait()
        return self.waiting

    def close(self) -> None:
        """End it: where nothing is owed the cursor goes, else it waits for the next run."""
        if self._late or self._caught_up.is_set():
            self._cursor.forget()
        else:
            self._cursor.close()

    def leave(self) -> None:
        """End it, whatever is owed: the next run goes on."""
        self._cursor.close()

    async def _take(self, entry: Entry) -> None:
        if isinstance(entry.record, SessionRecord):
            self._session = entry.record
        if entry.seq <= self._cursor.seq or entry.record.kind not in self._kinds:
            return
        if self._session is None:
            raise JournalError(f"journal {self._cursor.journal} does not begin with its session: keep it for a person")
        try:
            await self._deliver(Parcel(self._cursor.stream, self._session, entry, self._late, self._words))
        except Undeliverable as error:
            self.refused += 1
            logger.warning("%s %d of %s is not delivered: %s", entry.record.kind, entry.seq, self.session, error)
        self._cursor.acknowledge(entry.seq)
        self._done += 1

    def _check(self, reader: Reader) -> None:
        """What is there now may be another session's, of which nobody asked to send anything."""
        if reader.session != self.session:
            raise _Elsewhere(f"journal {self._cursor.journal} holds session {reader.session} by now")


class Outbox:
    """The boxes of one destination."""

    def __init__(self, folder: Path, kinds: Collection[str], deliver: Deliver, *, words: bool = False) -> None:
        """Keep cursors in `folder` (see `outbox_folder`) and deliver records of `kinds`, with the models' `words`."""
        self._folder = folder
        self._kinds = frozenset(kinds)
        self._words = words
        self._deliver = deliver

    def begin(self, session: str, stream: str, journal: Path) -> Box:
        """The box of a session that begins now; its journal has no line yet.

        Raises:
            JournalError: nothing can be kept there, or another process delivers this session.
        """
        try:
            cursor = Cursor.begin(self._folder, session, stream, journal, kinds=self._kinds, words=self._words)
        except OSError as error:
            raise JournalError(f"outbox {self._folder}: {error.strerror or error}: {remedy(error)}") from error
        if cursor is None:
            raise JournalError(f"outbox: session {session} is being delivered by another process; wait for its end")
        return Box(cursor, self._kinds, self._deliver, words=self._words, late=False)

    async def deliver_earlier(self, without: Collection[str]) -> None:
        """Deliver what earlier runs left, one session after the other, but for the sessions `without`.

        What cannot be read is said in the log and tried again by the next run; only where a journal was removed there
        is nothing to come back to, and its cursor goes.
        """
        for path in sorted(self._folder.glob("*.json")):
            cursor = None if path.stem in without else Cursor.open(path)
            if cursor is None:
                continue
            box = Box(cursor, self._kinds, self._deliver, words=self._words, late=True)
            try:
                await box.run()
            except (JournalError, OSError) as error:
                logger.warning("what was left of session %s cannot be delivered: %s", box.session, error)
                if _gone(error, cursor.journal):
                    cursor.forget()
                box.leave()
            except BaseException:
                box.leave()
                raise
            else:
                box.close()


def _gone(error: Exception, journal: Path) -> bool:
    """Whether a journal was removed. Where its folder is missing too, a disk may just not be mounted."""
    missing = isinstance(error.__cause__, FileNotFoundError) and journal.parent.is_dir()
    return missing or isinstance(error, _Elsewhere)
