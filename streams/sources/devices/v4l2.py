"""Asks the Linux kernel what a video device is and which modes it has. Never starts a capture."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.sources.devices.modes import Mode

Ioctl = Callable[[int, bytearray], None]
"""A request with its structure, which it fills in place; `OSError` where the driver refuses."""

QUERYCAP: Final = 0x80685600
ENUM_FMT: Final = 0xC0405602
ENUM_FRAMESIZES: Final = 0xC02C564A
ENUM_FRAMEINTERVALS: Final = 0xC034564B
"""Numbers of linux/videodev2.h; the upper half holds the structure's length and direction."""

_CAPABILITY: Final = struct.Struct("=16s32s32sIII12x")
_FORMAT: Final = struct.Struct("=III32sI16x")
_SIZE: Final = struct.Struct("=III6I8x")
_INTERVAL: Final = struct.Struct("=IIIII6I8x")
"""Layouts of v4l2_capability, v4l2_fmtdesc, v4l2_frmsizeenum and v4l2_frmivalenum."""

_SINGLE, _MULTI, _OWN = 0x1, 0x1000, 0x80000000
"""Capabilities: captures video, in one plane or several; the node tells what it can do apart from its device."""

_MOST: Final = 64
"""Entries read of one list: drivers have been seen that never end theirs."""

_COMMON: Final = ((640, 480), (1280, 720), (1920, 1080))
"""Sizes told of a driver that takes any, besides its largest."""

_LIBAV: Final = {
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "422P": "yuv422p",
    "YU12": "yuv420p",
    "NV12": "nv12",
    "NV21": "nv21",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "GREY": "gray",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "H264": "h264",
    "HEVC": "hevc",
}
"""libav's names of what drivers call by four letters."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a device node is. `card` is the camera's name as the driver tells it."""

    card: str
    captures: bool
    modes: tuple[Mode, ...] = ()


def ask(path: Path) -> Node:
    """What the device at `path` is and offers. `OSError` where it cannot be opened or is no video device."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return read(lambda request, fields: fcntl.ioctl(descriptor, request, fields, True) and None)
    finally:
        os.close(descriptor)


def read(ioctl: Ioctl) -> Node:
    """What a device tells through `ioctl`. `OSError` where it is no video device; lists that fail are empty."""
    fields = bytearray(_CAPABILITY.size)
    ioctl(QUERYCAP, fields)
    _, card, _, _, whole, own = _CAPABILITY.unpack(fields)
    # Cameras have a second node for metadata, which shares the name and must not be listed.
    abilities = own if whole & _OWN else whole
    kind = 1 if abilities & _SINGLE else 9 if abilities & _MULTI else None
    name = card.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    if kind is None:
        return Node(name, captures=False)
    return Node(name, captures=True, modes=tuple(_modes(ioctl, kind)))


def _modes(ioctl: Ioctl, kind: int) -> Iterator[Mode]:
    for fields in _list(ioctl, ENUM_FMT, lambda index: _FORMAT.pack(index, kind, 0, b"", 0)):
        code = _FORMAT.unpack(fields)[4]
        letters = code.to_bytes(4, "little").decode("ascii", "replace").strip()
        for width, height in _sizes(ioctl, code):
            yield Mode(_LIBAV.get(letters, letters), width, height, _rates(ioctl, code, width, height))


def _sizes(ioctl: Ioctl, code: int) -> list[tuple[int, int]]:
    sizes: list[tuple[int, int]] = []
    for fields in _list(ioctl, ENUM_FRAMESIZES, lambda index: _SIZE.pack(index, code, 0, *[0] * 6)):
        _, _, kind, *numbers = _SIZE.unpack(fields)
        if kind == 1:
            sizes.append((numbers[0], numbers[1]))
            continue
        least_w, most_w, _, least_h, most_h, _ = numbers
        sizes += [(w, h) for w, h in _COMMON if least_w <= w < most_w and least_h <= h < most_h]
        sizes.append((most_w, most_h))
        break
    return sizes


def _rates(ioctl: Ioctl, code: int, width: int, height: int) -> tuple[float, ...]:
    rates: set[float] = set()
    lists = _list(ioctl, ENUM_FRAMEINTERVALS, lambda index: _INTERVAL.pack(index, code, width, height, 0, *[0] * 6))
    for fields in lists:
        _, _, _, _, kind, *numbers = _INTERVAL.unpack(fields)
        # An interval is a fraction of a second; of a span only its ends are told.
        pairs = [numbers[0:2]] if kind == 1 else [numbers[0:2], numbers[2:4]]
        rates |= {round(below / above, 2) for above, below in pairs if above and below}
        if kind != 1:
            break
    return tuple(sorted(rates, reverse=True))


def _list(ioctl: Ioctl, request: int, entry: Callable[[int], bytes]) -> Iterator[bytearray]:
    """The entries of one of the driver's lists, up to where it says that there are no more, or fails."""
    for index in range(_MOST):
        fields = bytearray(entry(index))
        with contextlib.suppress(OSError):
            ioctl(request, fields)
            yield fields
            continue
        return


def is_no_camera(error: OSError) -> bool:
    """Whether `ask` failed because the node is something else altogether."""
    return error.errno in {errno.ENOTTY, errno.EINVAL}
