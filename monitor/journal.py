"""The journal file: append-only JSON lines, the one truth that reports, exports and restarts are made from.

Every line is handed to the operating system before `append` returns, so a killed process loses nothing; verdicts,
estimates and the end are also put on the disk, by a thread of their own, so a power cut loses at most what came after
the last of them. Used from one thread only.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import platformdirs

from configs.disk import Syncer, append_whole, sync_folder
from configs.errors import JournalError
from monitor.reading import Reader, parsed, refused
from monitor.record import Record
from monitor.records import EndRecord, EstimateRecord, VerdictRecord

SYNCED = (VerdictRecord, EstimateRecord, EndRecord)
"""Kinds that are put on the disk at once: what a session was run for, a few times a minute."""

_DISK_S: Final = 30.0
"""How long the end of a journal waits for the disk (s); a busy one was seen to take 2.5."""


class Journal:
    """A journal open for writing: `with Journal(path, session) as journal: journal.append(record)`.

    The file belongs to its user alone (0600, and new folders 0700) and is locked while it is open. A journal of
    another session is never overwritten; one of the same session is written anew, because equal runs give equal
    lines, or carried on with `resume`. With `path` None lines are numbered and returned, and nothing is kept.
    """

    def __init__(self, path: Path | None, session: str, *, fsync: bool = True, resume: bool = False) -> None:
        """Open the file.

        Args:
            path: Where the journal goes, None for nowhere.
            session: Id of the session, in every line.
            fsync: Whether verdicts, estimates and the end are put on the disk at once, beside everything else.
            resume: Carry on the session's own journal after its last whole line instead of writing it anew.

        Raises:
            JournalError: The file cannot be written, is in use, or holds something else.
        """
        self._session = session
        self._path = path
        self._seq = 0
        self._end = 0
        self._file: int | None = None
        self._syncer: Syncer | None = None
        if path is None:
            return
        try:
            self._file = _open(path)
            self._claim(path, self._file, resume=resume)
            if fsync:
                sync_folder(path.parent)
                self._syncer = Syncer(self._file)
        except OSError as error:
            self.close()
            refused(path, error)
        except JournalError:
            self.close()
            raise

    @property
    def seq(self) -> int:
        """Number of the last line, 0 before the first."""
        return self._seq

    def append(self, record: Record) -> str:
        """Write one record and return its line (without a line end), numbered from 1.

        Raises:
            JournalError: The line could not be written; the file still ends with the line before it.
            ValueError: The record holds a number that JSON has not.
        """
        line = record.to_line(self._session, self._seq + 1)
        if self._path is not None:
            self._write(self._path, line.encode() + b"\n", sync=isinstance(record, SYNCED))
        self._seq += 1
        return line

    def close(self) -> None:
        """Close the file once it is on the disk; safe to call twice.

        Raises:
            JournalError: The disk refused what was appended, or does not answer.
        """
        if self._file is None:
            return
        file, self._file = self._file, None
        answered = self._syncer is None or self._syncer.wait(_DISK_S)
        if answered:
            os.close(file)
        if self._path is not None and self._syncer is not None:
            if self._syncer.error is not None:
                refused(self._path, self._syncer.error)
            if not answered:
                raise JournalError(f"journal {self._path}: the disk did not answer for {_DISK_S:g} s; look at it")

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def _claim(self, path: Path, file: int, *, resume: bool) -> None:
        """Lock the file and make sure that what it holds may be overwritten or carried on."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            msg = f"journal {path} is not a regular file: give the path of a file"
            raise JournalError(msg)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"journal {path} is being written by another session: choose another path"
            raise JournalError(msg) from error
        owner = _owner(path)
        if owner is not None and owner != self._session:
            msg = f"journal {path} holds session {owner}: move it away or choose another path"
            raise JournalError(msg)
        os.fchmod(file, 0o600)
        if resume:
            self._seq = recover(path)
        else:
            os.ftruncate(file, 0)
        self._end = os.fstat(file).st_size

    def _write(self, path: Path, data: bytes, *, sync: bool) -> None:
        if self._file is None:
            msg = f"journal {path} is closed: open it again to write to it"
            raise JournalError(msg)
        if self._syncer is not None and self._syncer.error is not None:
            refused(path, self._syncer.error)
        try:
            self._end = append_whole(self._file, data, self._end)
        except OSError as error:
            refused(path, error)
        if sync and self._syncer is not None:
            self._syncer.request()


def default_path(session: str, folder: Path | None = None) -> Path:
    """Where a session's journal goes when nobody names a file: into `folder`, or the user's state folder."""
    return (folder or Path(platformdirs.user_state_dir("emotion-monitor")) / "journals") / f"{session}.jsonl"


def recover(path: Path) -> int:
    """Cut a torn last line off and return the number of the last whole one (0 for an empty file).

    Raises:
        JournalError: The file cannot be read or written, or is damaged before its last line.
    """
    seq, whole = 0, 0
    with Reader(path) as reader:
        for _ in reader.whole_lines():
            seq, whole = reader.seq, reader.end
    try:
        os.truncate(path, whole)
    except OSError as error:
        refused(path, error)
    return seq


def _owner(path: Path) -> str | None:
    """Session of the journal at `path`, None when it holds no whole line of one; JournalError when it is none."""
    with path.open("rb") as file:
        first = file.readline()
    if not first or (first.startswith(b'{"schema":') and not first.endswith(b"\n")):
        return None
    try:
        return str(parsed(first)["session"])
    except (ValueError, KeyError) as error:
        msg = f"{path} is not a journal and stays as it is: choose another path for the journal"
        raise JournalError(msg) from error


def _open(path: Path) -> int:
    """The file, made together with its missing folders, readable by its user alone."""
    for folder in reversed(path.absolute().parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # Non-blocking, so that a pipe without a reader is refused instead of waited for.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
