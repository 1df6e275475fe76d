"""Captures pictures from a camera through libav: v4l2, AVFoundation or DirectShow."""

from __future__ import annotations

import errno
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.error import BlockingIOError as NothingYet
from av.error import FFmpegError

from buffers.records import Track
from configs.errors import ConfigError
from configs.live_settings import CameraSettings, LiveSettings
from streams.clock import stamp_age_s
from streams.media import TrackInfo
from streams.sources.devices.cameras import Camera, cameras, find
from streams.sources.devices.modes import best_format, same_rate
from streams.sources.devices.pipe import Pipe
from streams.sources.devices.refusals import refused
from streams.sources.devices.v4l2 import ask, is_no_camera
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.live.decoding import Decoding

Opener = Callable[..., InputContainer]
"""`av.open`, or what a test puts in its place."""

_NEXT_S: Final = 0.005
"""Wait before a camera is asked again for a picture it did not have (s); the kernel's stamp keeps the true time."""

_AWAITED_S: Final = 0.05
"""The same of a pipe that nobody writes to any more."""

_PATHS: Final = ("/", "./", "../")
"""How paths begin; names of cameras hold slashes too."""

_COMPRESSED: Final = frozenset({"mjpeg", "h264", "hevc"})
"""Formats that v4l2 and DirectShow know as codecs, not as pixel formats."""


class CameraCaptor:
    """A camera by name or path; or a named pipe of YUV4MPEG, whose pictures count as captured when they arrive."""

    one_clock = True

    def __init__(
        self,
        name: str,
        settings: CameraSettings,
        live: LiveSettings,
        *,
        listing: Callable[[], tuple[Camera, ...]] = cameras,
        opener: Opener = av.open,
    ) -> None:
        """Look whether it is there; nothing is opened for capture. `ConfigError` where none or several are meant."""
        self._settings = settings
        self._live = live
        self._listing = listing
        self._open = opener
        self._wanted = name
        self._path = Path(name) if name.startswith(_PATHS) else None
        self._pipe = self._path is not None and _is_pipe(self._path, listing)
        # The whole name, so that another camera whose name holds the same part may come and go.
        self._name = name if self._path else find(name, listing()).name

    @property
    def name(self) -> str:
        """Its address with the camera's whole name."""
        return f"camera:{self._name}"

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """One of video."""
        return (TrackInfo(Track.VIDEO, "unknown", 0.0, self._settings.rate_hz),)

    def capture(self, post: Post) -> None:
        """One attempt; see `Captor.capture`."""
        if self._pipe:
            self._from_pipe(post)
        else:
            self._from_camera(post)

    def close(self) -> None:
        """Nothing outlives an attempt."""

    def _from_camera(self, post: Post) -> None:
        def captured_s(stamp_s: float | None) -> float | None:
            age_s = None if stamp_s is None else stamp_age_s(stamp_s)
            return None if age_s is None else post.now_s() - age_s

        camera = self._camera()
        try:
            container, refusal = self._opened(camera)
            with closing(container):
                decoding = Decoding(container, post, captured=captured_s)
                told = [*decoding.notices, *self._differences(decoding.tracks, refusal)]
                post.opened(decoding.tracks, *told)
                _run(decoding, post)
        except FFmpegError as error:
            raise CaptureFailed(refused(error)) from None
        if post.wanted:
            raise CaptureFailed("the camera stopped")

    def _from_pipe(self, post: Post) -> None:
        assert self._path is not None
        try:
            with Pipe(self._path, lambda: post.wanted) as pipe:
                self._awaited(pipe, post)
                if not post.wanted:
                    return
                with closing(self._open(pipe, format="yuv4mpegpipe", buffer_size=1 << 20)) as container:
                    # What it counts in its pictures is no time at which anything was captured.
                    decoding = Decoding(container, post, captured=lambda _: None)
                    post.opened(decoding.tracks, *decoding.notices)
                    decoding.run()
        except FileNotFoundError:
            raise CaptureFailed("the pipe is not there") from None
        except (FFmpegError, OSError) as error:
            if not post.wanted:
                return
            raise CaptureFailed(
                f"the pipe holds no YUV4MPEG ({type(error).__name__}); write it with `ffmpeg -f yuv4mpegpipe`"
            ) from None
        if post.wanted:
            raise CaptureFailed("whoever wrote to the pipe left")

    def _awaited(self, pipe: Pipe, post: Post) -> None:
        if not pipe.arrived():
            post.waiting("nobody writes to the pipe yet")
        while post.wanted and not pipe.arrived():
            # Once there was a writer and none is left, a pipe is ready at once, with nothing in it.
            post.wait(_AWAITED_S)

    def _camera(self) -> Camera:
        """The camera as it is there now: its number may have changed since it was last plugged in."""
        there = self._listing()
        if self._path is None:
            try:
                return find(self._name, there, whole=True)
            except ConfigError:
                twins = sum(camera.name == self._name for camera in there) > 1
                why = "there are two of that name; name one by its path" if twins else "is not there; plug it in again"
                raise CaptureFailed(why) from None
        node = self._path.resolve()
        known = next((camera for camera in there if camera.path is not None and camera.path.resolve() == node), None)
        return known or Camera(self._wanted, "v4l2", str(self._path), self._path)

    def _opened(self, camera: Camera) -> tuple[InputContainer, bool]:
        """The camera in the mode that was asked for, else in one of its own; and whether it refused the first."""
        refusal: FFmpegError | None = None
        for options in self._requests(camera):
            try:
                container = self._open(
                    camera.target,
                    format=camera.format,
                    # As ffmpeg itself reads devices: a camera that stops cannot hang whoever waits for it.
                    options={"fflags": "nonblock", **options},
                    timeout=(self._live.open_timeout_s, self._live.dead_after_s),
                )
            except FFmpegError as error:
                if not _is_about_modes(error, camera.format):
                    raise
                refusal = refusal or error
            else:
                return container, refusal is not None
        assert refusal is not None
        raise refusal

    def _requests(self, camera: Camera) -> Iterator[dict[str, str]]:
        """Options of libav from what was asked for to nothing at all, each once."""
        settings = self._settings
        size = {} if settings.size is None else {"video_size": settings.size}
        rate = {} if settings.rate_hz is None else {"framerate": f"{settings.rate_hz:g}"}
        picture = _format_option(
            settings.format or best_format(camera.modes, settings.size, settings.rate_hz), camera.format
        )
        seen: list[dict[str, str]] = []
        for options in ({**size, **rate, **picture}, {**size, **rate}, size, rate, {}):
            if options not in seen:
                seen.append(options)
                yield options

    def _differences(self, tracks: tuple[TrackInfo, ...], refusal: bool) -> Iterator[str]:
        """One notice where the mode is not what was asked for."""
        info = next((track for track in tracks if track.track is Track.VIDEO), None)
        if info is None:
            return
        settings = self._settings
        size = f"{info.width_px}x{info.height_px}"
        wrong = (
            (settings.size is not None and settings.size != size)
            or (settings.rate_hz is not None and info.rate_hz and not same_rate(settings.rate_hz, info.rate_hz))
            or (refusal and settings.format is not None)
        )
        if wrong:
            asked = " ".join(
                text
                for text in (settings.size, f"at {settings.rate_hz:g} Hz" if settings.rate_hz else "", settings.format)
                if text
            )
            rate = f" at {info.rate_hz:g} Hz" if info.rate_hz else ""
            yield f"{self.name}: gives {size}{rate} ({info.codec}), asked was {asked}"


