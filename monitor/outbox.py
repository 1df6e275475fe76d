"""What a destination still owes: journals, and how far each was acknowledged.

A destination reads the journal at its own pace instead of queueing what it is told, so nothing is lost and no memory
grows while it cannot deliver, however long that is. How far the other side has acknowledged is kept in a file per
session (the cursor); whatever a run leaves undelivered goes out with the next one. A record is delivered at least
once: again after a crash between its acknowledgement and the cursor, and then with the same `session` and `seq`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import platformdirs

from configs.errors import JournalError
from monitor.reading import Entry, Reader
from monitor.records import SessionRecord

logger = logging.getLogger("emotion_monitor.outbox")

_BATCH: Final = 64
"""Lines read at a time."""

_KIND: Final = re.compile(r'"kind":"([a-z_]+)"')


class Undeliverable(Exception):
    """The other side will never take this record; the message says why in one short phrase."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One record on its way: of which stream, and what the journal says of the whole session in its first line.

    `late` where it is of an earlier run, whose session is over.
    """

    stream: str
    session: SessionRecord
    entry: Entry
    late: bool


Deliver = Callable[[Parcel], Awaitable[None]]
"""Returns when the other side has acknowledged the parcel, however long that takes; raises `Undeliverable`."""


def outbox_folder(destination: str) -> Path:
    """Where the cursors of a destination are kept; its name is made of letters, digits, - and _."""
    return Path(platformdirs.user_state_dir("emotion-monitor")) / "outbox" / destination


class Cursor:
    """How far one session's journal was acknowledged: a small file, locked while somebody delivers from it."""

    def __init__(self, path: Path, file: int) -> None:
        """Use `open` or `begin`."""
        self._path = path
        self._file = file
        self.journal = Path()
        self.stream = ""
        self.seq = 0
        """Number of the last line that needs no delivery any more."""

    @classmethod
    def begin(cls, folder: Path, session: str, stream: str, journal: Path) -> Self | None:
        """The cursor of a session that begins now, before its first line; None where another process holds it.

        Raises `OSError` where it cannot be kept.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cursor = cls._locked(folder / f"{session}.json", os.O_CREAT)
        if cursor is not None:
            cursor.journal, cursor.stream = journal.absolute(), stream
            cursor.acknowledge(0)
        return cursor

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """A cursor that an earlier run left; None where another process holds it or it cannot be read."""
        try:
            cursor = cls._locked(path, 0)
        except OSError:
            return None
        if cursor is not None:
            try:
                cursor.reread()
            except (ValueError, KeyError, TypeError, OSError):
                logger.warning("the cursor %s cannot be read and is left alone", path)
                cursor.close()
                return None
        return cursor

    @classmethod
    def _locked(cls, path: Path, flags: int) -> Self | None:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return cls(path, file)

    @property
    def session(self) -> str:
        """The session it belongs to."""
        return self._path.stem

    def acknowledge(self, seq: int) -> None:
        """Everything up to `seq` is delivered or need not be. Raises `OSError` where that cannot be kept."""
        self.seq = seq
        told = {"schema": 1, "session": self.session, "stream": self.stream, "journal": str(self.journal), "seq": seq}
        # In place and not synced: what a power cut takes back is delivered twice.
        os.pwrite(self._file, json.dumps(told).encode() + b"\n", 0)

    def reread(self) -> None:
        """Take what the file says. Raises `OSError`, or `ValueError`, `KeyError`, `TypeError` where it is damaged."""
        told = json.loads(os.pread(self._file, 65536, 0).partition(b"\n")[0])
        self.journal, self.stream, self.seq = Path(told["journal"]), str(told["stream"]), int(told["seq"])

    def forget(self) -> None:
        """Nothing is owed any more."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.close()

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Box:
    """Delivers one journal's records in order. `run` is a task of the destination's; `wake` tells of a new line."""

    def __init__(self, cursor: Cursor, kinds: Collection[str], deliver: Deliver, *, late: bool) -> None:
        """Deliver records of `kinds` after the cursor."""
        self._cursor = cursor
        self._kinds = frozenset(kinds)
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
            JournalError: the journal cannot be read (any more).
            OSError: the cursor cannot be kept.
        """
        with Reader(self._cursor.journal) as reader:
            while True:
                self._news.clear()
                while entries := await asyncio.to_thread(reader.read, _BATCH):
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
        if entry.seq <= self._cursor.seq or entry.record.kind not in self._kinds or self._session is None:
            return
        try:
            await self._deliver(Parcel(self._cursor.stream, self._session, entry, self._late))
        except Undeliverable as error:
            self.refused += 1
            logger.warning("%s %d of %s is not delivered: %s", entry.record.kind, entry.seq, self.session, error)
        self._done += 1
        self._cursor.acknowledge(entry.seq)


class Outbox:
    """The boxes of one destination."""

    def __init__(self, folder: Path, kinds: Collection[str], deliver: Deliver) -> None:
        """Keep cursors in `folder` (see `outbox_folder`) and deliver records of `kinds`."""
        self._folder = folder
        self._kinds = kinds
        self._deliver = deliver

    def begin(self, session: str, stream: str, journal: Path) -> Box:
        """The box of a session that begins now; its journal has no line yet.

        Raises:
            JournalError: nothing can be kept there, or another process delivers this session.
        """
        try:
            cursor = Cursor.begin(self._folder, session, stream, journal)
        except OSError as error:
            raise JournalError(f"outbox {self._folder}: {error.strerror}; make it a folder of your own") from error
        if cursor is None:
            raise JournalError(f"outbox: session {session} is being delivered by another process; wait for its end")
        return Box(cursor, self._kinds, self._deliver, late=False)

    async def deliver_earlier(self, without: Collection[str]) -> None:
        """Deliver what earlier runs left, one session after the other, but for the sessions `without`.

        A journal that is gone or damaged is given up, and said so in the log.
        """
        for path in sorted(self._folder.glob("*.json")):
            cursor = None if path.stem in without else Cursor.open(path)
            if cursor is None:
                continue
            box = Box(cursor, self._kinds, self._deliver, late=True)
            try:
                await box.run()
            except (JournalError, OSError) as error:
                logger.warning("what was left of session %s cannot be delivered: %s", box.session, error)
                box.leave()
                if not cursor.journal.exists():
                    path.unlink(missing_ok=True)
            except BaseException:
                box.leave()
                raise
            else:
                box.close()
