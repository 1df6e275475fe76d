"""What goes through the pipes between the engine's process and the host: a small binary form, checked on both sides.

Anonymous pipes and no shared memory: after a crash of either side nothing of a picture lies anywhere. Nothing is
pickled: what comes in can be refused, and can never be run. Numbers are little-endian, points float32.
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from typing import Any, Final

import numpy as np

from buffers.picture import Picture
from buffers.records import Box
from streams.nfbl.landmarks import HAND_POINTS, MESH_POINTS, POSE_POINTS, Body, Hand, Points, Side, View

MAGIC: Final = b"EMNL"
HEAD: Final = struct.Struct("<4sBI")
"""Magic, kind and length of the payload."""

MAX_SIDE_PX: Final = 4096
"""Longest side of a view; they are made with 640."""

MAX_HANDS: Final = 16
"""More hands in a body than any engine is asked for."""

MAX_TEXT_BYTES: Final = 4096
"""Longest line of text."""

_VIEW: Final = struct.Struct("<4d2Iq4dB2I")
_BODY: Final = struct.Struct("<d2Iq4ddBBd")
_HAND: Final = struct.Struct("<Bd")
_SIDES: Final = (Side.LEFT, Side.RIGHT)
_FACE, _POSE, _LOOKED, _MESH, _FRESH = 1, 2, 4, 8, 16
_NO_BOX: Final = (0.0, 0.0, 0.0, 0.0)


class WireError(Exception):
    """What came is no message: torn, absurd, or from another version."""


class Kind(IntEnum):
    """What a message holds."""

    VIEW = 1
    """To the engine: something to look at."""
    BODY = 2
    """From the engine: what is there, and what it cost."""
    READY = 3
    """From the engine: the models are loaded. Text: the engine's name."""
    FAILED = 4
    """From the engine: it cannot work. Text: why, in one line."""


_LARGEST: Final = {
    Kind.VIEW: _VIEW.size + 3 * MAX_SIDE_PX * MAX_SIDE_PX,
    Kind.BODY: _BODY.size + 4 * 3 * (POSE_POINTS + MESH_POINTS) + MAX_HANDS * (_HAND.size + 8 * HAND_POINTS),
    Kind.READY: MAX_TEXT_BYTES,
    Kind.FAILED: MAX_TEXT_BYTES,
}


def parse_head(head: bytes) -> tuple[Kind, int]:
    """Kind and length (bytes) of the payload that follows; `WireError` where `head` is none or the length absurd."""
    try:
        magic, number, size = HEAD.unpack(head)
        kind = Kind(number)
    except (struct.error, ValueError) as error:
        raise WireError("no message begins here") from error
    if magic != MAGIC or size > _LARGEST[kind]:
        raise WireError("no message begins here")
    return kind, size


def check_view(view: View) -> None:
    """`WireError` where a view has sides or numbers that could not be read back."""
    picture, face = view.picture, view.face
    if max(picture.width_px, picture.height_px) > MAX_SIDE_PX:
        raise WireError(f"a view of {picture.width_px}x{picture.height_px} is larger than {MAX_SIDE_PX} px")
    _check_finite(view.t_s, view.x0, view.y0, view.scale, *_corners(face))
    if not (0 <= view.frame_width_px < 2**32 and 0 <= view.frame_height_px < 2**32 and -(2**63) <= view.person < 2**63):
        raise WireError("a number of the view is out of range")


def pack_view(view: View) -> bytes:
    """A message with a view; `WireError` as `check_view` says."""
    check_view(view)
    picture = view.picture
    flags = _FACE * (view.face is not None) | _POSE * view.pose | _FRESH * view.fresh
    fixed = _VIEW.pack(
        view.t_s,
        view.x0,
        view.y0,
        view.scale,
        view.frame_width_px,
        view.frame_height_px,
        view.person,
        *_corners(view.face),
        flags,
        picture.width_px,
        picture.height_px,
    )
    planes = (np.ascontiguousarray(plane).data.cast("B") for plane in (picture.y, picture.u, picture.v))
    return _message(Kind.VIEW, fixed, *planes)


