"""Turns decoded frames into pictures: limited-range 4:2:0, upright, with square pixels and a bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, cast

import numpy as np
from av.buffer import Buffer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from buffers.picture import Picture, Plane, fit_within
from streams.media import Colour

LARGEST_SIDE_PX: Final = 8192
"""Frames with a longer side are refused: one of 8192x8192 is 100 MB decoded, and codecs keep up to 16."""

LONG_SIDE_PX: Final = 3840
"""Longer side of pictures handed on (4K UHD): the look-back delay holds half a second of them."""

_SANE_ASPECT: Final = 4.0
"""Widest pixel believed; real ones lie between 8:11 and 2:1, beyond are broken headers."""

_UNSPECIFIED: Final = 2
"""H.273's code point for colours that nobody told: players guess them by the size of the picture."""

_BT601: Final = 6
"""H.273's code point for the matrix with which RGB is converted here (SMPTE 170M, as swscale does by default)."""

Matrix = tuple[int, int, int, int]
"""Elements a, b, c, d of a display matrix: (x, y) is shown at (a x + c y, b x + d y)."""

_RIGHT_ANGLES: Final = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))
"""Matrices that turn by 0, 90, 180 and 270 degrees counter-clockwise."""

_UPRIGHT: Final = _RIGHT_ANGLES[0]


def pixel_aspect(declared: Fraction | None) -> float:
    """Width over height of one pixel; 1.0 where it is not declared or not believable."""
    aspect = float(declared or 1)
    return aspect if 1 / _SANE_ASPECT <= aspect <= _SANE_ASPECT else 1.0


def colour(frame: VideoFrame | VideoCodecContext) -> Colour | None:
    """How to show the pictures made of such frames, None where that is left to the player.

    A decoder says what is known before the first frame.
    """
    # A decoder says "RGB" or nothing of the matrix of RGB frames, but the pictures made of them have one.
    matrix = _BT601 if frame.format and frame.format.is_rgb else int(frame.colorspace)
    told = Colour(matrix, int(frame.color_primaries), int(frame.color_trc))
    return None if told == Colour(_UNSPECIFIED, _UNSPECIFIED, _UNSPECIFIED) else told


class PictureMaker:
    """Copies frames of one stream out of the decoder: converted, squared, bounded and upright."""

    def __init__(self, aspect: float = 1.0) -> None:
        """Start a stream whose pixels are `aspect` times as wide as high."""
        self._aspect = aspect
        self._rotation: int | None = None
        self._matrix = _UPRIGHT

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Width and height in pixels of the frame with square pixels, neither bounded nor turned."""
        return max(1, round(frame.width * self._aspect)), frame.height

    def picture(self, frame: VideoFrame) -> Picture:
        """The frame as a picture of its own memory.

        Raises `av.error.FFmpegError` where the pixel format cannot be converted.
        """
        # Listing side data ties a frame into a reference cycle, and 720p frames then pile up to 350 MB before
        # Python collects them: it is asked for once, and again only where the angle changes.
        if frame.rotation != self._rotation:
            self._rotation = frame.rotation
            self._matrix = _matrix(frame)
        size = self.size(frame)
        if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
            frame = frame.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG, threads=1)
        shape = (frame.height, frame.width)
        chroma = ((frame.height + 1) // 2, (frame.width + 1) // 2)
        picture = Picture(_plane(frame, 0, shape), _plane(frame, 1, chroma), _plane(frame, 2, chroma))
        target = fit_within(*size, LONG_SIDE_PX)
        if target != (frame.width, frame.height):
            picture = picture.resized(*target)
        return _upright(picture, self._matrix)


def _plane(frame: VideoFrame, index: int, shape: tuple[int, int]) -> Plane:
    """A contiguous copy of one plane without the decoder's padding."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: shape[0], : shape[1]].copy()


def _upright(picture: Picture, matrix: Matrix) -> Picture:
    """Apply a display matrix, to the nearest right angle."""
    a, b, c, d = matrix
    swapped = abs(b) > abs(a)
    flip_x, flip_y = (c < 0, b < 0) if swapped else (a < 0, d < 0)
    if not (swapped or flip_x or flip_y):
        return picture

    def turned(plane: Plane) -> Plane:
        plane = plane.T if swapped else plane
        return np.ascontiguousarray(plane[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    return Picture(turned(picture.y), turned(picture.u), turned(picture.v))


def _matrix(frame: VideoFrame) -> Matrix:
    """The four turning elements of the display matrix (a, b, c, d), the identity where there is none.

    The angle alone is not enough: a mirrored picture would be read as one that is upside down, and a face
    upside down is one that is not found.
    """
    try:
        side_data = cast("Mapping[str, Buffer]", frame.side_data).get("DISPLAYMATRIX")
    except ValueError:
        # PyAV cannot list side data of a kind it has no name for (EXIF of JPEG, for one): ask for the angle only.
        return _RIGHT_ANGLES[round(frame.rotation / 90) % 4]
    if side_data is None:
        return _UPRIGHT
    values = np.frombuffer(bytes(side_data), np.int32)
    return int(values[0]), int(values[1]), int(values[3]), int(values[4])
