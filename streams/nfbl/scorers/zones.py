"""Where on the head a finger is: soft zones in the face's coordinates, so that a point near a border counts for both.

Bounds are those of the design (nfbl.md, 3.3), in face heights H from between the eyes; sideways they follow the mesh,
because a turned head moves the nose by up to a quarter of H.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.nfbl.features.types import BoundHand, FaceSource, Features
from streams.nfbl.landmarks import Points, Side

FINGER_POINTS: Final = (4, 8, 12, 16, 20, 3, 7, 11, 15, 19)
"""The five fingertips, thumb first, and the joints before them: the parts of a hand that touch."""

TIPS: Final = 5
"""So many of them, the first, are tips."""

FINGERTIPS, MIDDLE_JOINTS = (8, 12, 16, 20), (6, 10, 14, 18)
"""Of four fingers, without the thumb: it lies beside what the others do."""

STRETCHED, FOLDED = 1.2, 0.95
"""A tip's distance from the wrist over the middle joint's: 1.4 for a straight finger, 0.7 in a fist."""

FOLDED_COUNTS: Final = 0.15
"""What the points of a folded finger count beside a stretched one: who touches the nose with the index finger has the
others before the mouth, and does not touch it."""

PALM: Final = (0, 5, 9, 13, 17)
"""Wrist and knuckles: their mean is the palm's centre."""

SOFT: Final = 0.05
"""Half the width of a border in H: about the landmarks' own noise."""

LEFT_EAR, RIGHT_EAR, NOSE_TIP, LIPS, CHIN = 454, 234, 1, 13, 152
"""Points of the face mesh."""

NOSE_V, LIPS_V, CHIN_V = 0.24, 0.38, 0.60
"""Their usual heights in H."""

MOST_TURNED: Final = 0.3
"""Farthest the nose may lie off the eyes' middle, in H; beyond it the mesh is a profile's guess."""

LEAST_SIDE: Final = 0.15
"""Least half width of a turned face, in H."""

Values = NDArray[np.float64]


class Zone(StrEnum):
    """Parts of head and neck."""

    TOP = "top of the head"
    FOREHEAD = "forehead"
    EYES = "eyes"
    NOSE = "nose"
    MOUTH = "mouth"
    CHEEK = "cheek"
    JAW = "jaw"
    NECK = "neck"
    EAR = "ear"
    TEMPLE_HAIR = "hair at the temple"
    LONG_HAIR = "hair beside the neck"


FACE_ZONES: Final = (Zone.FOREHEAD, Zone.EYES, Zone.NOSE, Zone.MOUTH, Zone.CHEEK)
"""What a hand in front of it covers."""

MIDDLE_ZONES: Final = (Zone.EYES, Zone.NOSE, Zone.MOUTH, Zone.CHEEK)
"""Where the palm of a hand that covers the face is; on the forehead it wipes the brow."""

TELLING: Final[Mapping[Zone, float]] = {Zone.NECK: 0.7, Zone.LONG_HAIR: 0.4}
"""What a point there tells of a touch, 1 elsewhere: hands gesture before the neck and beside it, so there it takes
three points, and five."""


