"""The dashboard on a terminal: a thin shell around `render`. It takes the screen and always gives it back.

Two ways lead out: `close`, and the end of the process (atexit). Signals are the session's: it closes its outputs.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import sys
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from monitor.outputs.base import Command
from monitor.outputs.keys import KeyReader, View, press
from monitor.outputs.render import render, summary
from monitor.outputs.theme import Theme
from monitor.snapshot import Snapshot


class TerminalOutput:
    """The full-screen output. `on_command` is called on the event loop when a key asks for something."""

    def __init__(
        self,
        console: Console,
        *,
        on_command: Callable[[Command], None],
        theme: Theme,
        keys_fd: int | None = None,
    ) -> None:
        """Draw on `console`; keys come from file descriptor `keys_fd` (None: standard input)."""
        self._console = console
        self._on_command = on_command
        self._theme = theme
        self._view = View()
        self._latest: Snapshot | None = None
        self._shown: Snapshot | None = None
        self._live = Live(Text(""), console=console, auto_refresh=False, screen=True)
        fd = _stdin_fd() if keys_fd is None else keys_fd
        self._keys = None if fd is None else KeyReader(fd, self._press)

    @property
    def view(self) -> View:
        """What the reader is looking at."""
        return self._view

    async def start(self) -> None:
        """Take the screen and the keys."""
        loop = asyncio.get_running_loop()
        atexit.register(self._restore)
        try:
            self._live.start()
            if self._keys is not None:
                self._keys.start(loop)
        except BaseException:
            self._restore()
            raise

    def record(self, line: str) -> None:
        """The dashboard shows snapshots; the journal's lines go to the journal."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw the session as it is now; while frozen, remember it and draw the old picture at the present size."""
        self._latest = snapshot
        if not self._view.frozen or self._shown is None:
            self._shown = snapshot
        self._draw()

    async def close(self, last: Snapshot | None) -> None:
        """Give the screen back and leave a summary on it."""
        self._restore()
        atexit.unregister(self._restore)
        if last is not None:
            self._console.print(summary(last, self._theme), soft_wrap=True)

    def _press(self, key: str) -> None:
        before = self._view
        self._view, command = press(before, key)
        if command is not None:
            self._on_command(command)
        if before.frozen and not self._view.frozen:
            self._shown = self._latest
        if self._view != before:
            self._draw()

    def _draw(self) -> None:
        if self._shown is None or not self._live.is_started:
            return
        width, height = self._console.size
        self._live.update(render(self._shown, width, height, theme=self._theme, view=self._view), refresh=True)

    def _restore(self) -> None:
        """Idempotent; the keys first, because they need no console that works."""
        try:
            if self._keys is not None:
                self._keys.stop()
        finally:
            self._live.stop()


def _stdin_fd() -> int | None:
    """Standard input's descriptor, None where it is closed or stands for nothing."""
    try:
        return None if sys.stdin is None else sys.stdin.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None
