"""Journals read back: whole lines as records, from the first or after a number, also while they are being written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from pydantic import ValidationError

from configs.disk import remedy
from configs.errors import JournalError
from monitor.record import SCHEMA
from monitor.records import AnyRecord, record_types


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal, read back."""

    session: str
    seq: int
    record: AnyRecord
    line: str = ""
    """As it stands in the file, without its end."""


class Reader:
    """Reads a journal's whole lines once, in order; what is appended later is read by the next call.

    A torn last line waits until it is whole, and kinds that a newer version added are passed over. Used from one
    thread at a time.
    """

    def __init__(self, path: Path, *, after: int = 0) -> None:
        """Open the file; lines up to the number `after` are checked but not returned.

        Raises:
            JournalError: it cannot be opened.
        """
        self._path = path
        self._after = after
        self.seq = 0
        """Number of the last line read."""
        self.end = 0
        """Offset of its end in the file (bytes)."""
        self.session: str | None = None
        """The session, once a line of it was read."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            refused(path, error)

    def read(self, most: int = 256) -> list[Entry]:
        """The next lines, at most so many; empty where there are none yet.

        Raises:
            JournalError: the file cannot be read, or a line in it is damaged, missing or of another schema.
        """
        entries: list[Entry] = []
        for entry in self.whole_lines():
            if entry is not None and entry.seq > self._after:
                entries.append(entry)
            if len(entries) >= most:
                break
        return entries

    def whole_lines(self) -> Iterator[Entry | None]:
        """Every line that is whole by now; None for a kind that is not known. Raises as `read`."""
        try:
            self._file.seek(self.end)
            while (data := self._file.readline()).endswith(b"\n"):
                try:
                    entry = self._entry(parsed(data), data)
                except (ValueError, KeyError) as error:
                    raise JournalError(
                        f"journal {self._path} is damaged at line {self.seq + 1}: keep the {self.seq} lines before it"
                    ) from error
                self.seq += 1
                self.end += len(data)
                yield entry
        except OSError as error:
            refused(self._path, error)

    def replaced(self) -> bool:
        """Whether the file under this name is another one by now, or was written anew: read it from its beginning."""
        try:
            there = os.stat(self._path)  # noqa: PTH116 - beside fstat
            own = os.fstat(self._file.fileno())
        except FileNotFoundError:
            return False
        except OSError as error:
            refused(self._path, error)
        return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino) or there.st_size < self.end

    def fileno(self) -> int:
        """The file's descriptor, to ask for its lock."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def _entry(self, line: dict[str, Any], data: bytes) -> Entry | None:
        if self.session is None:
            self.session = str(line["session"])
        if line["schema"] != SCHEMA or line["session"] != self.session or line["seq"] != self.seq + 1:
            raise ValueError(f"expected schema {SCHEMA}, session {self.session}, seq {self.seq + 1}")
        try:
            record = record_types().validate_python(line)
        except ValidationError as error:
            if any(problem["type"] == "union_tag_invalid" for problem in error.errors()):
                return None
            raise
        return Entry(self.session, line["seq"], record, data.decode().removesuffix("\n"))


def read_journal(path: Path, *, after: int = 0) -> Iterator[Entry]:
    """Read a journal's lines with a number above `after`, to its present end.

    A torn last line and kinds that a newer version added are passed over.

    Raises:
        JournalError: The file cannot be read, or a line in it is damaged, missing or of another schema.
    """
    with Reader(path, after=after) as reader:
        for entry in reader.whole_lines():
            if entry is not None and entry.seq > after:
                yield entry


def parsed(data: bytes) -> dict[str, Any]:
    """One line as an object; ValueError where it is none."""
    try:
        line = json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested without end") from None
    if not isinstance(line, dict):
        raise ValueError("not an object")  # noqa: TRY004 - a damaged line, not a wrong call
    return line


def refused(path: Path, error: OSError) -> NoReturn:
    """Say in one line why a journal cannot be used (JournalError)."""
    raise JournalError(f"journal {path}: {error.strerror or error}: {remedy(error)}") from error


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")