def rise(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def fall(value: float, low: float, high: float) -> float:
    """1 up to `low`, 0 from `high` on, straight between."""
    return 1.0 - rise(value, low, high)


@dataclass(frozen=True, slots=True)
class Shape:
    """The face's outline and midline in H: its sides at the ears, and where nose, lips and chin lie sideways."""

    low_u: float
    high_u: float
    nose_u: float = 0.0
    lips_u: float = 0.0
    chin_u: float = 0.0


def face_shape(features: Features) -> Shape | None:
    """The shape of the face: from the mesh where it is there, else even; None without a face frame."""
    frame, mesh = features.face, features.body.mesh
    if frame is None:
        return None
    if frame.source is not FaceSource.MESH or mesh is None:
        return Shape(-frame.half_width, frame.half_width)
    u = frame.uv(mesh[[LEFT_EAR, RIGHT_EAR, NOSE_TIP, LIPS, CHIN]])[:, 0]
    nose, lips, chin = (float(value) for value in np.clip(u[2:], -MOST_TURNED, MOST_TURNED))
    return Shape(
        low_u=min(float(u[:2].min()), nose - LEAST_SIDE),
        high_u=max(float(u[:2].max()), nose + LEAST_SIDE),
        nose_u=nose,
        lips_u=lips,
        chin_u=chin,
    )


def _over(values: Values, border: float | Values) -> Values:
    """Share 0-1 to which values lie beyond a border."""
    return np.asarray(np.clip((values - border) / (2 * SOFT) + 0.5, 0.0, 1.0), np.float64)


def _band(values: Values, low: float | Values, high: float | Values) -> Values:
    return _over(values, low) * (1.0 - _over(values, high))


def memberships(uv: Points, shape: Shape) -> dict[Zone, Values]:
    """To which share 0-1 each point (u, v), float32[n, 2] in H, lies in each zone; of a point they sum to 1 at most."""
    u, v = uv[:, 0].astype(np.float64), uv[:, 1].astype(np.float64)
    midline = np.interp(v, (0.0, NOSE_V, LIPS_V, CHIN_V), (0.0, shape.nose_u, shape.lips_u, shape.chin_u))
    # The ears do not move as the midline does: the nearer side of a turned face is wider.
    aside = np.abs(u - midline)
    edge = np.where(u >= midline, shape.high_u - midline, midline - shape.low_u)
    within, jaw = 1.0 - _over(aside, edge), 1.0 - _over(aside, 0.9 * edge)
    beside = _band(aside, edge, edge + 0.15)
    upper, middle = _band(v, -0.12, 0.12), _band(v, 0.12, 0.30)
    lower = _band(v, 0.30, 0.47)
    eyes = np.minimum(1.0 - _over(aside, 0.30), within)
    nose = np.minimum(1.0 - _over(aside, 0.10), within)
    mouth = np.minimum(1.0 - _over(aside, 0.18), within)
    return {
        Zone.TOP: _band(v, -0.85, -0.42) * (1.0 - _over(aside, edge + 0.05)),
        Zone.FOREHEAD: _band(v, -0.42, -0.12) * within,
        Zone.EYES: upper * eyes,
        Zone.NOSE: middle * nose,
        Zone.MOUTH: lower * mouth,
        Zone.CHEEK: upper * (within - eyes) + middle * (within - nose) + lower * (within - mouth),
        # The chin's underside is still the jaw, and hands that hold it from below lie there.
        Zone.JAW: _band(v, 0.47, 0.64) * jaw,
        Zone.NECK: _band(v, 0.64, 1.0) * (1.0 - _over(aside, 0.38)),
        Zone.EAR: _band(v, -0.10, 0.30) * beside,
        Zone.TEMPLE_HAIR: _band(v, -0.42, -0.10) * beside,
        Zone.LONG_HAIR: _band(v, 0.30, 0.90) * np.minimum(beside, _over(aside, 0.38)),
    }


def stretch(points: Points) -> Values:
    """How stretched index, middle, ring and little finger of a hand (float32[21, 2]) are: float64[4], 0-1."""
    tips = np.hypot(*(points[list(FINGERTIPS)] - points[0]).T)
    joints = np.hypot(*(points[list(MIDDLE_JOINTS)] - points[0]).T)
    ratio = tips / np.maximum(joints, 1e-6)
    return np.asarray(np.clip((ratio - FOLDED) / (STRETCHED - FOLDED), 0.0, 1.0), np.float64)


def _weights(points: Points) -> Values:
    """What each of the ten finger points counts, float64[10]: all the same where the fingers are alike."""
    fingers = FOLDED_COUNTS + (1.0 - FOLDED_COUNTS) * stretch(points)
    # The thumb goes along with most of the fingers.
    five = np.concatenate([[np.median(fingers)], fingers]) / fingers.max()
    return np.concatenate([five, five])


def in_lips(uv: Points, shape: Shape) -> int:
    """How many points (u, v) lie on the lips, an ellipse of usual size about their middle."""
    across = (uv[:, 0] - shape.lips_u) / 0.15
    down = (uv[:, 1] - LIPS_V) / 0.08
    return int(np.count_nonzero(across**2 + down**2 < 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """One hand seen from the face: how many finger points lie in each zone, as soft counts of stretched fingers.

    `all_points` float32[21, 2], `fingers` float32[10, 2] and `palm` float32[2] are (u, v) in H. `palm_in_face` is the
    share to which the palm's centre lies on the face below the forehead.
    """

    hand: BoundHand
    shape: Shape
    all_points: Points
    fingers: Points
    palm: Points
    zones: Mapping[Zone, float]
    palm_in_face: float

    def on(self, zones: tuple[Zone, ...]) -> float:
        """Finger points in these zones."""
        return sum(self.zones.get(zone, 0.0) for zone in zones)


def reaches(features: Features) -> dict[Side, Reach]:
    """Every hand seen from the face, by its side; empty without a face frame."""
    frame, shape = features.face, face_shape(features)
    if frame is None or shape is None:
        return {}
    found: dict[Side, Reach] = {}
    for hand in features.hands:
        points = frame.uv(hand.points)
        fingers, palm = points[list(FINGER_POINTS)], points[list(PALM)].mean(axis=0, keepdims=True)
        weights = _weights(hand.points)
        counts = {zone: float(share @ weights) for zone, share in memberships(fingers, shape).items()}
        of_palm = memberships(palm, shape)
        found[hand.side] = Reach(
            hand=hand,
            shape=shape,
            all_points=points,
            fingers=fingers,
            palm=palm[0],
            zones={zone: count for zone, count in counts.items() if count > 0.0},
            palm_in_face=float(sum(of_palm[zone][0] for zone in MIDDLE_ZONES)),
        )
    return found
