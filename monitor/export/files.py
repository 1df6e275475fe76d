"""The files of one export, opened together and kept together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from monitor.export.order import Order
from monitor.export.sinks import GrowingFile, Sink, StandardOutput, WholeFile, told


@dataclass(frozen=True, slots=True)
class Written:
    """One file, and how many rows, lines or parts were written to it."""

    path: Path
    count: int


class Files:
    """The open files of an export by the kinds of lines that go into them.

    A context manager: what is not finished when it is left is given up.
    """

    def __init__(self, order: Order, files: Mapping[str, Path] | None) -> None:
        """Open them, None for standard output. Raises `ExportError`."""
        self._counts: dict[str, int] = dict.fromkeys(order.chosen, 0)
        self._paths = files or {}
        self._sinks: dict[str, Sink] = {}
        self._folder: Path | None = None
        self._given_up: list[Callable[[], None]] = []
        try:
            self._open(order, files)
        except BaseException:
            self._abandon()
            raise

    def _open(self, order: Order, files: Mapping[str, Path] | None) -> None:
        if files is None:
            self._sinks = dict.fromkeys(order.chosen, StandardOutput())
            return
        growing = order.follow and order.rules.grows
        by_path: dict[Path, Sink] = {}
        for kind, path in files.items():
            if path not in by_path:
                if path.parent == order.out and not path.parent.exists():
                    with told(path.parent):
                        path.parent.mkdir(mode=0o700)
                    self._folder = path.parent
                by_path[path] = (GrowingFile if growing else WholeFile)(path, force=order.force)
            self._sinks[kind] = by_path[path]

    def write(self, kind: str, data: bytes, *, rows: int = 1) -> None:
        """Write to the file of a kind. Raises `ExportError`."""
        self._sinks[kind].write(data)
        self.count(kind, rows)

    def whole(self, kind: str) -> WholeFile:
        """The file of a kind, for a library that writes to it."""
        sink = self._sinks[kind]
        assert isinstance(sink, WholeFile)
        return sink

    def count(self, kind: str, rows: int = 1) -> None:
        """So many rows more went into the file of a kind."""
        self._counts[kind] += rows

    def given_up(self, call: Callable[[], None]) -> None:
        """Call this before the files are given up."""
        self._given_up.append(call)

    def finish(self) -> tuple[Written, ...]:
        """Keep all files: none gets its name before all are on the disk."""
        for sink in dict.fromkeys(self._sinks.values()):
            sink.settle()
        for sink in dict.fromkeys(self._sinks.values()):
            sink.finish()
        self._folder = None
        counts = dict.fromkeys(self._paths.values(), 0)
        for kind, path in self._paths.items():
            counts[path] += self._counts[kind]
        return tuple(Written(path, count) for path, count in counts.items())

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what is not finished."""
        self._abandon()

    def _abandon(self) -> None:
        for call in self._given_up:
            call()
        for sink in self._sinks.values():
            sink.abandon()
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()
