"""The host's end of the pipes to one engine process: nothing here waits longer than it was told."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Callable
from typing import Final, TypeVar

from streams.clock import monotonic_s
from streams.nfbl.engine.wire import HEAD, Kind, WireError, parse_body, parse_head, parse_text
from streams.nfbl.landmarks import Body

T = TypeVar("T")

LATE: Final = "no answer in time"
NONSENSE: Final = "nonsense for an answer"

REAP_S: Final = 1.0
"""Longest wait for a process that has been killed or has closed its pipes."""


class EngineLost(Exception):
    """The process is gone or useless; the text is a short reason, like "signal 9"."""


class LoadFailed(Exception):
    """The process says that its engine cannot work; the text is its own line."""


class Child:
    """One engine process. Used by one thread, but for `kill`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Take over a process that was started with pipes."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._to, self._from = self._stdin.fileno(), self._stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    def wait_ready(self, within_s: float) -> str:
        """The engine's name, once it has loaded.

        Raises:
            LoadFailed: it said that it cannot.
            EngineLost: it ended, talked nonsense or took longer.
        """
        kind, payload = self._receive(monotonic_s() + within_s)
        text = _read(parse_text, payload)
        if kind is Kind.FAILED:
            raise LoadFailed(text)
        if kind is not Kind.READY:
            raise EngineLost(NONSENSE)
        return text

    def ask(self, view: bytes, t_s: float, within_s: float) -> tuple[Body, float]:
        """What the engine says of a packed view of the time `t_s`, and the CPU time it took (s).

        Raises:
            EngineLost: it ended, talked nonsense or took longer than `within_s` from now.
        """
        deadline_s = monotonic_s() + within_s
        self._send(view, deadline_s)
        kind, payload = self._receive(deadline_s)
        if kind is not Kind.BODY:
            raise EngineLost(NONSENSE)
        body, cpu_s = _read(parse_body, payload)
        if body.t_s != t_s:
            raise EngineLost("an answer to another question")
        return body, cpu_s

    def check(self) -> None:
        """`EngineLost` where the process has ended, or says something although nothing was asked."""
        if _ready(self._from, select.POLLIN, 0.0):
            if os.read(self._from, 1):
                raise EngineLost("an answer to no question")
            raise self._ended()

    def kill(self) -> None:
        """End the process at once; from any thread."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process if need be, reap it and close the pipes; safe to call twice."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)
        self._stdin.close()
        self._stdout.close()

    def _send(self, message: bytes, deadline_s: float) -> None:
        rest = memoryview(message)
        while rest:
            if not _ready(self._to, select.POLLOUT, deadline_s):
                raise EngineLost(LATE)
            try:
                rest = rest[os.write(self._to, rest) :]
            except BrokenPipeError as error:
                raise self._ended() from error

    def _receive(self, deadline_s: float) -> tuple[Kind, bytes]:
        kind, size = _read(parse_head, self._bytes(HEAD.size, deadline_s))
        return kind, self._bytes(size, deadline_s)

    def _bytes(self, count: int, deadline_s: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            if not _ready(self._from, select.POLLIN, deadline_s):
                raise EngineLost(LATE)
            part = os.read(self._from, count - len(parts))
            if not part:
                raise self._ended()
            parts += part
        return bytes(parts)

    def _ended(self) -> EngineLost:
        try:
            code = self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            return EngineLost("its pipes closed")
        return EngineLost(f"signal {-code}" if code < 0 else f"exit code {code}")


def _ready(descriptor: int, event: int, deadline_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    # Asked even when the time is over: this process may have been stopped meanwhile, with the answer waiting.
    return bool(poll.poll(max(0.0, deadline_s - monotonic_s()) * 1000))


def _read(parse: Callable[[bytes], T], data: bytes) -> T:
    try:
        return parse(data)
    except WireError as error:
        raise EngineLost(NONSENSE) from error
