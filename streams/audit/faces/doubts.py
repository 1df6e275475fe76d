"""Keeps the frames a person should look at: the worst of them, as small pictures that show no face themselves."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, fit_within
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.audit.faces.hidden import Cells, cells_in, cells_of, filled
from streams.audit.faces.references import full_size_centerface
from streams.audit.plan import Doubt
from streams.deidentify.boxes import grown
from streams.deidentify.detectors import FaceDetector

MOST: Final = 40
"""Pictures kept: a page of about 1 MB."""

_LONG_SIDE_PX: Final = 320
"""Long side of a picture: enough to find the frame again, little for a face that nobody knew of."""

_QUALITY: Final = 60
"""JPEG quality (0-100), likewise."""

_MARGIN: Final = 0.6
"""How much longer the sides of what is covered are: boxes end at the chin and the hair line."""

_SUSPECT_SCORE: Final = 0.1
"""Score from which a box is covered: the page must not show what an audit cannot be sure of."""

_COVER_LUMA: Final = 128
"""Luma of covers: lighter than the product's masks, so that a reader tells the one from the other."""


class Doubts:
    """Collects frames in doubt; at most `MOST` are kept, those of which least is hidden."""

    def __init__(self, detector: FaceDetector | None) -> None:
        """Give what finds other faces in these frames; without it no picture is made, as it might show one."""
        self._detector = detector
        self._worst: list[tuple[float, int, Doubt]] = []
        self._order = itertools.count()
        self._count = 0

    @property
    def frames(self) -> int:
        """Frames of the output in doubt so far, kept or not."""
        return self._count

    def add(self, doubt: Doubt, output: Picture) -> None:
        """One frame, its picture not yet made, and the output's picture (of the source's size)."""
        self._count += 1
        if len(self._worst) == MOST and -doubt.share_hidden <= self._worst[0][0]:
            return
        if self._detector is not None:
            doubt = replace(doubt, jpeg=self._covered(self._detector, doubt.boxes, output))
        entry = (-doubt.share_hidden, -next(self._order), doubt)
        if len(self._worst) < MOST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)

    def kept(self) -> tuple[Doubt, ...]:
        """The worst of them, in order of time."""
        return tuple(sorted((doubt for *_, doubt in self._worst), key=lambda doubt: doubt.t_s))

    def _covered(self, detector: FaceDetector, boxes: Iterable[Box], output: Picture) -> bytes:
        suspects = [item.box for item in detector.detect(output) if not item.score < _SUSPECT_SCORE]
        over: Cells = np.zeros(cells_of(output), np.bool_)
        for box in (*boxes, *suspects):
            over |= cells_in(over.shape, grown(box, _MARGIN))
        small = filled(output, over, _COVER_LUMA).resized(*fit_within(output.width_px, output.height_px, _LONG_SIDE_PX))
        encoded: NDArray[np.uint8] = cv2.imencode(".jpg", small.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        return encoded.tobytes()


def cover_detector() -> FaceDetector | None:
    """What finds faces to cover in the page's pictures; None where its model is missing."""
    try:
        return full_size_centerface()
    except ModelUnavailable:
        return None
