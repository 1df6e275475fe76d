"""Landmarks by MediaPipe's Tasks (pose and hands) and by OpenCV (face mesh), in this process.

Sources: Bazarevsky et al., BlazePose, arXiv 2006.10204; Zhang et al., MediaPipe Hands, arXiv 2006.10214. Extra `nfbl`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import Box
from configs.errors import ModelUnavailable
from configs.rules import rules
from streams.models.cache import model_path
from streams.models.quiet import native_quiet
from streams.nfbl.engine.mesh import MeshFollower, MeshNetwork
from streams.nfbl.landmarks import Body, Hand, Points, Side, View

MODELS: Final = ("pose", "hands-lite", "face-mesh")
"""Names of the model files in the catalogue."""

MAX_HANDS: Final = 2
"""Hands looked for: the palm network runs again wherever one of them is missing, so more cost every view."""

HAND_CONFIDENCE: Final = 0.4
"""From which a palm is looked into and a hand followed. At MediaPipe's 0.5 half of the hands of small people are lost;
what is no hand after all the rules refuse by its size, its score and the arm that should lead to it."""

MIRROR: Final = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(point + 1 - 2 * (point % 2 == 0) for point in range(11, 33))]
)
"""Index of the point on the other side of the body, for each point of a pose."""


def media_pipe_engine(*, mirrored: bool) -> MediaPipeEngine:
    """The engine with the model files of the cache (`ModelUnavailable` where one is missing, or the package)."""
    return MediaPipeEngine(*(model_path(name) for name in MODELS), mirrored=mirrored)


class MediaPipeEngine:
    """`LandmarkEngine` of one body, two hands and the watched face's mesh. Equal views in a row, equal bodies.

    The Tasks follow what they saw from view to view, smoothed. They have no reset, and a blank picture resets the
    following but not the smoothing of a pose's visibility (a quarter to a half of it was still there afterwards): where
    nothing may be carried over they are made anew, at 80 to 130 ms for the pose and 15 ms for the hands.
    """

    name = "mediapipe"

    def __init__(self, pose: Path, hands: Path, mesh: Path, *, mirrored: bool) -> None:
        """Load `.task` files of pose and hands and the `.tflite` file of the face mesh.

        `mirrored`: the picture is (a selfie camera), so left and right change places.

        Raises:
            ModelUnavailable: the mediapipe package is missing, or a file cannot be read.
        """
        try:
            self._mediapipe = importlib.import_module("mediapipe")
        except (ImportError, OSError) as error:
            raise ModelUnavailable(
                "body language needs the mediapipe package: pip install 'emotion-monitor[nfbl]'"
            ) from error
        face = rules().face
        self._mirrored = mirrored
        self._mesh = MeshFollower(MeshNetwork(mesh), least_score=face.mesh_score, eye_mouth=face.eye_mouth)
        vision = self._mediapipe.tasks.vision
        self._pose = _Followed(lambda: self._opened(vision.PoseLandmarker, vision.PoseLandmarkerOptions, pose))
        self._hands = _Followed(
            lambda: self._opened(
                vision.HandLandmarker,
                vision.HandLandmarkerOptions,
                hands,
                num_hands=MAX_HANDS,
                min_hand_detection_confidence=HAND_CONFIDENCE,
                min_hand_presence_confidence=HAND_CONFIDENCE,
                min_tracking_confidence=HAND_CONFIDENCE,
            )
        )
        try:
            self._pose.renew()
            self._hands.renew()
        except BaseException:
            # A Task that is left to the garbage collector can wait there for ever.
            self.close()
            raise
        self._person: int | None = None

    def landmarks(self, view: View) -> Body:
        """See `LandmarkEngine.landmarks`; the mesh is sought where it was, in the box of the face, or by the pose."""
        if view.fresh or view.person != self._person:
            self._pose.renew()
            self._hands.renew()
            self._mesh.forget()
            self._person = view.person
        rgb = np.ascontiguousarray(view.picture.to_rgb())
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, rgb)
        hands = self._hands_in(view, self._hands.look(image, view.t_s))
        pose = self._pose_in(view, self._pose.look(image, view.t_s)) if view.pose else None
        mesh, mesh_score = self._mesh_in(view, rgb, pose)
        return Body(
            t_s=view.t_s,
            width_px=view.frame_width_px,
            height_px=view.frame_height_px,
            person=view.person,
            face=view.face,
            pose=pose if pose is None or not self._mirrored else pose[MIRROR],
            looked_at=view.pose,
            hands=hands,
            mesh=mesh,
            mesh_score=mesh_score,
            fresh=view.fresh,
        )

    def close(self) -> None:
        """Release the networks; safe to call twice. MediaPipe must be told before the interpreter ends."""
        self._pose.close()
        self._hands.close()

    def _hands_in(self, view: View, found: Any) -> tuple[Hand, ...]:  # noqa: ANN401 - the package has no types
        hands = []
        for landmarks, sides in zip(found.hand_landmarks, found.handedness, strict=True):
            # The Tasks call hands as they are, where the older `solutions` called them as in a mirror (measured: 151
            # of 153 hands agree with the pose's wrists).
            called_left = sides[0].category_name == "Left"
            side = Side.LEFT if called_left != self._mirrored else Side.RIGHT
            points = _in_frame(view, np.array([(point.x, point.y) for point in landmarks]))
            hands.append(Hand(points, side, float(sides[0].score)))
        return tuple(hands)

    def _pose_in(self, view: View, found: Any) -> Points | None:  # noqa: ANN401 - the package has no types
        if not found.pose_landmarks:
            return None
        landmarks = found.pose_landmarks[0]
        points = _in_frame(view, np.array([(point.x, point.y) for point in landmarks]))
        visible = np.array([[point.visibility] for point in landmarks], np.float32)
        return np.concatenate([points, visible], axis=1)

    def _mesh_in(self, view: View, rgb: NDArray[np.uint8], pose: Points | None) -> tuple[Points | None, float]:
        offset = np.array([view.x0, view.y0], np.float32)
        face = view.face
        if face is not None:
            x0, y0 = (face.x0 - view.x0) / view.scale, (face.y0 - view.y0) / view.scale
            x1, y1 = (face.x1 - view.x0) / view.scale, (face.y1 - view.y0) / view.scale
            face = Box(x0, y0, x1, y1)
        if pose is not None:
            pose = np.concatenate([(pose[:, :2] - offset) / np.float32(view.scale), pose[:, 2:]], axis=1)
        mesh, score = self._mesh.follow(rgb, face, pose)
        return None if mesh is None else mesh * np.float32(view.scale) + offset, score

    def _opened(self, task: Any, options: Any, path: Path, **extra: object) -> Any:  # noqa: ANN401 - no types
        tasks = self._mediapipe.tasks
        try:
            return task.create_from_options(
                options(
                    base_options=tasks.BaseOptions(model_asset_path=str(path)),
                    running_mode=tasks.vision.RunningMode.VIDEO,
                    **extra,
                )
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelUnavailable(f"model file {path} cannot be loaded: fetch the models again") from error


class _Followed:
    """One Task in video mode, with a time of its own that begins where the Task does."""

    def __init__(self, opened: Callable[[], Any]) -> None:
        self._opened = opened
        self._task: Any = None
        self._start_s = 0.0
        self._last_ms = 0

    def look(self, image: Any, t_s: float) -> Any:  # noqa: ANN401 - the package has no types
        if self._last_ms == 0:
            self._start_s = t_s
        # Counted from 1: MediaPipe's filters take a time of 0 for "never", and would not smooth the next value.
        self._last_ms = max(self._last_ms + 1, 1 + round((t_s - self._start_s) * 1000))
        return self._task.detect_for_video(image, self._last_ms)

    def renew(self) -> None:
        """Forget everything seen."""
        if self._task is not None and self._last_ms == 0:
            return
        self.close()
        with native_quiet():
            self._task = self._opened()
        self._last_ms = 0

    def close(self) -> None:
        if self._task is None:
            return
        # Too late, at the interpreter's end, is as good as done.
        with native_quiet(), contextlib.suppress(RuntimeError):
            self._task.close()
        self._task = None


def _in_frame(view: View, share: NDArray[np.float64]) -> Points:
    """Points in shares of the view's width and height, float64[n, 2], as pixels of the frame."""
    size = np.array([view.picture.width_px, view.picture.height_px])
    return np.asarray(share * size * view.scale + [view.x0, view.y0], np.float32)
