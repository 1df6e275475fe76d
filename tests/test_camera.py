"""Cameras: what is meant by an address, what is asked of them, and pictures from a pipe."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import BlockingIOError as NothingYet

from buffers.records import Track
from configs.errors import ConfigError
from configs.live_settings import CameraSettings, LiveSettings
from streams.sources.devices.camera import CameraCaptor
from streams.sources.devices.cameras import Camera
from streams.sources.devices.modes import Mode
from streams.sources.live.captor import CaptureFailed
from tests.made_devices import KeptPost

WEBCAM = Camera(
    "HD Webcam C525: HD Webcam",
    "v4l2",
    "/dev/video0",
    Path("/dev/video0"),
    (Path("/dev/v4l/by-id/usb-C525-index0"),),
    (Mode("yuyv422", 1280, 720, (10.0,)), Mode("mjpeg", 1280, 720, (30.0,)), Mode("yuyv422", 640, 480, (30.0,))),
)
TWIN = Camera("HD Webcam C525: HD Webcam", "v4l2", "/dev/video2", Path("/dev/video2"), (Path("/dev/v4l/by-id/two"),))
OTHER = Camera("Integrated IR/RGB", "v4l2", "/dev/video4", Path("/dev/video4"))


def y4m(path: Path, pictures: int = 5, size: tuple[int, int] = (64, 48)) -> Path:
    """A YUV4MPEG file of grey pictures, each brighter than the one before."""
    width, height = size
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(pictures):
            luma = np.full(width * height, 40 + 5 * number, np.uint8).tobytes()
            file.write(b"FRAME\n" + luma + bytes([128]) * (width * height // 2))
    return path


class Opener:
    """`av.open` that refuses some requests and opens a made recording for the others."""

    def __init__(self, path: Path, refuse: Callable[[Mapping[str, str]], int | None] = lambda options: None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._path, self._refuse = path, refuse

    def __call__(self, target: str, **given: Any) -> Any:  # noqa: ANN401 - as av.open
        options = dict(given["options"])
        assert options.pop("fflags") == "nonblock"
        self.asked.append((target, options))
        number = self._refuse(options)
        if number is not None:
            av.error.err_check(-number)
        return av.open(str(self._path))


class Hesitant:
    """A container that has nothing to give before each packet, as a camera read without waiting."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path))
        self._ready = False
        self.streams = self._container.streams
        self._packets = self._container.demux()

    def demux(self, *_: object) -> Iterator[Any]:
        while True:
            self._ready = not self._ready
            if self._ready:
                raise NothingYet(errno.EAGAIN, "nothing yet")
            packet = next(self._packets, None)
            if packet is None:
                return
            yield packet

    def close(self) -> None:
        self._container.close()


def camera(
    name: str = "HD Webcam",
    there: tuple[Camera, ...] = (WEBCAM, OTHER),
    opener: Opener | Callable[..., Any] = av.open,
    settings: CameraSettings | None = None,
) -> CameraCaptor:
    return CameraCaptor(name, settings or CameraSettings(), LiveSettings(), listing=lambda: there, opener=opener)


@pytest.mark.unit
@pytest.mark.parametrize("name", ["HD Webcam C525: HD Webcam", "hd webcam", "C525"])
def test_part_of_a_name_is_enough_and_the_whole_name_is_shown(name: str) -> None:
    assert camera(name).name == "camera:HD Webcam C525: HD Webcam"


