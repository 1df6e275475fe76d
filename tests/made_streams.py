"""Servers and senders of somebody else's, for tests: GStreamer's RTSP server and ffmpeg, killed, stopped and restarted.

Each is a process of its own in a group of its own, and ends with its context.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from buffers.picture import Picture
from streams.clock import monotonic_s
from streams.media import TrackInfo
from streams.sources.live.captor import Captor
from tests.clips import Moving, Tone, write

PYTHON: Final = "/usr/bin/python3"
"""The system's Python, which GStreamer's bindings belong to."""

RTSP_SERVER: Final = Path(__file__).with_name("serve_rtsp.py")

READY_S: Final = 20.0
"""Most a server may take to start on a busy machine; it takes half a second."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody has taken."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def made_clip(folder: Path, *, seconds: int = 4) -> Path:
    """A recording with a keyframe a second, a picture of 160x120 at 25 a second and a tone."""
    moving = Moving(codec="libx264", width_px=160, height_px=120, frames=25 * seconds)
    plain = write(folder / "plain.mp4", moving, Tone(seconds=float(seconds), codec="aac"))
    clip = folder / "clip.ts"
    ffmpeg = ["ffmpeg", "-loglevel", "error", "-nostdin", "-y", "-i", str(plain)]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-c:a", "copy"]
    subprocess.run([*ffmpeg, *coded, str(clip)], check=True, timeout=60)
    return clip


class Sender:
    """A process that sends media: started at once, and again after it was killed."""

    def __init__(self, command: Sequence[str], port: int | None = None) -> None:
        """Start `command`; ready once something listens on `port`, where it is given."""
        self._command = list(command)
        self._port = port
        self._stopped = False
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._stopped = False
        if self._port is not None:
            wait_until(lambda: _listens(self._port), READY_S)

    def kill(self) -> None:
        """End it at once, with everything that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def join(self, timeout_s: float) -> None:
        """Wait until it has done its work."""
        assert self._process.wait(timeout_s) == 0

    def freeze(self) -> None:
        """Stop it where it is: its connections stay open."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def rtsp_server(clip: Path, port: int, name: str = "cam") -> Sender:
    """GStreamer's RTSP server at `rtsp://127.0.0.1:port/name`; skips where it is not installed."""
    if not _has_gstreamer():
        pytest.skip(
            "GStreamer's RTSP server is absent: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 "
            "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad ffmpeg"
        )
    return Sender([PYTHON, str(RTSP_SERVER), str(clip), str(port), name], port)


def ffmpeg(*arguments: str, port: int | None = None) -> Sender:
    """An ffmpeg that reads, sends or serves; skips where it is not installed."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is absent: apt-get install ffmpeg")
    return Sender(["ffmpeg", "-loglevel", "error", "-nostdin", *arguments], port)


def looped(clip: Path) -> tuple[str, ...]:
    """The arguments with which ffmpeg plays a clip over and over in real time."""
    return ("-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy")


class Recorded:
    """A `Post` that keeps what it was told: when each track arrived, with which timestamps."""

    def __init__(self) -> None:
        """Begin now."""
        self._start_s = monotonic_s()
        self._over = Event()
        self.tracks: tuple[TrackInfo, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.waited: list[str] = []
        self.frames: list[tuple[float, float | None, Picture]] = []
        self.sounds: list[tuple[float, float | None, int]] = []
        self.samples: list[NDArray[np.float32]] = []

    @property
    def wanted(self) -> bool:
        return not self._over.is_set()

    def wait(self, timeout_s: float) -> bool:
        return self._over.wait(timeout_s)

    def now_s(self) -> float:
        return monotonic_s() - self._start_s

    def waiting(self, reason: str) -> None:
        self.waited.append(reason)

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:
        self.tracks, self.notices = tuple(tracks), notices

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        self.frames.append((self.now_s(), pts_s, picture))

    def sound(
        self, samples: NDArray[np.float32], *, pts_s: float | None = None, captured_s: float | None = None
    ) -> None:
        self.sounds.append((self.now_s(), pts_s, len(samples)))
        self.samples.append(samples)

    def overflow(self, reason: str) -> None:
        raise AssertionError(reason)

    def end(self) -> None:
        """Nothing is wanted any more."""
        self._over.set()


class Attempt:
    """One `capture` in a thread: `error` is what it raised, once `ended`."""

    def __init__(self, captor: Captor) -> None:
        """Start it."""
        self.post = Recorded()
        self.error: Exception | None = None
        self._thread = Thread(target=self._run, args=(captor,), daemon=True)
        self._thread.start()

    def _run(self, captor: Captor) -> None:
        try:
            captor.capture(self.post)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout_s)
        assert self.ended, "capture hangs"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.post.end()
        self._thread.join(READY_S)


def wait_until(condition: object, within_s: float) -> None:
    """Wait until `condition()` is true; fails where it is not within that time."""
    assert callable(condition)
    end_s = monotonic_s() + within_s
    pause = Event()
    while not condition():
        assert monotonic_s() < end_s, f"not within {within_s:g} s"
        pause.wait(0.02)


class _Silent(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Refusing(_Silent):
    """Answers everything with one code."""

    def __init__(self, code: int, *rest: Any) -> None:  # noqa: ANN401 - what the server gives
        self._code = code
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Refuse."""
        self.send_error(self._code)


def web_server(folder: Path) -> AbstractContextManager[str]:
    """A web server of the files in a folder; its address."""
    return _serving(partial(_Silent, directory=str(folder)))


def refusing_server(code: int) -> AbstractContextManager[str]:
    """A web server that answers everything with a code of HTTP; its address."""
    return _serving(partial(_Refusing, code))


@contextlib.contextmanager
def _serving(handler: Callable[..., SimpleHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@contextlib.contextmanager
def deaf_server() -> Iterator[int]:
    """A TCP port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def _listens(port: int | None) -> bool:
    """Whether a TCP port is being listened on; looked up, for some servers take one connection only."""
    listening = f":{port:04X} "
    lines = Path("/proc/net/tcp").read_text().splitlines() + Path("/proc/net/tcp6").read_text().splitlines()
    return any(listening in line.split("rem")[0] and line.split()[3] == "0A" for line in lines[1:])


@cache
def _has_gstreamer() -> bool:
    if not Path(PYTHON).exists() or shutil.which("ffmpeg") is None:
        return False
    look = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer;"
    look += "Gst.init(None);"
    look += "assert all(map(Gst.ElementFactory.find, ('fdsrc', 'tsdemux', 'h264parse', 'aacparse', 'rtph264pay')))"
    return subprocess.run([PYTHON, "-c", look], capture_output=True, timeout=60, check=False).returncode == 0
