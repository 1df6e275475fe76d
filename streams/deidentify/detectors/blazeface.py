"""MediaPipe's BlazeFace, short and full range together: an independent opinion, for evidence and for the audit.

Not for safety alone: a face that turns away or is blurred is gone from it at once (17 leak frames of 62 on the hard
shot). Source: Bazarevsky et al., BlazeFace, arXiv 1907.05047. Extra `nfbl`.
"""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any

from buffers.picture import Picture, fit_within
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.suppress import merged
from streams.models.quiet import native_quiet

LONG_SIDE_PX = 640
"""Long side of the copy handed over: the networks look at 128 and 192 px, all above is spent on copying."""

SCORE_FLOOR = 0.1
"""Below this it is noise. Above it weak evidence may still hold a known face."""

SURE_SCORE = 0.6
"""BlazeFace's own score from which a box is a face: at 0.5 it sees one in a cartoon (measured)."""

MAX_IOU = 0.3
"""Suppression within one network, MediaPipe's own default."""


class BlazeFace:
    """Both networks through MediaPipe's Tasks. Boxes are square, from the brows to the chin."""

    name = "blazeface"

    def __init__(self, short_range: Path, full_range: Path) -> None:
        """Load both `.tflite` files (`ModelUnavailable` without the mediapipe package or where one cannot be read)."""
        try:
            self._mediapipe = importlib.import_module("mediapipe")
        except (ImportError, OSError) as error:
            raise ModelUnavailable(
                "face detector blazeface needs the mediapipe package: pip install 'emotion-monitor[nfbl]'"
            ) from error
        self._networks: list[Any] = []
        with native_quiet():
            for path in (short_range, full_range):
                self._networks.append(self._opened(path))
            # The runtime says its last word at the first picture.
            self.detect(Picture.blank(64, 64))

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`; scores from `score_of(SCORE_FLOOR)` up."""
        copy = picture.resized(*fit_within(picture.width_px, picture.height_px, LONG_SIDE_PX))
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, copy.to_rgb())
        x_scale, y_scale = picture.width_px / copy.width_px, picture.height_px / copy.height_px
        found = []
        for network in self._networks:
            boxes = [(item.bounding_box, item.categories[0].score) for item in network.detect(image).detections]
            found.append(
                [
                    Detection(
                        Box(
                            box.origin_x * x_scale,
                            box.origin_y * y_scale,
                            (box.origin_x + box.width) * x_scale,
                            (box.origin_y + box.height) * y_scale,
                        ),
                        score_of(score),
                    )
                    for box, score in boxes
                ]
            )
        return merged(found)

    def close(self) -> None:
        """Release both networks; safe to call twice. MediaPipe must be told before the interpreter ends."""
        with native_quiet():
            while self._networks:
                # Too late, at the interpreter's end, is as good as done.
                with contextlib.suppress(RuntimeError):
                    self._networks.pop().close()

    def _opened(self, path: Path) -> Any:  # noqa: ANN401 - the package has no types
        tasks = self._mediapipe.tasks
        options = tasks.vision.FaceDetectorOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(path)),
            min_detection_confidence=SCORE_FLOOR,
            min_suppression_threshold=MAX_IOU,
        )
        try:
            return tasks.vision.FaceDetector.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelUnavailable(f"model file {path} cannot be loaded: fetch the models again") from error


def score_of(score: float) -> float:
    """Put BlazeFace's score on the common scale: `SURE_SCORE` becomes 0.5, where a track starts, 0 and 1 stay."""
    if score <= SURE_SCORE:
        return 0.5 * score / SURE_SCORE
    return 0.5 + 0.5 * (score - SURE_SCORE) / (1 - SURE_SCORE)