@pytest.mark.unit
def test_a_name_with_a_slash_is_no_path() -> None:
    assert camera("IR/RGB").name == "camera:Integrated IR/RGB"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "there", "said"),
    [
        ("Nikon", (WEBCAM, OTHER), "there are camera:HD Webcam C525: HD Webcam; camera:Integrated IR/RGB"),
        (
            "C525",
            (WEBCAM, TWIN),
            "2 cameras are meant; name one of camera:/dev/v4l/by-id/usb-C525-index0; camera:/dev/v4",
        ),
        ("", (WEBCAM,), "names no camera; there is no camera of that name; there are camera:HD"),
        ("C525", (), "no camera: plug one in"),
        ("/nowhere/video9", (WEBCAM,), "is not there; there are /dev/v4l/by-id/usb-C525-index0"),
        ("/dev/null", (), "is no camera"),
        ("/tmp", (), "is no camera; a recording goes by its path alone"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_with_what_there_is(
    name: str, there: tuple[Camera, ...], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        camera(name, there)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.unit
def test_pictures_are_asked_for_in_a_format_that_is_fast_enough(tmp_path: Path) -> None:
    opener = Opener(y4m(tmp_path / "a.y4m"))
    with pytest.raises(CaptureFailed, match="the camera stopped"):
        camera(opener=opener).capture(post := KeptPost())
    expected = {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"}
    assert opener.asked == [("/dev/video0", expected)]
    assert post.notices == (
        "camera:HD Webcam C525: HD Webcam: gives 64x48 at 25 Hz (rawvideo), asked was 1280x720 at 30 Hz",
    )
    assert len(post.frames) == 5


@pytest.mark.unit
def test_the_mode_that_was_asked_for_is_not_worth_a_word(tmp_path: Path) -> None:
    opener = Opener(y4m(tmp_path / "a.y4m"))
    camera(opener=opener, settings=CameraSettings(size="64x48", rate_hz=25.0)).capture(post := KeptPost(most=2))
    assert post.notices == ()
    assert [(info.track, info.width_px, info.height_px) for info in post.tracks] == [(Track.VIDEO, 64, 48)]


@pytest.mark.unit
def test_a_mode_that_is_refused_gives_way_to_the_cameras_own(tmp_path: Path) -> None:
    opener = Opener(y4m(tmp_path / "a.y4m"), lambda options: errno.EINVAL if "video_size" in options else None)
    camera(opener=opener, settings=CameraSettings(format="h264")).capture(post := KeptPost(most=2))
    assert [options for _, options in opener.asked] == [
        {"video_size": "1280x720", "framerate": "30", "input_format": "h264"},
        {"video_size": "1280x720", "framerate": "30"},
        {"video_size": "1280x720"},
        {"framerate": "30"},
    ]
    assert "asked was 1280x720 at 30 Hz h264" in post.notices[0]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "is not there; plug it in"),
        (errno.EACCES, "group video"),
        (errno.EBUSY, "used by another program"),
        (errno.ENOTTY, "is no camera"),
        (errno.ENODEV, "was unplugged"),
        (errno.EIO, "does not answer"),
        (errno.EINVAL, "refuses every mode"),
        (errno.EFBIG, "cannot be read (file too large)"),
    ],
)
def test_each_refusal_of_the_system_has_its_remedy(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(CaptureFailed) as raised:
        camera(opener=Opener(tmp_path, lambda options: number)).capture(KeptPost())
    assert said in str(raised.value)


@pytest.mark.unit
def test_a_camera_that_has_nothing_yet_is_asked_again(tmp_path: Path) -> None:
    path = y4m(tmp_path / "a.y4m")
    with pytest.raises(CaptureFailed, match="stopped"):
        camera(opener=lambda target, **_: Hesitant(path)).capture(post := KeptPost())
    assert len(post.frames) == 5
    assert post.waited >= 5


@pytest.mark.unit
def test_the_kernels_stamp_tells_when_a_picture_was_captured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {0.0: 0.25, 0.04: None}
    monkeypatch.setattr("streams.sources.devices.camera.stamp_age_s", lambda stamp_s: ages[stamp_s])
    monkeypatch.setattr(KeptPost, "now_s", lambda post: 7.0)
    camera(opener=Opener(y4m(tmp_path / "a.y4m"))).capture(post := KeptPost(most=2))
    assert [captured_s for _, captured_s in post.frames] == [6.75, None]


@pytest.mark.unit
def test_a_camera_may_come_back_under_another_number(tmp_path: Path) -> None:
    there = [WEBCAM]
    opener = Opener(y4m(tmp_path / "a.y4m"))
    captor = CameraCaptor("C525", CameraSettings(), LiveSettings(), listing=lambda: tuple(there), opener=opener)
    there[:] = []
    with pytest.raises(CaptureFailed, match="is not there"):
        captor.capture(KeptPost())
    there[:] = [OTHER, TWIN]
    captor.capture(KeptPost(most=1))
    assert opener.asked[-1][0] == "/dev/video2"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "camera.y4m"
    os.mkfifo(path)
    return path


def attempt(captor: CameraCaptor, post: KeptPost) -> tuple[threading.Thread, list[str]]:
    said: list[str] = []

    def run() -> None:
        try:
            captor.capture(post)
        except CaptureFailed as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


@pytest.mark.unit
def test_a_pipe_that_nobody_writes_to_hangs_nobody(pipe: Path) -> None:
    post = KeptPost()
    thread, said = attempt(camera(str(pipe)), post)
    while not post.waits:
        post.wait(0.01)
    post.over.set()
    thread.join(5)
    assert not thread.is_alive()
    assert (said, post.waits) == ([], ["nobody writes to the pipe yet"])


@pytest.mark.unit
def test_a_writer_that_stops_in_the_middle_of_a_picture_hangs_nobody(pipe: Path, tmp_path: Path) -> None:
    content = y4m(tmp_path / "a.y4m", pictures=30).read_bytes()
    post = KeptPost()
    thread, said = attempt(camera(str(pipe)), post)
    with pipe.open("wb") as writer:
        writer.write(content[:-1000])
        writer.flush()
        while len(post.frames) < 20 and thread.is_alive():
            post.wait(0.01)
        post.over.set()
        thread.join(5)
    assert not thread.is_alive()
    assert said == []
    assert all(captured_s is None for _, captured_s in post.frames)


@pytest.mark.unit
def test_a_writer_that_leaves_is_a_loss(pipe: Path, tmp_path: Path) -> None:
    content = y4m(tmp_path / "a.y4m").read_bytes()
    post = KeptPost()
    thread, said = attempt(camera(str(pipe)), post)
    pipe.write_bytes(content)
    thread.join(5)
    assert said == ["whoever wrote to the pipe left"]
    assert [int(picture.y[0, 0]) for picture, _ in post.frames] == pytest.approx([40, 45, 50, 55, 60], abs=1)


@pytest.mark.unit
def test_what_is_no_video_is_told(pipe: Path) -> None:
    thread, said = attempt(camera(str(pipe)), KeptPost())
    pipe.write_bytes(b"good morning\n" * 500)
    thread.join(5)
    assert said
    assert "holds no YUV4MPEG" in said[0]


@pytest.mark.media
def test_pictures_of_a_paced_pipe_arrive_as_they_come(pipe: Path) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is absent")
    post = KeptPost(most=40)
    thread, _ = attempt(camera(str(pipe)), post)
    source = "testsrc2=size=320x240:rate=25:duration=4"
    command = ["ffmpeg", "-v", "quiet", "-y", "-re", "-f", "lavfi", "-i", source]
    writer = subprocess.Popen([*command, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", str(pipe)])
    try:
        thread.join(20)
    finally:
        writer.kill()
        writer.wait(10)
    steps = np.diff(post.arrivals_s[10:])
    assert np.median(steps) == pytest.approx(0.04, abs=0.01)
