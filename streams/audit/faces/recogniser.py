"""An attacker's eye: dlib's face recognition network, which tells people apart by 128 numbers a face.

For audits only. No session loads it, and what it computes identifies people: keep figures, never the numbers.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Plane
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.models.cache import model_path

Embedding = NDArray[np.float32]
"""float32[128]: what the network makes of one face; near to others of the same person."""

SAME_PERSON_DISTANCE = 0.6
"""Below this distance two faces count as one person: 99.38 % right on LFW (dlib's face_recognition.py example)."""


class FaceRecogniser:
    """Embeds faces of which the place is known. Not for several threads at once."""

    def __init__(self) -> None:
        """Load the network and the points by which faces are straightened.

        Raises:
            ModelUnavailable: the dlib package or one of the two files is missing; the message says how to get it.
        """
        try:
            dlib = importlib.import_module("dlib")
        except ImportError as error:
            raise ModelUnavailable(
                "recognising faces needs the dlib package: pip install 'emotion-monitor[audit]'"
            ) from error
        self._rectangle: Any = dlib.rectangle
        self._points = dlib.shape_predictor(str(model_path("face-points")))
        self._network = dlib.face_recognition_model_v1(str(model_path("face-recogniser")))

    def embed(self, rgb: Plane, box: Box) -> Embedding:
        """What the network makes of uint8[H, W, 3] RGB at `box` (px), whatever is to be seen there.

        Where a mask leaves no face to be detected, give the box that was found in the source: an attacker who follows
        the person knows it as well. Detectors' boxes need no trimming: those of CenterFace, of dlib's CNN and shifted
        by a tenth gave the same ranks on 55 faces (measured).

        Raises:
            ValueError: the box is not made of finite numbers, or holds no pixel.
        """
        if not all(map(math.isfinite, (box.x0, box.y0, box.x1, box.y1))) or box.width < 1 or box.height < 1:
            raise ValueError(f"{box} holds no face")
        # dlib counts the last pixel as inside, a `Box` ends before it.
        place = self._rectangle(round(box.x0), round(box.y0), round(box.x1) - 1, round(box.y1) - 1)
        image = np.ascontiguousarray(rgb)
        return np.asarray(self._network.compute_face_descriptor(image, self._points(image, place)), np.float32)


def distance(a: Embedding, b: Embedding) -> float:
    """How far two faces are apart (Euclidean); see `SAME_PERSON_DISTANCE`."""
    return float(np.linalg.norm(a - b))
