"""dlib's CNN face detector through dlib itself: the reference that `mmod` is compared with. Slow; extra `dlib`."""

from __future__ import annotations

import importlib
from pathlib import Path

from buffers.picture import Picture, fit_within
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.mmod import LONG_SIDE_PX, score_of


class DlibCnn:
    """`dlib.cnn_face_detection_model_v1` on the same copy as `mmod`, without upsampling."""

    name = "dlib"

    def __init__(self, model: Path) -> None:
        """Load dlib's own model file (`ModelUnavailable` without the dlib package, dlib's errors otherwise)."""
        try:
            dlib = importlib.import_module("dlib")
        except ImportError as error:
            raise ModelUnavailable(
                "faces.detector dlib needs the dlib package: pip install 'emotion-monitor[dlib]', or use mmod"
            ) from error
        self._model = dlib.cnn_face_detection_model_v1(str(model))

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`; dlib tells of nothing below its threshold, so scores start at 0.5."""
        copy = picture.resized(*fit_within(picture.width_px, picture.height_px, LONG_SIDE_PX))
        x_scale, y_scale = picture.width_px / copy.width_px, picture.height_px / copy.height_px
        found = []
        for each in self._model(copy.to_rgb(), 0):
            # dlib counts the last pixel as inside, a `Box` ends after it.
            box = Box(
                each.rect.left() * x_scale,
                each.rect.top() * y_scale,
                (each.rect.right() + 1) * x_scale,
                (each.rect.bottom() + 1) * y_scale,
            )
            found.append(Detection(box, score_of(each.confidence)))
        return sorted(found, key=lambda item: -item.score)

    def close(self) -> None:
        """Nothing to release: the network goes with this object."""
