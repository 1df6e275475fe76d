"""Keys of the dashboard: one table of bindings, the view they change, and a small reader of the terminal.

The help page and the footer are generated from the table, so they cannot disagree with it.
"""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from monitor.outputs.base import Command


class Page(StrEnum):
    """What fills the middle of the screen."""

    OVERVIEW = "overview"
    EVENTS = "events"
    HEALTH = "health"
    VERDICT = "verdict"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class View:
    """What the reader has chosen to see; `frozen` holds the picture still while the session goes on."""

    page: Page = Page.OVERVIEW
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """One key, its name and meaning, and what it does: open a page, command the session, or freeze (neither).

    A `live` key has a use for live sources only, a `several` key where several streams are watched: it is the screen
    that obeys it, by `stream_after`.
    """

    key: str
    name: str
    word: str
    meaning: str
    page: Page | None = None
    command: Command | None = None
    live: bool = False
    several: bool = False


BINDINGS: Final = (
    Binding("q", "q", "quit", "end the session, write the journal's end and leave", command=Command.QUIT),
    Binding("?", "?", "help", "this page", page=Page.HELP),
    Binding(
        "p",
        "p",
        "pause",
        "pause for privacy, or go on: nothing is captured meanwhile",
        command=Command.TOGGLE_PAUSE,
        live=True,
    ),
    Binding("e", "e", "events", "all recent body-language events", page=Page.EVENTS),
    Binding("v", "v", "verdict", "the last window: what was described and how it was judged", page=Page.VERDICT),
    Binding("h", "h", "health", "tracks, links, de-identification, memory and every notice", page=Page.HEALTH),
    Binding(" ", "space", "freeze", "hold the picture still; the session goes on"),
    Binding("m", "m", "mark", "write a mark into the journal at this media time", command=Command.MARK),
    Binding("tab", "tab", "stream", "the next of several streams; Shift-Tab, arrows, 1 to 9 too", several=True),
)
"""Every key of the dashboard. A page's key pressed again, or Escape, goes back to the overview."""


def press(view: View, key: str) -> tuple[View, Command | None]:
    """The view after a key, and what it asks of the session; unknown keys change nothing."""
    if key == "escape":
        return replace(view, page=Page.OVERVIEW), None
    binding = next((item for item in BINDINGS if item.key == key.lower()), None)
    if binding is None or binding.several:
        return view, None
    if binding.command is Command.TOGGLE_PAUSE:  # nobody may take a frozen picture for a pause, or the other way round
        return replace(view, frozen=False), binding.command
    if binding.command is not None:
        return view, binding.command
    if binding.page is not None:
        return replace(view, page=Page.OVERVIEW if view.page is binding.page else binding.page), None
    return replace(view, frozen=not view.frozen), None


def stream_after(key: str, selected: int, count: int) -> int:
    """Which of `count` streams is looked at after a key: the next, the one before, or the one with that number."""
    if key in {"tab", "right"}:
        return (selected + 1) % count
    if key in {"backtab", "left"}:
        return (selected - 1) % count
    return int(key) - 1 if key in _DIGITS[:count] else selected


_DIGITS: Final = tuple("123456789")

_SEQUENCES: Final = {"C": "right", "D": "left", "Z": "backtab"}
"""Last letters of the sequences that mean something here, where nothing comes between `[` and them."""


def keys_in(data: bytes) -> tuple[str, ...]:
    """Keys in what a terminal sent: characters, and `escape` (a lone ESC), `tab`, `backtab`, `left`, `right`.

    Other arrow, function and mouse sequences are swallowed whole.
    """
    keys: list[str] = []
    text = data.decode("utf-8", "ignore")
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\x1b":
            keys.append("tab" if char == "\t" else char)
        elif at == len(text):
            keys.append("escape")
        elif text[at] in "[O":  # a control sequence: parameters, then one final byte from @ to ~; after O no parameters
            start = at + 1
            at = start
            while text[start - 1] == "[" and at < len(text) and not "@" <= text[at] <= "~":
                at += 1
            at += 1
            keys += [_SEQUENCES[text[start:at]]] if text[start:at] in _SEQUENCES else []
        else:  # Alt and a key
            at += 1
    return tuple(keys)


class KeyReader:
    """Reads single keys from a terminal without waiting for Enter, and gives the terminal back as it was.

    Where `fd` is no terminal, `start` and `stop` do nothing: the dashboard then runs without keys.
    """

    def __init__(self, fd: int, on_key: Callable[[str], None]) -> None:
        """Read from file descriptor `fd` once started; `on_key` is called on the event loop."""
        self._fd = fd
        self._on_key = on_key
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: list[Any] | None = None

    @property
    def reading(self) -> bool:
        """Whether keys are being read."""
        return self._before is not None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put the terminal into cbreak mode and listen. Ctrl-C still interrupts; Ctrl-Z no longer suspends."""
        if not _is_terminal(self._fd):
            return
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)
        # Suspended, the session would lose its live media and leave the shell on a taken screen.
        present = termios.tcgetattr(self._fd)
        present[6][termios.VSUSP] = bytes([os.fpathconf(self._fd, "PC_VDISABLE")])
        termios.tcsetattr(self._fd, termios.TCSANOW, present)
        self._loop = loop
        loop.add_reader(self._fd, self._read)

    def stop(self) -> None:
        """Restore the terminal; may be called at any time, more than once, and after the loop has closed."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        self._loop = None
        if self._before is not None:
            before, self._before = self._before, None
            # Nothing can be done, and nobody is left to tell, when the terminal itself is gone.
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, before)
            except (termios.error, OSError):
                return

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1024)
        except OSError:
            data = b""
        if not data:  # the terminal was hung up
            self.stop()
        for key in keys_in(data):
            self._on_key(key)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
