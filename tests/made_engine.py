"""Engine processes for tests, without MediaPipe: they answer, or die, hang and lie where the view tells them to."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import numpy as np

from buffers.picture import Picture
from streams.clock import monotonic_s
from streams.nfbl.engine.process import own_pipes, serve, start
from streams.nfbl.engine.wire import Kind, pack_text
from streams.nfbl.landmarks import POSE_POINTS, Body, View


class Prank(IntEnum):
    """What the process does at a view of that luma."""

    NONE = 16
    DIE = 200
    DIE_ONCE = 201
    """Only where no process of the same folder has done so before."""
    HANG = 202
    GARBAGE = 203
    TORN = 204
    RAISE = 205
    STRANGER = 206
    """Answer to another view."""
    CHATTER = 207
    """Answer, then say something more."""


class Start(IntEnum):
    """What the process does before it is ready."""

    AT_ONCE = 0
    REFUSE = 1
    DIE = 2
    GATED = 3
    """Wait until a byte comes through the fifo `gate` of the folder."""
    DIE_LATER = 4
    """Start once; die in every later life."""


def view_of(t_s: float, prank: Prank = Prank.NONE, *, side_px: int = 64) -> View:
    """A grey view; larger than a pipe's buffer with a side from 256 px."""
    return View(t_s, Picture.blank(side_px, side_px, int(prank)), 0.0, 0.0, 2.0, 128, 128, person=1, face=None)


def spawner_of(folder: Path, begin: Start = Start.AT_ONCE) -> Callable[[], subprocess.Popen[bytes]]:
    """What starts such a process; its folder remembers earlier lives."""
    return lambda: start((sys.executable, "-P", "-m", __name__, str(folder), str(int(begin))))


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline_s = monotonic_s() + within_s
    while not condition():
        if monotonic_s() > deadline_s:
            return False
        threading.Event().wait(0.005)
    return True


class _Engine:
    """Says how bright the view is, in the visibility of each point."""

    name = "made-up"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def landmarks(self, view: View) -> Body:
        luma = int(view.picture.y[0, 0])
        t_s = view.t_s
        if luma in set(Prank):
            t_s += self._play(Prank(luma))
        pose = np.full((POSE_POINTS, 3), luma / 255, np.float32)
        return Body(t_s, 128, 128, view.person, None, pose, view.pose, (), None, 0.0, view.fresh)

    def close(self) -> None:
        pass

    def _play(self, prank: Prank) -> float:
        once = self._folder / "died"
        if prank is Prank.DIE or (prank is Prank.DIE_ONCE and not once.exists()):
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif prank is Prank.HANG:
            forever()
        elif prank is Prank.GARBAGE:
            os.write(ANSWERS, b"<html>502 Bad Gateway</html>")
        elif prank is Prank.TORN:
            os.write(ANSWERS, pack_text(Kind.BODY, "half a body")[:12])
            os._exit(0)
        elif prank is Prank.RAISE:
            raise RuntimeError("graph")
        elif prank is Prank.STRANGER:
            return 1.0
        elif prank is Prank.CHATTER:
            threading.Thread(target=self._chatter, daemon=True).start()
        return 0.0

    def _chatter(self) -> None:
        threading.Event().wait(0.2)
        os.write(ANSWERS, b"!")


ANSWERS = 1
"""Descriptor of the answers; another one once the process has its pipes to itself."""


def forever() -> NoReturn:
    """Wait for nothing."""
    while True:
        select.select([], [], [])


def main() -> None:
    """Play the part that the arguments name."""
    global ANSWERS  # noqa: PLW0603 - one process, one part
    folder, begin = Path(sys.argv[1]), Start(int(sys.argv[2]))
    lives = folder / "lives"
    with lives.open("a") as file:
        file.write(f"{os.getpid()}\n")
    views, bodies = own_pipes()
    ANSWERS = bodies.fileno()
    if begin is Start.REFUSE:
        bodies.write(pack_text(Kind.FAILED, "the made-up package is missing:\n pip install it"))
        sys.exit(1)
    if begin is Start.DIE or (begin is Start.DIE_LATER and len(lives.read_text().split()) > 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if begin is Start.GATED:
        (folder / "gate").read_bytes()
    serve(_Engine(folder), views, bodies)
    (folder / "ended").touch()


if __name__ == "__main__":
    main()
