"""Lists the cameras of this machine by name, without opening any for capture and without probing numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError

from configs.errors import ConfigError
from streams.sources.devices.modes import Mode
from streams.sources.devices.names import listed, matching
from streams.sources.devices.refusals import no_camera, refused
from streams.sources.devices.v4l2 import Node, ask, is_no_camera

_SCREENS: Final = "Capture screen"
"""What macOS lists among its cameras though it is the screen."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera. `target` is what libav opens, `stable` the paths that stay with the port or the camera itself.

    `problem` says why it could not be asked for its modes, with the remedy; empty where all is well.
    """

    name: str
    format: str
    target: str
    path: Path | None = None
    stable: tuple[Path, ...] = ()
    modes: tuple[Mode, ...] = ()
    problem: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """What can be given to `watch`: by name, then by stable path."""
        return tuple(f"camera:{text}" for text in (self.name, *map(str, self.stable)))


def cameras() -> tuple[Camera, ...]:
    """The cameras there are now."""
    if sys.platform == "darwin":
        return tuple(_of_libav("avfoundation", "{}:none"))
    if sys.platform == "win32":
        return tuple(_of_libav("dshow", "video={}"))
    return linux_cameras()


def linux_cameras(
    sysfs: Path = Path("/sys/class/video4linux"),
    devices: Path = Path("/dev"),
    ask_node: Callable[[Path], Node] = ask,
) -> tuple[Camera, ...]:
    """The capture nodes under `sysfs`, in the order of their numbers; empty where the kernel knows no video at all."""
    stable = _links(devices / "v4l")
    found = []
    for entry in sorted(sysfs.glob("video*"), key=lambda path: _number(path.name)):
        path = devices / entry.name
        name, problem, modes = _line(entry / "name"), "", tuple[Mode, ...]()
        try:
            node = ask_node(path)
        except OSError as error:
            # What cannot be asked is told by its number within the device: the camera's own node is the first.
            if is_no_camera(error) or _line(entry / "index") not in {"", "0"}:
                continue
            problem = refused(error)
        else:
            if not node.captures:
                continue
            name, modes = name or node.card, node.modes
        paths = tuple(link for link, end in stable if end == path.name)
        found.append(Camera(name or entry.name, "v4l2", str(path), path, paths, modes, problem))
    return tuple(found)


def find(name: str, there: tuple[Camera, ...], *, whole: bool = False) -> Camera:
    """The camera that `name` means, or with `whole` has for its name.

    `ConfigError` where none or more than one is meant, with those there are.
    """
    if not name:
        raise ConfigError(f"camera: names no camera; {_those(there)}")
    places = matching(name, [camera.name for camera in there], whole=whole)
    if not places:
        raise ConfigError(f"camera:{name}: {_those(there)}" if there else f"camera:{name}: {no_camera()}")
    if len(places) > 1:
        meant = listed([camera.addresses[-1] for camera in (there[place] for place in places)])
        raise ConfigError(f"camera:{name}: {len(places)} cameras are meant; name one of {meant}")
    return there[places[0]]


def _those(there: tuple[Camera, ...]) -> str:
    if not there:
        return no_camera()
    return f"there is no camera of that name; there are {listed([camera.addresses[0] for camera in there])}"


def _of_libav(format_name: str, target: str) -> Iterator[Camera]:
    try:
        devices = av.enumerate_input_devices(format_name)
    except (FFmpegError, ValueError):
        return
    for device in devices:
        name = device.description or device.name
        if "video" in device.media_types and not name.startswith(_SCREENS):
            yield Camera(name, format_name, target.format(device.name))


def _links(folder: Path) -> list[tuple[Path, str]]:
    """Links of udev with the names of the nodes they lead to; those of the camera itself before those of the port."""
    links = [*sorted(folder.glob("by-id/*")), *sorted(folder.glob("by-path/*"))]
    return [(link, link.resolve().name) for link in links]


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(name: str) -> int:
    digits = re.search(r"\d+$", name)
    return int(digits[0]) if digits else 0
