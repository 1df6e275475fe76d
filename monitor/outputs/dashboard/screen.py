"""The screen that one or several streams share: it takes the terminal, obeys keys, and always gives it back.

Two ways lead out: the last `close`, and the end of the process (atexit). Signals are the session's: it closes its
outputs.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from monitor.outputs.base import Command
from monitor.outputs.dashboard.keys import KeyReader, View, press, stream_after
from monitor.outputs.dashboard.live import OVER
from monitor.outputs.dashboard.render import render, summary, waiting
from monitor.outputs.dashboard.streams import Streams, Tab
from monitor.outputs.theme import Theme
from monitor.snapshot import Snapshot

_ALL: Final = frozenset({Command.QUIT})
"""Commands that go to every stream; the others go to the one that is looked at."""


@dataclass(slots=True)
class _Stream:
    """One stream as the screen knows it; `shown` trails `latest` while the picture is frozen."""

    name: str
    latest: Snapshot | None = None
    shown: Snapshot | None = None
    running: bool = False
    left: bool = False
    """Closed, and its summary not yet printed."""

    @property
    def obeys(self) -> bool:
        """Whether its session has begun and is not over, so that there is something to mark or to pause."""
        return self.running and self.latest is not None and self.latest.state not in OVER


class Screen:
    """Draws the stream that is looked at. `on_command` is called on the event loop with a stream's index.

    It is taken when the first stream starts and given back when none is left; then every summary is printed. A
    stream that is over keeps its last picture as long as another goes on.
    """

    def __init__(
        self,
        console: Console,
        names: Sequence[str],
        *,
        on_command: Callable[[int, Command], None],
        theme: Theme,
        keys_fd: int | None = None,
    ) -> None:
        """Draw on `console`; keys come from file descriptor `keys_fd` (None: standard input)."""
        self._console = console
        self._on_command = on_command
        self._theme = theme
        self._streams = tuple(_Stream(name) for name in names)
        self._selected = 0
        self._gone = False
        self._view = View()
        self._live = Live(Text(""), console=console, auto_refresh=False, screen=True)
        fd = _stdin_fd() if keys_fd is None else keys_fd
        self._keys = None if fd is None else KeyReader(fd, self.obey)

    @property
    def view(self) -> View:
        """What the reader has chosen to see of a stream."""
        return self._view

    @property
    def selected(self) -> int:
        """Index of the stream that is looked at."""
        return self._selected

    def start(self, index: int) -> None:
        """A stream begins; the first takes the screen and the keys."""
        loop = asyncio.get_running_loop()
        first = not any(stream.running for stream in self._streams)
        self._streams[index].running = True
        if not first:
            return
        atexit.register(self._restore)
        try:
            self._live.start()
            if self._keys is not None:
                self._keys.start(loop)
        except BaseException:
            self._streams[index].running = False
            self._restore()
            raise

    def show(self, index: int, snapshot: Snapshot) -> None:
        """A stream as it is now; while frozen it is remembered, and the old picture drawn at the present size."""
        stream = self._streams[index]
        stream.latest = snapshot
        if not self._view.frozen or stream.shown is None:
            stream.shown = snapshot
        if index == self._drawing:
            self._draw()

    def close(self, index: int, last: Snapshot | None) -> None:
        """A stream is over; the last gives the screen back and leaves the summaries on it."""
        stream = self._streams[index]
        if last is not None:
            stream.left = True
            stream.latest = stream.shown = last
        stream.running = False
        if any(other.running for other in self._streams):
            self._draw()
            return
        self._restore()
        atexit.unregister(self._restore)
        self._sum_up()

    def obey(self, key: str) -> None:
        """A key was pressed: another stream, another view, or something that is asked of sessions."""
        before = (self._view, self._selected)
        self._selected = stream_after(key, self._selected, len(self._streams))
        self._view, command = press(self._view, key)
        if command in _ALL:
            for index in range(len(self._streams)):
                self._on_command(index, command)
        elif command is not None and self._streams[self._selected].obeys:
            self._on_command(self._selected, command)
        if before[0].frozen and not self._view.frozen:
            for stream in self._streams:
                stream.shown = stream.latest
        if (self._view, self._selected) != before:
            self._draw()

    def _sum_up(self) -> None:
        if self._gone:
            return
        left = [stream for stream in self._streams if stream.left]
        for number, stream in enumerate(left):
            stream.left = False
            assert stream.latest is not None
            title = stream.name if len(self._streams) > 1 else None
            if number:
                self._console.print()
            self._console.print(summary(stream.latest, self._theme, title=title), soft_wrap=True)

    @property
    def _drawing(self) -> int:
        """The stream whose news draw the picture: the one looked at, or, once that is over, the first that is not."""
        if self._streams[self._selected].running:
            return self._selected
        return next((index for index, stream in enumerate(self._streams) if stream.running), self._selected)

    def _draw(self) -> None:
        if not self._live.is_started or self._gone:
            return
        width, height = self._console.size
        stream, streams = self._streams[self._selected], self._tabs()
        if stream.shown is not None:
            picture = render(stream.shown, width, height, theme=self._theme, view=self._view, streams=streams)
        elif streams is not None:
            picture = waiting(streams, width, height, theme=self._theme)
        else:
            return
        try:
            self._live.update(picture, refresh=True)
        except OSError:
            self._leave()

    def _leave(self) -> None:
        """The terminal is gone: nobody looks any more, so every stream ends in order."""
        self._gone = True
        if self._keys is not None:
            self._keys.stop()
        for index in range(len(self._streams)):
            self._on_command(index, Command.QUIT)

    def _tabs(self) -> Streams | None:
        if len(self._streams) == 1:
            return None
        return Streams(tuple(Tab.of(stream.name, stream.shown) for stream in self._streams), self._selected)

    def _restore(self) -> None:
        """Idempotent; the keys first, because they need no console that works."""
        try:
            if self._keys is not None:
                self._keys.stop()
        finally:
            with contextlib.suppress(OSError):  # of a terminal that is gone
                self._live.stop()


def _stdin_fd() -> int | None:
    """Standard input's descriptor, None where it is closed or stands for nothing."""
    try:
        return None if sys.stdin is None else sys.stdin.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None
