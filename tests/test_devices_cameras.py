"""Which cameras there are: what the kernel tells of a node, and which nodes are listed under which name."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.sources.devices import v4l2
from streams.sources.devices.cameras import linux_cameras
from streams.sources.devices.modes import Mode, best_format
from streams.sources.devices.v4l2 import Node, read

pytestmark = pytest.mark.unit

CAPTURE, METADATA, OWN = 0x1, 0x00800000, 0x80000000


def letters(code: str) -> int:
    return int.from_bytes(code.encode(), "little")


class Driver:
    """A driver's answers: formats with their sizes and intervals (numerator, denominator), or spans of sizes."""

    def __init__(
        self,
        formats: dict[str, dict[tuple[int, int], list[tuple[int, int]]]],
        *,
        abilities: int = CAPTURE,
        span: tuple[int, ...] | None = None,
        endless: bool = False,
    ) -> None:
        self._formats, self._abilities, self._span, self._endless = formats, abilities, span, endless

    def __call__(self, request: int, fields: bytearray) -> None:
        if request == v4l2.QUERYCAP:
            card = "HD Webcam é".encode()
            fields[:] = struct.pack("=16s32s32sIII12x", b"uvcvideo", card, b"usb", 0, OWN | CAPTURE, self._abilities)
            return
        index = struct.unpack_from("=I", fields)[0]
        number = 0 if self._endless else index
        try:
            self._answer(request, fields, number)
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, "the end of the list") from None

    def _answer(self, request: int, fields: bytearray, index: int) -> None:
        if request == v4l2.ENUM_FMT:
            struct.pack_into("=I", fields, 44, letters(list(self._formats)[index]))
            return
        code = struct.unpack_from("=I", fields, 4)[0]
        sizes = next(sizes for name, sizes in self._formats.items() if letters(name) == code)
        if request == v4l2.ENUM_FRAMESIZES:
            if self._span:
                struct.pack_into("=I6I", fields, 8, 3, *self._span)
            else:
                struct.pack_into("=III", fields, 8, 1, *list(sizes)[index])
            return
        assert request == v4l2.ENUM_FRAMEINTERVALS
        size = struct.unpack_from("=II", fields, 8)
        struct.pack_into("=III", fields, 16, 1, *sizes[(size[0], size[1])][index])


def test_the_structures_have_the_lengths_that_the_kernel_expects() -> None:
    for request, layout in (
        (v4l2.QUERYCAP, v4l2._CAPABILITY),
        (v4l2.ENUM_FMT, v4l2._FORMAT),
        (v4l2.ENUM_FRAMESIZES, v4l2._SIZE),
        (v4l2.ENUM_FRAMEINTERVALS, v4l2._INTERVAL),
    ):
        assert layout.size == request >> 16 & 0x3FFF


def test_formats_sizes_and_rates_are_read() -> None:
    node = read(
        Driver(
            {
                "YUYV": {(640, 480): [(1, 15), (1, 30)], (1280, 720): [(1, 10)]},
                "MJPG": {(1280, 720): [(1001, 30000)]},
                "Z16 ": {(640, 480): []},
            }
        )
    )
    assert (node.card, node.captures) == ("HD Webcam é", True)
    assert node.modes == (
        Mode("yuyv422", 640, 480, (30.0, 15.0)),
        Mode("yuyv422", 1280, 720, (10.0,)),
        Mode("mjpeg", 1280, 720, (29.97,)),
        Mode("Z16", 640, 480, ()),
    )


def test_a_driver_that_takes_any_size_tells_the_usual_ones_and_its_largest() -> None:
    node = read(Driver({"YUYV": {}}, span=(16, 1920, 8, 16, 1080, 8)))
    assert [mode.size for mode in node.modes] == ["640x480", "1280x720", "1920x1080"]


def test_a_driver_whose_lists_never_end_is_left_in_time() -> None:
    node = read(Driver({"YUYV": {(640, 480): [(1, 30)]}}, endless=True))
    assert len(node.modes) == 64 * 64


def test_a_node_for_metadata_is_no_camera() -> None:
    assert not read(Driver({}, abilities=METADATA)).captures


@pytest.mark.parametrize(
    ("modes", "best"),
    [
        ([Mode("yuyv422", 1280, 720, (10.0,)), Mode("mjpeg", 1280, 720, (30.0,))], "mjpeg"),
        ([Mode("mjpeg", 1280, 720, (60.0,)), Mode("nv12", 1280, 720, (29.97,))], "nv12"),
        ([Mode("h264", 1280, 720, (30.0,)), Mode("yuyv422", 640, 480, (30.0,))], None),
        ([], None),
    ],
)
def test_the_plainest_format_that_is_fast_enough_is_asked_for(modes: list[Mode], best: str | None) -> None:
    assert best_format(modes, "1280x720", 30.0) == best
    assert best_format(modes, None, 30.0) is None


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    def make(**names: str) -> tuple[Path, Path]:
        sysfs, devices = tmp_path / "sys", tmp_path / "dev"
        for folder in (sysfs, devices / "v4l" / "by-id", devices / "v4l" / "by-path"):
            folder.mkdir(parents=True)
        for node, name in names.items():
            (sysfs / node).mkdir()
            (sysfs / node / "name").write_text(f"{name}\n")
            (sysfs / node / "index").write_text("0\n" if int(node[5:]) % 2 == 0 else "1\n")
            (devices / node).touch()
        return sysfs, devices

    return make


def test_cameras_are_listed_by_name_with_their_stable_paths(tree: Callable[..., tuple[Path, Path]]) -> None:
    sysfs, devices = tree(video0="HD Webcam", video1="HD Webcam", video10="Capture Card", video2="IR Camera")
    (devices / "v4l" / "by-path" / "pci-usb-1-video-index0").symlink_to("../../video0")
    (devices / "v4l" / "by-id" / "usb-HD-video-index0").symlink_to("../../video0")

    def ask(path: Path) -> Node:
        return Node("as the driver says", captures=path.name != "video1", modes=(Mode("mjpeg", 640, 480),))

    found = linux_cameras(sysfs, devices, ask)
    assert [camera.name for camera in found] == ["HD Webcam", "IR Camera", "Capture Card"]
    assert found[0].target == str(devices / "video0")
    assert found[0].addresses == (
        "camera:HD Webcam",
        f"camera:{devices}/v4l/by-id/usb-HD-video-index0",
        f"camera:{devices}/v4l/by-path/pci-usb-1-video-index0",
    )


def test_a_camera_that_may_not_be_opened_is_listed_with_the_remedy(tree: Callable[..., tuple[Path, Path]]) -> None:
    sysfs, devices = tree(video0="HD Webcam", video1="HD Webcam")

    def ask(path: Path) -> Node:
        raise PermissionError(errno.EACCES, "no")

    (camera,) = linux_cameras(sysfs, devices, ask)
    assert "group video" in camera.problem
    assert camera.modes == ()


def test_a_machine_without_video_has_no_cameras(tmp_path: Path) -> None:
    assert linux_cameras(tmp_path / "sys", tmp_path / "dev") == ()


def test_a_node_that_is_no_video_device_is_left_out(tree: Callable[..., tuple[Path, Path]]) -> None:
    # The real question is asked, of plain files.
    sysfs, devices = tree(video0="HD Webcam")
    assert linux_cameras(sysfs, devices) == ()
