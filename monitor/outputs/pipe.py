"""Lines into a pipe whose reader may leave: `| head` must end the session quietly, not with a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from monitor.outputs.base import Command


class LineWriter:
    """Writes lines and flushes each; once the reader has left, asks the session to quit and writes no more."""

    def __init__(self, file: TextIO, on_command: Callable[[Command], None]) -> None:
        """Write to `file`; `on_command(QUIT)` is called once, when it cannot be written to any more."""
        self._file = file
        self._on_command = on_command
        self._broken = False

    def write(self, line: str) -> None:
        """Write `line` and a line end."""
        if self._broken:
            return
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError:  # the pipe's reader has left, the terminal was closed, or the disk is full
            self._broken = True
            _silence(self._file)
            self._on_command(Command.QUIT)


def _silence(file: TextIO) -> None:
    """Point the broken pipe at nothing: what is still buffered would raise again when the interpreter ends."""
    try:
        fd = file.fileno()
    except OSError:  # an object without a descriptor has no buffer to fear
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, fd)
    os.close(nothing)
