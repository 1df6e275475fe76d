"""Deletes journals that are older than they may become: only journals, only in one folder, never one in use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from configs.disk import remedy
from monitor.cursor import Cursor
from monitor.journals.listing import files_in
from monitor.journals.owed import Debts, Owed, debts, outbox_root
from monitor.reading import parsed, refused
from monitor.record import SCHEMA

_HEAD: Final = 2**20
"""A session's first line is shorter than this (bytes)."""

_NAME: Final = re.compile(r"[lmp]-[0-9a-f]{16}\.jsonl")
"""What a session calls its journal where nobody names a file (`monitor/identity.py`)."""

_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Done(StrEnum):
    """What became of a file."""

    DELETED = "deleted"
    KEPT = "kept"
    FAILED = "not deleted"
    """It should go and cannot."""
    MENDED = "mended"
    """Others could read it, and cannot any more."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done, or in a dry run would be; `why` is a short phrase."""

    done: Done
    path: Path
    why: str
    nbytes: int = 0


class Pruning:
    """Deletes what was last written before a moment.

    Each journal is locked while it is deleted, so that no session begins to write it meanwhile. Links, folders below
    and files that are no journals are left alone.
    """

    def __init__(
        self, folder: Path, *, before_s: float, dry: bool = False, force: bool = False, root: Path | None = None
    ) -> None:
        """Look at `folder` for journals last written before `before_s` (seconds since 1970).

        Args:
            folder: Where the journals are.
            before_s: What was written later stays.
            dry: Only tell.
            force: Delete also what a destination still owes.
            root: The outbox's folder (default: the usual one).
        """
        self._folder = folder
        self._before_s = before_s
        self._dry = dry
        self._force = force
        self._root = root or outbox_root()

    def run(self) -> Iterator[Act]:
        """Do it, and tell what was done, one after the other.

        Raises:
            JournalError: the folder cannot be read.
        """
        if not self._folder.is_dir():
            return
        owing = debts(self._root)
        for path in files_in(self._folder):
            try:
                yield from self._one(path, owing)
            except FileNotFoundError:
                continue
            except OSError as error:
                # One that cannot be deleted keeps no other one.
                yield Act(Done.FAILED, path, f"{error.strerror or error}: {remedy(error)}")

    def mend(self) -> Iterator[Act]:
        """Take from others what they may do with the folder, the journals in it, and the outbox. Raises as `run`."""
        ours = [(self._folder, 0o700), *((path, 0o600) for path in self._journals())]
        if self._root.is_dir():
            ours += [(self._root, 0o700), *((path, 0o700) for path in self._root.iterdir() if path.is_dir())]
            ours += [(path, 0o600) for path in self._root.glob("*/*.json")]
        for path, mode in ours:
            try:
                there = path.lstat()
                loose = stat.S_IMODE(there.st_mode) & 0o077
                if not loose or stat.S_ISLNK(there.st_mode) or there.st_uid != os.geteuid():
                    continue
                if not self._dry:
                    path.chmod(mode)
            except FileNotFoundError:
                continue
            except OSError as error:
                refused(path, error)
            yield Act(Done.MENDED, path, f"mode {stat.S_IMODE(there.st_mode):04o} to {mode:04o}")

    def _journals(self) -> Iterator[Path]:
        return files_in(self._folder) if self._folder.is_dir() else iter(())

    def _one(self, path: Path, owing: Debts) -> Iterator[Act]:
        if path.lstat().st_mtime >= self._before_s:
            return
        file = os.open(path, _OPEN)
        try:
            there = os.fstat(file)
            if not stat.S_ISREG(there.st_mode) or there.st_mtime >= self._before_s or not _is_journal(file, path):
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield Act(Done.KEPT, path, "it is being written")
                return
            if os.fstat(file).st_size != there.st_size or not os.path.samestat(path.lstat(), there):
                return
            if path.stem in owing.unknown and not self._force:
                yield Act(Done.KEPT, path, "what of it is delivered cannot be read; --force deletes it all the same")
                return
            yield from self._delete(path, there.st_size, owing.of.get(path.resolve(), ()))
        finally:
            os.close(file)

    def _delete(self, path: Path, nbytes: int, debts: tuple[Owed, ...]) -> Iterator[Act]:
        """The journal is locked, and stays as it is where somebody delivers from it just now."""
        to = ", ".join(one.destination for one in debts)
        if debts and not self._force:
            yield Act(Done.KEPT, path, f"not all of it is delivered to {to}; --force deletes it all the same")
            return
        with contextlib.ExitStack() as closing:
            cursors = []
            for one in debts:
                cursor = Cursor.open(one.cursor)
                if cursor is None and one.cursor.exists():
                    yield Act(Done.KEPT, path, f"it is being delivered to {one.destination}")
                    return
                if cursor is not None:
                    closing.callback(cursor.close)
                    cursors.append(cursor)
            if not self._dry:
                path.unlink()
                for cursor in cursors:
                    cursor.forget()
        yield Act(Done.DELETED, path, f"undelivered to {to}" if debts else "", nbytes)


def _is_journal(file: int, path: Path) -> bool:
    """Whether a file begins like a journal, or is called like one and empty: killed before its first line."""
    head = os.pread(file, _HEAD, 0)
    if not head:
        return _NAME.fullmatch(path.name) is not None
    first, end, _ = head.partition(b"\n")
    if not end:  # torn
        return _NAME.fullmatch(path.name) is not None or first.startswith(b'{"schema":%d,"session":"' % SCHEMA)
    try:
        line = parsed(first)
    except ValueError:
        return False
    return line.get("kind") == "session" and "session" in line and "seq" in line
