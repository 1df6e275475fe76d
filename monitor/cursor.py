"""How far a destination has got with one session's journal: a small file of its own, kept and locked."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Self

from configs.disk import sync_folder

logger = logging.getLogger("emotion_monitor.outbox")

MOST_BYTES: Final = 65_536
"""A cursor is a line of a few hundred bytes; what is longer is something else."""

_SEQ: Final = b'"seq":'

_DIGITS: Final = 20
"""Places for a line's number: a move writes these over and nothing else."""


class Cursor:
    """How far one session's journal was acknowledged; locked while somebody delivers from it.

    What it belongs to is on the disk before the session's first line. A move of it is not synced: what a power cut
    takes back is delivered twice, and everything is where the number cannot be read.
    """

    def __init__(self, path: Path, file: int) -> None:
        """Use `open` or `begin`."""
        self._path = path
        self._file = file
        self._at = 0
        self.journal = Path()
        self.stream = ""
        self.seq = 0
        """Number of the last line that needs no delivery any more."""
        self.kinds: frozenset[str] | None = None
        """Kinds of records that were asked for; None where an older version began it and did not say."""
        self.words = False
        """Whether the models' words were asked for."""

    @classmethod
    def begin(
        cls,
        folder: Path,
        session: str,
        stream: str,
        journal: Path,
        *,
        kinds: Collection[str] = (),
        words: bool = False,
    ) -> Self | None:
        """The cursor of a session that begins now, before its first line; None where another process holds it.

        `kinds` and `words` are what is asked for, which is all that a later run may deliver of this session.

        Raises `OSError` where it cannot be kept.
        """
        _make_private(folder)
        cursor = cls._locked(folder / f"{session}.json", os.O_CREAT)
        if cursor is not None:
            try:
                cursor.tell(stream, journal.absolute(), kinds=kinds, words=words)
                sync_folder(folder)
            except BaseException:
                cursor.close()
                raise
        return cursor

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """A cursor that an earlier run left; None where another process holds it or nothing can be known by it."""
        try:
            cursor = cls._locked(path, 0)
        except OSError:
            return None
        if cursor is None:
            return None
        try:
            if cursor.reread():
                return cursor
            cursor.forget()
        except (ValueError, KeyError, TypeError, OSError):
            logger.warning("the cursor %s cannot be read: it is left alone, and what it owes too", path)
            cursor.close()
        return None

    @classmethod
    def _locked(cls, path: Path, flags: int) -> Self | None:
        while True:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Who held it may have removed it in between: then this is a file that nobody finds again.
                if _named(file, path):
                    os.fchmod(file, 0o600)
                    return cls(path, file)
            except BlockingIOError:
                os.close(file)
                return None
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    @property
    def session(self) -> str:
        """The session it belongs to."""
        return self._path.stem

    def tell(self, stream: str, journal: Path, *, kinds: Collection[str], words: bool) -> None:
        """Write down what it belongs to, with nothing delivered yet. Raises `OSError` where that cannot be kept."""
        self.journal, self.stream, self.seq, self.kinds, self.words = journal, stream, 0, frozenset(kinds), words
        told = {
            "schema": 1,
            "session": self.session,
            "stream": stream,
            "journal": str(journal),
            "kinds": sorted(self.kinds),
            "words": words,
        }
        head = json.dumps(told).removesuffix("}").encode() + b", " + _SEQ
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, head + b"%*d}\n" % (_DIGITS, 0), 0)
        os.fsync(self._file)
        self._at = len(head)

    def acknowledge(self, seq: int) -> None:
        """Everything up to `seq` is delivered or need not be. Raises `OSError` where that cannot be kept."""
        os.pwrite(self._file, b"%*d" % (_DIGITS, seq), self._at)
        self.seq = seq

    def reread(self) -> bool:
        """Take what the file says; False where nothing was told yet, because a start was broken off.

        Raises `OSError`, or `ValueError`, `KeyError`, `TypeError` where it does not say what it belongs to.
        """
        read = read_cursor(os.pread(self._file, MOST_BYTES, 0))
        if read is None:
            return False
        told, self.seq, self._at = read
        self.journal, self.stream = Path(told["journal"]), str(told["stream"])
        self.kinds = frozenset(map(str, told["kinds"])) if "kinds" in told else None
        self.words = told.get("words") is True
        return True

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


def read_cursor(data: bytes) -> tuple[dict[str, Any], int, int] | None:
    """What a cursor's file says: its object, its line's number, and where that stands; None where it is empty.

    Raises `ValueError`, `KeyError` or `TypeError` where it does not say what it belongs to.
    """
    line = data.partition(b"\n")[0]
    if not line:
        return None
    head, sign, number = line.rpartition(_SEQ)
    told = json.loads(head + sign + b"0}")
    if not isinstance(told, dict) or not isinstance(told["journal"], str):
        raise TypeError("a cursor is an object that names its journal")
    digits = number[:-1].strip()
    # A number that was torn or wiped: rather everything twice than a record never.
    seq = int(digits) if len(number) == _DIGITS + 1 and digits.isdigit() else 0
    return told, seq, len(head) + len(sign)


def _make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for the user alone."""
    for path in (*reversed(folder.absolute().parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)


def _named(file: int, path: Path) -> bool:
    """Whether the open file is the one that its name leads to."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
