"""CenterFace on OpenCV's own network engine, at two small sizes: the spine of the mask policy.

Small on purpose: a big blurred face at the edge of the frame is found at a long side of 128 and lost at 640,
a face of 6 % of the width is found at 320 (measured, policy A2). Source: Xu et al., CenterFace, arXiv 1911.03599.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, fit_within
from buffers.records import Box
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.suppress import merged, suppressed

LONG_SIDES_PX = (320, 128)
"""Long sides of the copies looked at: 0 of 62 leaks on the hard shot at 16.6 ms (policy A2)."""

LARGE_LONG_SIDES_PX = (640, 128)
"""The same for large pictures, where a face of 6 % of the width still has detail worth looking at."""

LARGEST_LONG_SIDES_PX = (1280, 128)
"""The same for large pictures and twice as fine, when only some frames are looked at."""

LARGE_PICTURE_PX = 1920
"""Long side above which a picture counts as large (more than 1080p)."""

STRIDE_PX = 32
"""Sides are rounded up to this: the network halves five times before it adds its levels up again."""

CELL_PX = 4
"""Pixels for one cell of the heat map."""

SCORE_FLOOR = 0.05
"""Below this the heat map is noise; above it weak evidence may still hold a known face."""

MAX_IOU = 0.3
"""Suppression within one scale, as the network's authors use it."""

OUTPUTS = ("537", "538", "539", "540")
"""Names in the ONNX file of the heat map, log sizes, centre offsets and landmarks. OpenCV 5 wants all or none."""


class CenterFace:
    """CenterFace through `cv2.dnn`, one thread. Boxes go from the hair line to the chin."""

    name = "centerface"

    def __init__(self, model: Path, long_sides_px: Sequence[int] | None = None) -> None:
        """Load the ONNX file; `cv2.error` where it cannot be read.

        `long_sides_px` are the copies looked at, the largest first; None for those of the mask policy.
        """
        self._long_sides_px = long_sides_px
        # Every library here runs on one thread: with both cores busy a second one gains nothing and adds jitter.
        cv2.setNumThreads(1)
        self._net = cv2.dnn.readNetFromONNX(str(model))

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`; scores from `SCORE_FLOOR` up."""
        scales: list[list[Detection]] = []
        copy = picture
        for long_side_px in self._long_sides_px or self._usual_sides_px(_is_large(picture)):
            # The smaller copy is made from the larger one: the trip through all pixels is made once.
            copy = copy.resized(*network_size(picture.width_px, picture.height_px, long_side_px))
            scales.append(self._at(copy, picture))
        return merged(scales)

    def close(self) -> None:
        """Nothing to release: the network lives in memory and goes with this object."""

    def _usual_sides_px(self, large: bool) -> Sequence[int]:
        return LARGE_LONG_SIDES_PX if large else LONG_SIDES_PX

    def _at(self, copy: Picture, picture: Picture) -> list[Detection]:
        self._net.setInput(cv2.dnn.blobFromImage(copy.to_rgb()))
        heat, sizes, offsets = (np.asarray(each, np.float32)[0] for each in self._net.forward(OUTPUTS)[:3])
        # Sides were rounded to the stride one by one, so the picture is slightly stretched: two scales.
        return decoded(heat[0], sizes, offsets, picture.width_px / copy.width_px, picture.height_px / copy.height_px)


class CenterFaceLarge(CenterFace):
    """The same, looking twice as finely: faces from 3 % of the width, at three times the cost."""

    name = "centerface-large"

    def _usual_sides_px(self, large: bool) -> Sequence[int]:
        return LARGEST_LONG_SIDES_PX if large else LARGE_LONG_SIDES_PX


def network_size(width_px: int, height_px: int, long_side_px: int) -> tuple[int, int]:
    """Width and height of the copy for the network: at most `long_side_px` long, never enlarged, sides rounded up."""
    width, height = fit_within(width_px, height_px, long_side_px)
    return _rounded_up(width), _rounded_up(height)


def decoded(
    heat: NDArray[np.float32],
    sizes: NDArray[np.float32],
    offsets: NDArray[np.float32],
    scale_x: float,
    scale_y: float,
) -> list[Detection]:
    """Boxes of one scale in pixels of the picture, suppressed, best first.

    `heat` is float32[h, w] of scores, `sizes` float32[2, h, w] the logarithms of height and width in cells,
    `offsets` float32[2, h, w] the centre's place within its cell (y, x). Not-a-number anywhere in the heat map is
    passed on as one impossible box, so that the guard takes it for no answer instead of "no face".
    """
    if not np.isfinite(heat).all():
        return [Detection(Box(np.nan, np.nan, np.nan, np.nan), np.nan)]
    rows, columns = np.nonzero(heat > SCORE_FLOOR)
    with np.errstate(all="ignore"):
        # A size beyond all bounds becomes infinite here, and is the guard's to refuse.
        height, width = np.exp(sizes[:, rows, columns].astype(np.float64)) * [[CELL_PX * scale_y], [CELL_PX * scale_x]]
    y = (rows + offsets[0, rows, columns] + 0.5) * CELL_PX * scale_y
    x = (columns + offsets[1, rows, columns] + 0.5) * CELL_PX * scale_x
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1).tolist()
    scores = np.minimum(heat[rows, columns], 1).tolist()
    found = [Detection(Box(*box), score) for box, score in zip(corners, scores, strict=True)]
    return suppressed(found, MAX_IOU)


def _is_large(picture: Picture) -> bool:
    return max(picture.width_px, picture.height_px) > LARGE_PICTURE_PX


def _rounded_up(px: int) -> int:
    return -(-px // STRIDE_PX) * STRIDE_PX
