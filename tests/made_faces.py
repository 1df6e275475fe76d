"""Made raw frames with a bright face in a dim room, a perfect detector of it, and detectors that fail in every way."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from buffers.picture import Picture
from buffers.records import Box, CleanFrame
from streams.deidentify.detectors.base import Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.guard import MAX_BOXES
from streams.media import RawFrame

WIDTH, HEIGHT = 96, 64
FACE_PX = (24, 20)
CANARY = 200
"""Luma from which everything belongs to a face: the background stays far below, and so does the mask."""

Reply = Callable[[Picture], list[Detection]]


def frame(
    place: int, x: int | None = 30, *, rate_hz: float = 30.0, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> RawFrame:
    """A dim room with a bright patterned face at column `x` (None: nobody)."""
    rng = np.random.default_rng(place)
    luma = rng.integers(20, 60, (size[1], size[0]), np.uint8)
    if x is not None:
        luma[22 : 22 + FACE_PX[1], x : x + FACE_PX[0]] = rng.integers(CANARY, 236, FACE_PX[::-1], np.uint8)
    chroma = np.full(((size[1] + 1) // 2, (size[0] + 1) // 2), 128, np.uint8)
    return RawFrame(place / rate_hz, place, Picture(luma, chroma, chroma.copy()))


def look(picture: Picture) -> list[Detection]:
    """A perfect detector: a box around whatever is bright."""
    rows, columns = np.nonzero(picture.y >= CANARY)
    if len(rows) == 0:
        return []
    box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return [Detection(box, 0.9)]


def missed(picture: Picture) -> list[Detection]:
    return []


def broken(picture: Picture) -> list[Detection]:
    raise RuntimeError("out of order")


def not_a_number(picture: Picture) -> list[Detection]:
    return [Detection(Box(math.nan, 0, 10, 10), 0.9)]


def infinite(picture: Picture) -> list[Detection]:
    return [Detection(Box(0, 0, math.inf, 10), 0.9)]


def inside_out(picture: Picture) -> list[Detection]:
    return [Detection(Box(20, 20, 10, 30), 0.9)]


def immense(picture: Picture) -> list[Detection]:
    return [Detection(Box(-1e6, 0, 1e6, 10), 0.9)]


def overconfident(picture: Picture) -> list[Detection]:
    return [Detection(Box(0, 0, 10, 10), 1.5)]


def noise(picture: Picture) -> list[Detection]:
    return [Detection(Box(0, 0, 10, 10), 0.9)] * (MAX_BOXES + 1)


def wordless(picture: Picture) -> list[Detection]:
    return None  # type: ignore[return-value]


FAILURES = [broken, not_a_number, infinite, inside_out, immense, overconfident, noise, wordless]


def released_by(deidentifier: FaceDeidentifier, frames: list[RawFrame]) -> list[CleanFrame]:
    out = [clean for each in frames for clean in deidentifier.push(each)] + deidentifier.flush()
    deidentifier.close()
    return out


class Looking:
    """A detector whose answer depends on the picture alone, so that it does not matter which of several is asked."""

    name = "looking"

    def __init__(self, reply: Reply = look) -> None:
        self._reply = reply
        self.seen: list[Picture] = []
        self.closed = threading.Event()

    def detect(self, picture: Picture) -> list[Detection]:
        self.seen.append(picture)
        return self._reply(picture)

    def close(self) -> None:
        self.closed.set()
