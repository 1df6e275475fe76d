"""The engine's process: views in through standard input, bodies out through standard output, until the input ends.

A process of its own because native code that crashes must not take the masks with it, and so that the system can let it
stand back on a busy machine. It holds one raw view at a time, in memory, and writes no file: no core, no log.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from configs.errors import MonitorError
from streams.clock import cpu_s
from streams.nfbl.engine.wire import HEAD, Kind, WireError, pack_body, pack_text, parse_head, parse_view
from streams.nfbl.landmarks import LandmarkEngine

ROOT: Final = Path(__file__).resolve().parents[3]
"""The folder that holds the packages: a checkout, or where they are installed."""

PR_SET_PDEATHSIG: Final = 1
"""From Linux's `sys/prctl.h`."""

ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that keep libraries from starting threads of their own."""


def spawner(*, mirrored: bool, niceness: int) -> Callable[[], subprocess.Popen[bytes]]:
    """What starts the process of MediaPipe's engine, for `EngineHost`; see `MediaPipeEngine` for `mirrored`."""
    argv = (sys.executable, "-P", "-m", __name__, "mirrored" if mirrored else "plain", str(niceness), str(os.getpid()))
    return lambda: start(argv)


def start(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a process with pipes for input and output, in which this product's packages can be imported.

    The system kills it when the thread that called this ends. `OSError` where it cannot be started.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603 - the product's own interpreter and module
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "PYTHONPATH": path},
        # Ctrl-C at the terminal is the host's to answer. No session of its own: where the kernel shares the cores among
        # sessions first, niceness would no longer count against the masks.
        process_group=0,
    )


def main() -> int:
    """Serve MediaPipe's engine until standard input ends; arguments as `spawner` gives them."""
    mirrored, niceness, parent = sys.argv[1] == "mirrored", int(sys.argv[2]), int(sys.argv[3])
    stand_back(niceness)
    if os.getppid() != parent:
        return 0
    views, bodies = own_pipes()
    # MediaPipe imports it for tasks that nobody asks for, and PortAudio hangs as long as a sound server is frozen.
    sys.modules["sounddevice"] = None  # type: ignore[assignment]
    try:
        from streams.nfbl.engine.tasks import media_pipe_engine

        engine = media_pipe_engine(mirrored=mirrored)
    except MonitorError as error:
        bodies.write(pack_text(Kind.FAILED, str(error)))
        return 1
    try:
        serve(engine, views, bodies)
    finally:
        engine.close()
    return 0


def serve(engine: LandmarkEngine, views: BinaryIO, bodies: BinaryIO) -> None:
    """Say that the engine is ready, then answer each view in turn, until `views` ends or nobody reads `bodies`.

    Raises:
        WireError: what came is no view.
    """
    try:
        _write(bodies, pack_text(Kind.READY, engine.name))
        while (payload := _next_view(views)) is not None:
            began_s = cpu_s()
            view = parse_view(payload)
            _write(bodies, pack_body(engine.landmarks(view), cpu_s() - began_s))
            if view.fresh:
                give_back_memory()
    except BrokenPipeError:
        return


def stand_back(niceness: int) -> None:
    """Ask the system for no core file, a lower share of the cores, and an end when the host ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def give_back_memory() -> None:
    """Return freed memory to the system: networks that were made anew leave holes, 100 MB after some hundred cuts."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


def own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone: what a library prints goes nowhere."""
    views, bodies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return os.fdopen(views, "rb"), os.fdopen(bodies, "wb", buffering=0)


def _next_view(views: BinaryIO) -> bytes | None:
    head = views.read(HEAD.size)
    if not head:
        return None
    kind, size = parse_head(head)
    payload = views.read(size)
    if kind is not Kind.VIEW or len(payload) != size:
        raise WireError("no view, or a torn one")
    return payload


def _write(bodies: BinaryIO, message: bytes) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[bodies.write(rest) :]


if __name__ == "__main__":
    sys.exit(main())