def parse_view(payload: bytes) -> View:
    """The view of a `Kind.VIEW` message, with planes of its own; `WireError` where it is none."""
    t_s, x0, y0, scale, frame_width, frame_height, person, *rest = _fixed(_VIEW, payload)
    *box, flags, width, height = rest
    _check_finite(t_s, x0, y0, scale, *box)
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX) or flags & ~(_FACE | _POSE | _FRESH):
        raise WireError("a view with absurd sides or flags")
    luma, chroma = (height, width), ((height + 1) // 2, (width + 1) // 2)
    counts = [math.prod(shape) for shape in (luma, chroma, chroma)]
    if len(payload) != _VIEW.size + sum(counts):
        raise WireError("a view that is torn")
    flat = np.frombuffer(payload, np.uint8, offset=_VIEW.size)
    y, u, v = np.split(flat, np.cumsum(counts)[:2])
    return View(
        t_s=t_s,
        picture=Picture(y.reshape(luma).copy(), u.reshape(chroma).copy(), v.reshape(chroma).copy()),
        x0=x0,
        y0=y0,
        scale=scale,
        frame_width_px=frame_width,
        frame_height_px=frame_height,
        person=person,
        face=Box(*box) if flags & _FACE else None,
        pose=bool(flags & _POSE),
        fresh=bool(flags & _FRESH),
    )


def pack_body(body: Body, cpu_s: float) -> bytes:
    """A message with a body and the CPU time it took (s); `WireError` where it could not be read back."""
    if len(body.hands) > MAX_HANDS:
        raise WireError(f"{len(body.hands)} hands")
    flags = _FACE * (body.face is not None) | _POSE * (body.pose is not None) | _LOOKED * body.looked_at
    flags |= _MESH * (body.mesh is not None) | _FRESH * body.fresh
    box = _corners(body.face)
    _check_finite(body.t_s, *box, body.mesh_score, cpu_s, *(hand.score for hand in body.hands))
    frame = (body.width_px, body.height_px)
    try:
        parts = [
            _BODY.pack(body.t_s, *frame, body.person, *box, body.mesh_score, flags, len(body.hands), cpu_s),
            *(_HAND.pack(_SIDES.index(hand.side), hand.score) for hand in body.hands),
        ]
    except (struct.error, ValueError) as error:
        raise WireError("a number or a side of the body is out of range") from error
    parts += [_points(hand.points, HAND_POINTS, 2) for hand in body.hands]
    parts += [_points(body.pose, POSE_POINTS, 3)] if body.pose is not None else []
    parts += [_points(body.mesh, MESH_POINTS, 2)] if body.mesh is not None else []
    return _message(Kind.BODY, *parts)


def parse_body(payload: bytes) -> tuple[Body, float]:
    """The body of a `Kind.BODY` message and the CPU time it took (s); `WireError` where it is none."""
    t_s, width, height, person, x0, y0, x1, y1, mesh_score, flags, hands, cpu_s = _fixed(_BODY, payload)
    _check_finite(t_s, x0, y0, x1, y1, mesh_score, cpu_s)
    if hands > MAX_HANDS or flags & ~(_FACE | _POSE | _LOOKED | _MESH | _FRESH):
        raise WireError("a body with absurd flags")
    shapes = [(HAND_POINTS, 2)] * hands
    shapes += [(POSE_POINTS, 3)] * bool(flags & _POSE) + [(MESH_POINTS, 2)] * bool(flags & _MESH)
    counts = [math.prod(shape) for shape in shapes]
    start = _BODY.size + hands * _HAND.size
    if len(payload) != start + 4 * sum(counts):
        raise WireError("a body that is torn")
    numbers = np.frombuffer(payload, "<f4", offset=start).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise WireError("points that are no numbers")
    arrays = np.split(numbers, np.cumsum(counts)[:-1]) if counts else []
    points = [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
    sides = [_HAND.unpack_from(payload, _BODY.size + index * _HAND.size) for index in range(hands)]
    _check_finite(*(score for _, score in sides))
    if any(side >= len(_SIDES) for side, _ in sides):
        raise WireError("a hand of neither side")
    found = tuple(Hand(array, _SIDES[side], score) for array, (side, score) in zip(points[:hands], sides, strict=True))
    body = Body(
        t_s=t_s,
        width_px=width,
        height_px=height,
        person=person,
        face=Box(x0, y0, x1, y1) if flags & _FACE else None,
        pose=points[hands] if flags & _POSE else None,
        looked_at=bool(flags & _LOOKED),
        hands=found,
        mesh=points[-1] if flags & _MESH else None,
        mesh_score=mesh_score,
        fresh=bool(flags & _FRESH),
    )
    return body, cpu_s


def pack_text(kind: Kind, text: str) -> bytes:
    """A message with one line of text, cut to `MAX_TEXT_BYTES`."""
    line = " ".join(text.split()).encode(errors="replace")[:MAX_TEXT_BYTES]
    return _message(kind, line)


def parse_text(payload: bytes) -> str:
    """The line of a message; `WireError` where it is no printable text."""
    # A line may have been cut within a letter.
    text = payload.decode(errors="ignore")
    if not text.isprintable():
        raise WireError("text that is none")
    return text


def _message(kind: Kind, *parts: bytes | memoryview) -> bytes:
    payload = b"".join(parts)
    return HEAD.pack(MAGIC, kind, len(payload)) + payload


def _corners(box: Box | None) -> tuple[float, float, float, float]:
    return _NO_BOX if box is None else (box.x0, box.y0, box.x1, box.y1)


def _fixed(form: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    try:
        return form.unpack_from(payload)
    except struct.error as error:
        raise WireError("a message that is torn") from error


def _points(points: Points, count: int, columns: int) -> bytes:
    if points.shape != (count, columns) or not np.isfinite(points).all():
        raise WireError(f"points {points.shape} where {(count, columns)} numbers belong")
    return points.astype("<f4").tobytes()


def _check_finite(*numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise WireError("a number that is none")
