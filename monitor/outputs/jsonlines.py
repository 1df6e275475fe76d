"""The journal on standard output: every record as it is written and nothing else, for other programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from monitor.outputs.base import Command
from monitor.outputs.pipe import LineWriter
from monitor.snapshot import Snapshot


class JsonOutput:
    """Writes each journal line to a file. When its reader leaves, `on_command(QUIT)` ends the session quietly."""

    def __init__(self, file: TextIO, *, on_command: Callable[[Command], None] = lambda _: None) -> None:
        """Write to `file`."""
        self._writer = LineWriter(file, on_command)

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """Write the line as it is."""
        self._writer.write(line)

    def show(self, snapshot: Snapshot) -> None:
        """Snapshots are no records."""

    async def close(self, last: Snapshot | None) -> None:
        """The journal's own `end` record was the last line."""
