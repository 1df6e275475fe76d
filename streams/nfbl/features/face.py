"""The watched person's face frame over time: from the mesh, held where a hand hides it, rebuilt from the pose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from configs.rules import FaceRules
from streams.deidentify.boxes import grown
from streams.nfbl.features.steady import OneEuro
from streams.nfbl.features.trunk import EARS, EYES, MOUTH, TURNED_H
from streams.nfbl.features.types import FaceFrame, FaceSource, Torso
from streams.nfbl.landmarks import Body, Points

FOREHEAD: Final = 10
CHIN: Final = 152
EYE_CORNERS: Final = (33, 133, 362, 263)
EDGES: Final = (234, 454)
NOSE_TIP: Final = 1

NOSE_SHARE: Final = 0.312
"""Where the nose's tip lies between eyes (0) and chin (1), and its height above that line as a share of it: 0.3119 and
0.3126 in MediaPipe's canonical face model (canonical_face_model.obj, points 33, 133, 1 and 152)."""

STEADY_HZ: Final = 1.5
"""Cut-off of the face frame at rest (Hz): a time constant of a tenth of a second, one tick."""

STEADY_PER_SPEED: Final = 3.0
"""Cut-off added for each H per second: a head that turns by a face height in a second lags by 0.04 H."""

JUMP: Final = 1.3
"""A face that grows or shrinks so much within `JUMP_S` is a mesh pressed out of shape by a hand."""

JUMP_S: Final = 0.2
"""See `JUMP`; over longer gaps in proportion (s)."""

LEAP_H: Final = 0.6
"""Or whose eyes leap so far (H), while the shoulders stay: three face heights a second."""

SHOULDERS_STAY: Final = 0.25
"""Shoulders that moved less than this share of the leap stayed."""

BELIEVED_AFTER_S: Final = 1.0
"""A mesh that keeps to its new place so long was right all the same (s): a hand rarely lies quite still."""

BOX_GROWTH: Final = 0.5
"""The eyes must lie in the detector's box with a quarter more all round, else it is another face's mesh."""

BOX_HEIGHTS: Final = (0.5, 1.4)
"""And its height must be so many of the box's: 0.7 to 1.05 on real clips."""

POSE_VISIBLE: Final = 0.5
"""Visibility from which the pose's eyes and mouth are asked."""

POSE_CHANGE: Final = 1.25
"""The pose's measure of the face may differ so much from the mesh's last: eye to mouth is a short, noisy length."""

WIDEST_H: Final = 2.2
"""Largest shoulder width in H: nine in ten frames of real clips have less than 2. A bowed head shortens the face."""

KNOWN_S: Final = 30.0
"""How long the mesh's last measure binds the pose's (s): people move nearer or further within minutes."""

LEAST_HALF_WIDTH: Final = 0.28
"""Least half width from the pose's ears (H): one ear is hidden when the head turns."""

HALF_WIDTH: Final = 0.39
"""Half width where nothing better is known (H): median of the meshes of twelve real clips."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """A face as measured: eyes' middle, axis from forehead to chin with the face's height as its length."""

    origin: Vector
    axis: Vector
    half_width: float

    @property
    def height_px(self) -> float:
        return float(np.hypot(*self.axis))


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The last shape the mesh gave, smoothed, and where the torso was then."""

    t_s: float
    shape: _Shape
    torso: Torso | None


