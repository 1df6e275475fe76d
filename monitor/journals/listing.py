"""The journals of a folder at a glance: of each file only its beginning and its end are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from configs.errors import JournalError
from monitor.journals.owed import Owed
from monitor.journals.writer import being_written
from monitor.reading import parsed, refused
from monitor.record import SCHEMA
from monitor.records import EndReason

_END: Final = 16 * 1024
"""How much of a journal's end is read at first (bytes): its last lines, unless a model was very wordy."""

_LONGEST: Final = 4 * 2**20
"""A line that is longer than this is none of a journal (bytes)."""


class Ended(StrEnum):
    """What became of a session."""

    RUNNING = "running"
    ENDED = EndReason.ENDED.value
    INTERRUPTED = EndReason.INTERRUPTED.value
    LOST = EndReason.LOST.value
    FAILED = EndReason.FAILED.value
    KILLED = "killed"
    """Nobody writes the journal, and it has no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A journal in short. `began` and `written` are wall times in UTC (ISO 8601); `began` is null at max speed.

    `judged` counts windows, None where the journal's end does not tell. `owed` holds, for each destination that
    something may still go to, how many lines came after the last that it acknowledged.
    """

    path: Path
    session: str
    source: str
    mode: str
    began: str | None
    written: str
    length_s: float
    judged: int | None
    ended: Ended
    lines: int
    nbytes: int
    owed: tuple[tuple[str, int], ...] = ()

    @property
    def order(self) -> str:
        """What the latest is the greatest of."""
        return datetime.fromisoformat(self.began or self.written).astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Listing:
    """The journals of a folder, newest first, and the files in it that are called like journals and are none."""

    journals: tuple[Listed, ...]
    strange: tuple[Path, ...]


def journals_in(folder: Path, owed: Mapping[Path, tuple[Owed, ...]]) -> Listing:
    """List a folder, not the folders in it; links are passed over.

    Raises:
        JournalError: the folder cannot be read.
    """
    journals: list[Listed] = []
    strange: list[Path] = []
    for path in files_in(folder):
        try:
            journals.append(listed(path, owed))
        except JournalError:
            strange.append(path)
        except FileNotFoundError:
            continue
    journals.sort(key=lambda one: (one.order, one.session), reverse=True)
    return Listing(tuple(journals), tuple(strange))


def files_in(folder: Path) -> Iterator[Path]:
    """The regular files in a folder that are called like journals, by name. Raises as `journals_in`."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False)
            )
    except OSError as error:
        raise JournalError(f"journals in {folder}: {error.strerror}: name a folder that can be read") from error
    return (folder / name for name in names)


def listed(path: Path, owed: Mapping[Path, tuple[Owed, ...]]) -> Listed:
    """A journal in short.

    Raises:
        FileNotFoundError: it went away meanwhile.
        JournalError: it cannot be read, or is no journal.
    """
    try:
        with path.open("rb") as file:
            head, last = _head(file), _last(file)
            if head is None or last is None:
                raise JournalError(f"{path} is no journal of schema {SCHEMA}")
            ended = _ended(file, last)
            judged = last["totals"]["judged"] if last["kind"] == "end" else _judged(file)
            there = os.fstat(file.fileno())
        return Listed(
            path=path,
            session=str(head["session"]),
            source=str(head["source"]),
            mode=str(head["mode"]),
            began=_moment(head["started_at"]),
            written=datetime.fromtimestamp(there.st_mtime, UTC).isoformat(timespec="milliseconds"),
            length_s=float(last["media_s"]),
            judged=judged,
            ended=ended,
            lines=int(last["seq"]),
            nbytes=there.st_size,
            owed=_left(path, int(last["seq"]), owed),
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        refused(path, error)
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path} is no journal of schema {SCHEMA}") from error


def _left(path: Path, lines: int, owed: Mapping[Path, tuple[Owed, ...]]) -> tuple[tuple[str, int], ...]:
    return tuple((one.destination, max(0, lines - one.seq)) for one in owed.get(path.resolve(), ()))


def _head(file: BinaryIO) -> dict[str, Any] | None:
    """The first line, None where there is none yet."""
    line = file.readline(_LONGEST)
    if not line.endswith(b"\n"):
        return None
    head = parsed(line)
    return head if head["schema"] == SCHEMA and head["kind"] == "session" else None


def _ended(file: BinaryIO, last: Mapping[str, Any]) -> Ended:
    if last["kind"] == "end":
        return Ended(last["reason"])
    return Ended.RUNNING if being_written(file) else Ended.KILLED


def _moment(text: str | None) -> str | None:
    """A wall time as it is written; ValueError where it is none."""
    if text is not None:
        datetime.fromisoformat(text)
    return text


def _last(file: BinaryIO) -> dict[str, Any] | None:
    return next((parsed(line) for line in _backwards(file)), None)


def _judged(file: BinaryIO) -> int | None:
    """Windows are numbered from 1 in the order in which they are judged; None where no verdict is near the end."""
    for line in _backwards(file, most=_END):
        if b'"kind":"verdict"' in line[:200]:
            return int(parsed(line)["window"]["id"])
    return None


def _backwards(file: BinaryIO, most: int = _LONGEST) -> Iterator[bytes]:
    """Whole lines from the last to the first that lies wholly in the last `most` bytes; a torn one is passed over."""
    end = file.seek(0, os.SEEK_END)
    size = min(_END, most)
    given = 0
    while True:
        start = max(0, end - size)
        file.seek(start)
        lines = file.read(end - start).split(b"\n")[:-1]  # what follows the last line end is torn, or nothing
        whole = lines if start == 0 else lines[1:]
        for line in reversed(whole[: len(whole) - given]):
            given += 1
            yield line
        if start == 0 or size >= most:
            return
        size *= 4
