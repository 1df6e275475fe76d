"""Asks a section's probes in a process of its own: whatever crashes, hangs or prints there is one line here."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from monitor.doctor.check import Check
from monitor.doctor.child import packed, unpacked_checks
from monitor.doctor.probe import Asked, Probe, Section, fault
from streams.clock import monotonic_s

ROOT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds the packages: a checkout, or where they are installed."""

START_S: Final = 10.0
"""What the first probe gets on top, for the interpreter to start."""

ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that keep libraries from starting threads of their own, as in a session."""


_LOOK_S: Final = 0.2
"""How often somebody who waits looks whether everything was given up."""


class Crashed(Exception):
    """The process ended before it had answered; the message says how."""


class GivenUp(Exception):
    """Nobody wants to know any more."""


class _Process:
    """The other process, for some of a section's probes."""

    def __init__(self, section: Section, numbers: range, asked: Asked, *, verbose: bool) -> None:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(  # noqa: S603 - the product's own interpreter and module
            (sys.executable, "-P", "-m", "monitor.doctor.child", section.module, *map(str, numbers)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            env={**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "PYTHONPATH": path},
            bufsize=0,
            process_group=0,
        )
        self._read = b""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(packed(asked).encode())
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Its whole group: a probe may have started processes of its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # A process that waits for a dead disk or device cannot be killed, and is left behind.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def answers(self, limit_s: float, given_up: threading.Event) -> list[Check]:
        """The next probe's checks. `TimeoutError` after `limit_s`, `Crashed` where the process ended before."""
        until_s = monotonic_s() + limit_s
        pipe = self._process.stdout
        assert pipe is not None
        while b"\n" not in self._read:
            left_s = until_s - monotonic_s()
            ready, _, _ = select.select([pipe], [], [], min(_LOOK_S, max(0.0, left_s)))
            if given_up.is_set():
                raise GivenUp
            if not ready and left_s <= 0:
                raise TimeoutError
            if not ready:
                continue
            came = os.read(pipe.fileno(), 1 << 16)
            if not came:
                raise Crashed(_ending(self._process.wait()))
            self._read += came
        line, _, self._read = self._read.partition(b"\n")
        return unpacked_checks(line.decode())


def examined(
    section: Section, asked: Asked, *, verbose: bool = False, given_up: threading.Event | None = None
) -> Iterator[Check]:
    """The checks of a section, in order; after a crash or a hang the rest is asked in a new process.

    Raises `GivenUp` soon after `given_up` was set.
    """
    given_up = given_up or threading.Event()
    first = 0
    while first < len(section.probes):
        numbers = range(first, len(section.probes))
        with _Process(section, numbers, asked, verbose=verbose) as process:
            for number in numbers:
                probe = section.probes[number]
                first = number + 1
                extra_s = START_S if number == numbers.start else 0.0
                try:
                    checks = process.answers(probe.limit_s + extra_s, given_up)
                except (TimeoutError, Crashed) as error:
                    yield _lost(section, probe, error)
                    break
                yield from checks


def _lost(section: Section, probe: Probe, error: TimeoutError | Crashed) -> Check:
    found = f"no answer within {probe.limit_s:g} s" if isinstance(error, TimeoutError) else str(error)
    return fault(section, probe, found, probe.remedy)


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    try:
        return f"crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed (signal {-code})"