class HeadFollower:
    """Keeps the face frame. Told of every body in order of time."""

    def __init__(self, rules: FaceRules) -> None:
        """Nothing seen yet."""
        self._rules = rules
        self._filter = OneEuro(STEADY_HZ, STEADY_PER_SPEED)
        self._tilt = OneEuro(STEADY_HZ, 0.0)
        self._known: _Known | None = None
        self._doubt_s: float | None = None
        self._measured_s = 0.0
        self._lost_from_s: float | None = None
        self.frame: FaceFrame | None = None
        """The face frame of the last tick."""
        self.pitch_deg: float | None = None
        """The head's pitch, up positive, None without a mesh: from where the nose's tip lies between eyes and chin."""
        self.mesh_lost_s = 0.0
        """How long there has been no mesh to believe, counted from the first tick where there never was one."""

    def reset(self) -> None:
        """Forget: another person."""
        self._filter.reset()
        self._tilt.reset()
        self._known = self._doubt_s = self._lost_from_s = None
        self.frame = self.pitch_deg = None
        self.mesh_lost_s = 0.0

    def look(self, body: Body, torso: Torso | None, pose: Points | None) -> FaceFrame | None:
        """The face frame now. `torso` and `pose` are the watched person's, as long as they stand."""
        t_s = body.t_s
        measured = self._measured(body)
        if measured is not None and self._credible(t_s, measured, torso):
            self.frame = self._smoothed(t_s, measured, FaceSource.MESH)
            self._known = _Known(t_s, _shape_of(self.frame), torso)
            self._lost_from_s = t_s
            self.mesh_lost_s = 0.0
            self.pitch_deg = self._pitch(body)
            return self.frame
        self._lost_from_s = t_s if self._lost_from_s is None else self._lost_from_s
        self.mesh_lost_s = t_s - self._lost_from_s
        self.pitch_deg = None
        known = self._known
        if known is not None and t_s - known.t_s <= self._rules.hold_s:
            shape = _Shape(known.shape.origin + _moved(known.torso, torso), known.shape.axis, known.shape.half_width)
            self.frame = self._smoothed(t_s, shape, FaceSource.HELD)
        else:
            rebuilt = None if pose is None else self._rebuilt(t_s, pose, torso)
            self.frame = None if rebuilt is None else self._smoothed(t_s, rebuilt, FaceSource.POSE)
        return self.frame

    def _measured(self, body: Body) -> _Shape | None:
        """The mesh's shape, None where there is no mesh or it is not of the watched face."""
        mesh = body.mesh
        if mesh is None or body.mesh_score < self._rules.mesh_score or not np.isfinite(mesh).all():
            return None
        axis = np.asarray(mesh[CHIN] - mesh[FOREHEAD], np.float64)
        height_px = float(np.hypot(*axis))
        if height_px < 1.0:
            return None
        origin = np.asarray(mesh[list(EYE_CORNERS)].mean(axis=0), np.float64)
        box = body.face
        if box is not None:
            near = grown(box, BOX_GROWTH)
            inside = near.x0 <= origin[0] <= near.x1 and near.y0 <= origin[1] <= near.y1
            if not (inside and BOX_HEIGHTS[0] * box.height <= height_px <= BOX_HEIGHTS[1] * box.height):
                return None
        across = np.array((axis[1], -axis[0])) / height_px
        width = abs(float((mesh[EDGES[0]] - mesh[EDGES[1]]) @ across))
        return _Shape(origin, axis, width / 2 / height_px)

    def _credible(self, t_s: float, shape: _Shape, torso: Torso | None) -> bool:
        """Whether the mesh follows from the last one: a hand over the face presses it out of shape."""
        known, elapsed_s = self._known, t_s - self._measured_s
        self._measured_s = t_s
        if known is None or t_s - known.t_s > max(self._rules.hold_s, BELIEVED_AFTER_S):
            self._doubt_s = None
            return True
        steps = max(1.0, elapsed_s / JUMP_S)
        change = abs(math.log(shape.height_px / known.shape.height_px))
        height_px = known.shape.height_px
        leap_px = float(np.hypot(*(shape.origin - known.shape.origin)))
        shoulders_px = _way_px(known.torso, torso)
        leapt = leap_px > LEAP_H * steps * height_px and (
            shoulders_px is not None and shoulders_px < SHOULDERS_STAY * leap_px
        )
        if change <= steps * math.log(JUMP) and not leapt:
            self._doubt_s = None
            return True
        if self._doubt_s is None:
            self._doubt_s = t_s
        if t_s - self._doubt_s < BELIEVED_AFTER_S:
            return False
        self._doubt_s = None
        return True

    def _rebuilt(self, t_s: float, pose: Points, torso: Torso | None) -> _Shape | None:
        """The shape by the pose's eyes and mouth."""
        if pose[[*EYES, *MOUTH], 2].min() < POSE_VISIBLE:
            return None
        origin = np.asarray(pose[list(EYES), :2].mean(axis=0), np.float64)
        way = np.asarray(pose[list(MOUTH), :2].mean(axis=0), np.float64) - origin
        length = float(np.hypot(*way))
        if length < 1.0:
            return None
        height_px = length / self._rules.eye_mouth
        known, half_width = self._known, HALF_WIDTH
        if known is not None and t_s - known.t_s <= KNOWN_S:
            usual = known.shape.height_px
            if torso is not None and known.torso is not None:
                usual *= torso.width_px / known.torso.width_px
            height_px = min(max(height_px, usual / POSE_CHANGE), usual * POSE_CHANGE)
            half_width = known.shape.half_width
        elif torso is not None:
            height_px = min(max(height_px, torso.width_px / WIDEST_H), torso.width_px / TURNED_H)
            across = np.array((way[1], -way[0])) / length
            ears = abs(float((pose[EARS[0], :2] - pose[EARS[1], :2]) @ across))
            half_width = min(max(ears / 2 / height_px, LEAST_HALF_WIDTH), HALF_WIDTH)
        return _Shape(origin, way / length * height_px, half_width)

    def _smoothed(self, t_s: float, shape: _Shape, source: FaceSource) -> FaceFrame:
        values = np.array((*shape.origin, *shape.axis, shape.half_width * shape.height_px))
        values = self._filter.step(t_s, values, shape.height_px)
        height_px = float(np.hypot(*values[2:4]))
        down = values[2:4] / height_px
        return FaceFrame(
            origin=np.asarray(values[:2], np.float32),
            down=np.asarray(down, np.float32),
            across=np.asarray((down[1], -down[0]), np.float32),
            height_px=height_px,
            half_width=float(values[4]) / height_px,
            source=source,
        )

    def _pitch(self, body: Body) -> float | None:
        """Pitch by the nose's tip, which stands out from the line of eyes and chin.

        Turned up by θ, the tip's share r of the way from eyes to chin shrinks to s - s tan θ, with s `NOSE_SHARE`.
        """
        mesh, frame = body.mesh, self.frame
        if mesh is None or frame is None:
            return None
        eyes = mesh[list(EYE_CORNERS)].mean(axis=0)
        whole = float((mesh[CHIN] - eyes) @ frame.down)
        if whole <= 0.0:
            return None
        share = float((mesh[NOSE_TIP] - eyes) @ frame.down) / whole
        angle = math.degrees(math.atan(1.0 - share / NOSE_SHARE))
        return float(self._tilt.step(body.t_s, np.array((angle,)))[0])


def _shape_of(frame: FaceFrame) -> _Shape:
    axis = np.asarray(frame.down, np.float64) * frame.height_px
    return _Shape(np.asarray(frame.origin, np.float64), axis, frame.half_width)


def _way_px(before: Torso | None, now: Torso | None) -> float | None:
    if before is None or now is None:
        return None
    return float(np.hypot(*(now.middle - before.middle)))


def _moved(before: Torso | None, now: Torso | None) -> Vector:
    """How far the head moved: by the pose's nose, by the shoulders where the nose strays from them, 0 if unknown.

    Under a hand the pose guesses the nose, and its guess wanders.
    """
    if before is None or now is None:
        return np.zeros(2)
    nose = np.asarray(now.nose - before.nose, np.float64)
    trunk = np.asarray(now.middle - before.middle, np.float64)
    stray = float(np.hypot(*(nose - trunk)))
    return nose if stray <= now.width_px / 3 else trunk
