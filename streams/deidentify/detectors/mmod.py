"""The paper's detector, dlib's max-margin CNN, run by ONNX Runtime: the same weights seven times faster.

For comparison with EALD-MLLM, not for safety: its window is 80 px, it looks for upright frontal faces and misses
large profile faces at every size (24 leak frames of 62 on the hard shot). Source: King, arXiv 1502.00046.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, fit_within
from buffers.records import Box
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.suppress import suppressed
from streams.models.runtime import open_onnx

LONG_SIDE_PX = 640
"""Long side looked at: 73 ms a frame and faces from 12.5 % of the width; full 720p would take 273 ms."""

MEAN_RGB = (122.782, 117.001, 104.298)
"""Mean colour taken from the input, part of dlib's network definition."""

SCALE = 1 / 256
"""Factor on the input, part of dlib's network definition."""

PYRAMID = 5 / 6
"""Ratio of neighbouring levels of the image pyramid (dlib's pyramid_down<6>)."""

LEAST_SIDE_PX = 50
"""Levels with a shorter side hold no 80 px window, even where padding helps."""

WINDOW_PX = 80
"""Side of the window the network was trained to find."""

PAD_PX = 11
"""Zeros around each level, so that faces at the edge are found as dlib finds them."""

STRIDE_PX = 8
"""Pixels of a level for one cell of the output."""

CENTRE_PX = 14
"""Centre of the first cell in the padded level: the network's layers without padding eat so much."""

MAX_IOU = 0.338
"""Suppression as stored in dlib's model file."""

CONFIDENCE_FLOOR = -0.5
"""dlib reports faces from 0 up; weaker evidence may still hold a known face."""

STEEPNESS = 5.0
"""Puts dlib's confidence on the common scale: its threshold 0 becomes 0.5, where a track starts, -0.35 becomes 0.15."""


class Mmod:
    """dlib's CNN face detector as ONNX, one thread. Boxes are square, from the brows to the chin."""

    name = "mmod"

    def __init__(self, model: Path, long_side_px: int = LONG_SIDE_PX) -> None:
        """Load the ONNX file (`ModelUnavailable` where it cannot be read) and look at copies so long."""
        self._long_side_px = long_side_px
        cv2.setNumThreads(1)
        self._session = open_onnx(model)
        self._input = self._session.get_inputs()[0].name

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`; scores from 0.08 up."""
        copy = picture.resized(*fit_within(picture.width_px, picture.height_px, self._long_side_px))
        scale = picture.width_px / copy.width_px
        found = []
        for level, x_scale, y_scale in levels(copy.to_rgb()):
            heat = np.asarray(self._session.run(None, {self._input: level})[0][0, 0])
            found += _decoded(heat, scale * x_scale, scale * y_scale)
        return suppressed(found, MAX_IOU)

    def close(self) -> None:
        """Nothing to release: the session goes with this object."""


def score_of(confidence: float) -> float:
    """Put dlib's confidence (a margin, about -1 to 1.2) on the common scale 0-1; not-a-number stays one."""
    return 1 / (1 + math.exp(-STEEPNESS * confidence))


def levels(rgb: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.float32], float, float]]:
    """The image pyramid: float32[1, 3, H, W] with its padding, and the image's pixels for one of its own (x, y)."""
    height, width = rgb.shape[:2]
    level = (rgb.astype(np.float32) - np.array(MEAN_RGB, np.float32)) * np.float32(SCALE)
    while min(level.shape[:2]) >= LEAST_SIDE_PX:
        rows, columns = level.shape[:2]
        padded = np.pad(level, ((PAD_PX, PAD_PX), (PAD_PX, PAD_PX), (0, 0)))
        yield np.ascontiguousarray(padded.transpose(2, 0, 1)[None]), width / columns, height / rows
        size = (int(columns * PYRAMID), int(rows * PYRAMID))
        level = np.asarray(cv2.resize(level, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _decoded(heat: NDArray[np.float32], x_scale: float, y_scale: float) -> list[Detection]:
    # Written so that not-a-number is kept and reaches the guard.
    rows, columns = np.nonzero(~(heat <= CONFIDENCE_FLOOR))
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        x = (STRIDE_PX * column + CENTRE_PX - PAD_PX) * x_scale
        y = (STRIDE_PX * row + CENTRE_PX - PAD_PX) * y_scale
        half = WINDOW_PX / 2
        box = Box(x - half * x_scale, y - half * y_scale, x + half * x_scale, y + half * y_scale)
        found.append(Detection(box, score_of(float(heat[row, column]))))
    return found