def _run(decoding: Decoding, post: Post) -> None:
    """Deliver until the end or until nobody wants more, waiting where the camera has nothing."""
    while post.wanted:
        try:
            decoding.run()
        except NothingYet:
            post.wait(_NEXT_S)
        else:
            return


def _format_option(name: str | None, device: str) -> dict[str, str]:
    """The option by which each of libav's devices is asked for a format."""
    if name is None:
        return {}
    if device == "v4l2":
        return {"input_format": name}
    if device == "dshow" and name in _COMPRESSED:
        return {"vcodec": name}
    return {} if name in _COMPRESSED else {"pixel_format": name}


def _is_about_modes(error: FFmpegError, device: str) -> bool:
    """Whether another mode may be taken. AVFoundation and DirectShow tell of a bad mode as they do of everything."""
    return error.errno == errno.EINVAL or (device != "v4l2" and error.errno == errno.EIO)


def _is_pipe(path: Path, listing: Callable[[], tuple[Camera, ...]]) -> bool:
    """Whether it is a pipe; `ConfigError` where it is neither that nor a camera."""
    try:
        mode = path.stat().st_mode
    except OSError:
        there = [text for camera in listing() for text in (*map(str, camera.stable), str(camera.path or ""))]
        known = f"there are {', '.join(filter(None, there))}" if there else "there is no camera; plug it in"
        raise ConfigError(f"camera:{path}: is not there; {known}") from None
    if stat.S_ISFIFO(mode):
        return True
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        raise ConfigError(f"camera:{path}: is no camera; a recording goes by its path alone, or as loop:{path}")
    if sys.platform == "linux":
        try:
            captures = ask(path).captures
        except OSError as error:
            captures = not is_no_camera(error)
        if not captures:
            raise ConfigError(f"camera:{path}: is no camera; `emotion-monitor devices` lists the cameras")
    return False
