"""The watched person's trunk and arms over time: whose pose it is, how wide the shoulders are, how long it holds."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np

from buffers.records import Box
from configs.rules import PersonRules
from streams.deidentify.boxes import grown
from streams.nfbl.features.types import Arm, FaceFrame, FaceSource, Torso
from streams.nfbl.landmarks import Body, Points, Side

NOSE: Final = 0
EYES: Final = (2, 5)
MOUTH: Final = (9, 10)
EARS: Final = (7, 8)
SHOULDERS: Final = (11, 12)
HIPS: Final = (23, 24)

CARRY_S: Final = 0.35
"""How long a pose stands in for the next (s): asked for every 0.2 s, one may be missed."""

WIDTH_S: Final = 3.0
"""The shoulder width is the median over so long (s): people turn for less."""

FRONTAL_H: Final = 1.6
"""Shoulder width in H of one who faces the camera: medians of 1.5 to 1.8 on eight real clips."""

TURNED_H: Final = 1.25
"""Least shoulder width in H: shoulders turned by 40 degrees and more are measured by the face instead."""

BOX_GROWTH: Final = 1.0
"""The pose's head must lie in the face's box with half a side more all round: poses miss the nose by up to half a
face when a hand covers it, and the next person's face is a whole one away."""

NEAR_H: Final = 1.5
"""Without a box it must lie so near the last known face (H): the head moved on meanwhile."""

NEAR_SW: Final = 0.7
"""Without a face the shoulders must lie so near those before (SW): the next person sits a whole width away."""

HIP_VISIBLE: Final = 0.5
"""Visibility from which a hip is where the pose says: hips out of the picture are extrapolated."""

_PICTURE_INSET: Final = 0.02
"""Hips nearer to the picture's lower edge than this share of its height are guesses, too."""


class TorsoFollower:
    """Keeps the watched person's pose. Told of every body in order of time."""

    def __init__(self, rules: PersonRules) -> None:
        """Nothing seen yet."""
        self._rules = rules
        self._pose: Points | None = None
        self._pose_s = 0.0
        self._torso: Torso | None = None
        self._widths: deque[tuple[float, float]] = deque()

    def reset(self) -> None:
        """Forget: another person."""
        self._pose = None
        self._torso = None
        self._widths.clear()

    def pose(self, t_s: float) -> Points | None:
        """The newest pose of the watched person, float32[33, 3], as long as it stands."""
        return self._pose if t_s - self._pose_s <= CARRY_S else None

    def look(self, body: Body, face: FaceFrame | None) -> Torso | None:
        """The trunk now; `face` is the face's frame of the tick before. A pose of somebody else is not taken."""
        pose = body.pose
        if pose is not None and np.isfinite(pose).all() and self._own(body, pose, face):
            self._pose, self._pose_s = pose, body.t_s
            self._torso = self._built(body, pose, face)
        elif self._torso is not None:
            carried = body.t_s - self._torso.seen_s <= CARRY_S
            self._torso = replace(self._torso, new=False) if carried else None
        return self._torso

    def _own(self, body: Body, pose: Points, face: FaceFrame | None) -> bool:
        head = pose[[NOSE, *EYES], :2].mean(axis=0)
        if body.face is not None:
            return _holds(grown(body.face, BOX_GROWTH), head)
        if face is not None:
            return bool(np.hypot(*(head - face.origin)) <= NEAR_H * face.height_px)
        if self._torso is not None:
            middle = pose[list(SHOULDERS), :2].mean(axis=0)
            return bool(np.hypot(*(middle - self._torso.middle)) <= NEAR_SW * self._torso.width_px)
        return True

    def _built(self, body: Body, pose: Points, face: FaceFrame | None) -> Torso | None:
        left, right = SHOULDERS
        if min(pose[left, 2], pose[right, 2]) < self._rules.shoulder_visible:
            return None
        width_px = self._width(body.t_s, float(np.hypot(*(pose[left, :2] - pose[right, :2]))), face)
        if width_px <= 0.0:
            return None
        return Torso(
            left=_arm(body, pose, Side.LEFT),
            right=_arm(body, pose, Side.RIGHT),
            middle=np.asarray(pose[[left, right], :2].mean(axis=0), np.float32),
            nose=pose[NOSE, :2],
            hips=(_hip(body, pose, HIPS[0]), _hip(body, pose, HIPS[1])),
            width_px=width_px,
            seen_s=body.t_s,
            new=True,
        )

    def _width(self, t_s: float, now_px: float, face: FaceFrame | None) -> float:
        self._widths.append((t_s, now_px))
        while self._widths[0][0] < t_s - WIDTH_S:
            self._widths.popleft()
        width_px = median(width for _, width in self._widths)
        if face is not None and face.source is FaceSource.MESH:
            width_px = max(width_px, TURNED_H * face.height_px)
        return float(width_px)


def inside(body: Body, point: Points) -> bool:
    """Whether a point float32[2] lies in the picture."""
    return bool(0.0 <= point[0] < body.width_px and 0.0 <= point[1] < body.height_px)


def _holds(box: Box, point: Points) -> bool:
    return bool(box.x0 <= point[0] <= box.x1 and box.y0 <= point[1] <= box.y1)


def _arm(body: Body, pose: Points, side: Side) -> Arm:
    shoulder, elbow, wrist = (11, 13, 15) if side is Side.LEFT else (12, 14, 16)
    return Arm(
        side=side,
        shoulder=pose[shoulder, :2],
        elbow=pose[elbow, :2],
        wrist=pose[wrist, :2],
        shoulder_visible=float(pose[shoulder, 2]),
        elbow_visible=float(pose[elbow, 2]),
        wrist_visible=float(pose[wrist, 2]),
        elbow_inside=inside(body, pose[elbow]),
        wrist_inside=inside(body, pose[wrist]),
    )


def _hip(body: Body, pose: Points, index: int) -> Points | None:
    hip = pose[index]
    seen = hip[2] >= HIP_VISIBLE and inside(body, hip) and hip[1] < (1.0 - _PICTURE_INSET) * body.height_px
    return hip[:2] if seen else None
