"""The face mesh of the watched person, followed from view to view.

Source: Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, arXiv 1907.06724; the
square looked at is laid as in MediaPipe's face_landmark graph. Run through OpenCV, a base dependency, at 2.4 ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.nfbl.landmarks import MESH_POINTS, Points

SIDE_PX: Final = 192
"""Side of the picture that the network takes."""

PRESENCE, POINTS = "conv2d_31", "conv2d_21"
"""Outputs of the network: one logit, and (x, y, z) of each point in pixels of its picture."""

ROOM: Final = 1.5
"""Side of the square looked at in lengths of the face, MediaPipe's own."""

EYES: Final = (33, 263)
"""Outer corners of the eyes, left one in the picture first: their line is the square's."""

POSE_EYES, POSE_MOUTH = (5, 2), (10, 9)
"""Points of a pose, left one in the picture first."""

FACE_BELOW_EYES: Final = 0.1
"""Middle of a face below its eyes, in face heights: it reaches from 0.40 above them to 0.60 below."""

POSE_VISIBLE: Final = 0.5
"""Visibility from which a pose's eyes and mouth say where a face is: the network's own middle."""


@dataclass(frozen=True, slots=True)
class Square:
    """A rotated square in a picture: middle and side in pixels, `angle_rad` clockwise as seen."""

    x: float
    y: float
    side_px: float
    angle_rad: float

    def to_picture(self) -> NDArray[np.float64]:
        """The affine map float64[2, 3] from the network's pixels to those of the picture."""
        step = self.side_px / SIDE_PX
        cos, sin, half = math.cos(self.angle_rad) * step, math.sin(self.angle_rad) * step, SIDE_PX / 2
        return np.array([[cos, -sin, self.x - half * (cos - sin)], [sin, cos, self.y - half * (sin + cos)]])


def square_of_box(box: Box, angle_rad: float = 0.0) -> Square:
    """Where to look for the mesh of a face that a detector found."""
    width, height = box.x1 - box.x0, box.y1 - box.y0
    return Square((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, ROOM * max(width, height), angle_rad)


def square_of_mesh(mesh: Points) -> Square:
    """Where to look for a mesh that was float32[468, 2] a moment ago."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return Square(x, y, ROOM * float((high - low).max()), _slope(mesh[EYES[0]], mesh[EYES[1]]))


def square_of_pose(pose: Points, eye_mouth: float) -> Square | None:
    """Where the face of a pose float32[33, 3] is, None where its eyes or mouth are not seen.

    `eye_mouth` is the distance from eyes to mouth in face heights.
    """
    seen = pose[[*POSE_EYES, *POSE_MOUTH]]
    if float(seen[:, 2].min()) < POSE_VISIBLE:
        return None
    eyes, mouth = seen[:2, :2].mean(axis=0), seen[2:, :2].mean(axis=0)
    down = mouth - eyes
    height = float(np.hypot(*down)) / eye_mouth
    if not height > 0:
        return None
    x, y = (eyes + down * (FACE_BELOW_EYES / eye_mouth)).tolist()
    return Square(x, y, ROOM * height, _slope(seen[0, :2], seen[1, :2]))


class MeshNetwork:
    """The network alone: one square of a picture in, presence and points out. One thread."""

    def __init__(self, model: Path) -> None:
        """Load the `.tflite` file; `ModelUnavailable` where it cannot be read."""
        # Every library here runs on one thread: with both cores busy a second one gains nothing and adds jitter.
        cv2.setNumThreads(1)
        try:
            # Only the classic engine gives both outputs for one run; it costs the same.
            self._net = cv2.dnn.readNetFromTFLite(str(model), engine=cv2.dnn.ENGINE_CLASSIC)
        except cv2.error as error:
            raise ModelUnavailable(f"model file {model} cannot be loaded: fetch the models again") from error

    def look(self, rgb: NDArray[np.uint8], square: Square) -> tuple[Points, float]:
        """Points float32[468, 2] in pixels of the picture uint8[H, W, 3] RGB, and the presence (0-1) of a face."""
        to_picture = square.to_picture()
        cut = cv2.warpAffine(
            rgb,
            to_picture,
            (SIDE_PX, SIDE_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        self._net.setInput(cv2.dnn.blobFromImage(cut, scalefactor=1 / 255))
        logit, flat = (np.asarray(each, np.float64).reshape(-1) for each in self._net.forward((PRESENCE, POINTS)))
        points = flat.reshape(MESH_POINTS, 3)[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        return np.asarray(points, np.float32), 1 / (1 + math.exp(-min(60.0, max(-60.0, float(logit[0])))))


class MeshFollower:
    """Looks where the mesh was last, else where the face is said to be: at most two looks for one view."""

    def __init__(self, network: MeshNetwork, *, least_score: float, eye_mouth: float) -> None:
        """Follow nothing yet. A mesh counts from the presence `least_score`; `eye_mouth` as in `square_of_pose`."""
        self._network = network
        self._least_score = least_score
        self._eye_mouth = eye_mouth
        self._last: Square | None = None

    def follow(self, rgb: NDArray[np.uint8], face: Box | None, pose: Points | None) -> tuple[Points | None, float]:
        """The mesh float32[468, 2] and its presence (0-1), None where that is too low. All in pixels of `rgb`.

        `face` is the box of the watched face, `pose` float32[33, 3] of the watched body, None where not known. A mesh
        whose middle is outside that box has strayed to another face and is not followed.
        """
        best = 0.0
        for square in self._squares(face, pose):
            points, score = self._network.look(rgb, square)
            if score >= self._least_score:
                self._last = square_of_mesh(points)
                return points, score
            best = max(best, score)
        self._last = None
        return None, best

    def forget(self) -> None:
        """Follow nothing any more."""
        self._last = None

    def _squares(self, face: Box | None, pose: Points | None) -> Iterator[Square]:
        last = self._last
        if last is not None and (face is None or _inside(last, face)):
            yield last
        by_pose = None if pose is None else square_of_pose(pose, self._eye_mouth)
        if face is not None:
            yield square_of_box(face, 0.0 if by_pose is None else by_pose.angle_rad)
        elif by_pose is not None:
            yield by_pose


def _inside(square: Square, box: Box) -> bool:
    return box.x0 <= square.x <= box.x1 and box.y0 <= square.y <= box.y1


def _slope(left: Points, right: Points) -> float:
    """Angle of the line between two points (rad), clockwise as seen in a picture."""
    return math.atan2(float(right[1] - left[1]), float(right[0] - left[0]))
