"""The watched person's landmarks in the person's own measures: face heights, shoulder widths, own left and right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from streams.nfbl.landmarks import Body, Points, Side


class FaceSource(StrEnum):
    """What a face frame rests on."""

    MESH = "mesh"
    HELD = "held"
    """The mesh was lost less than a second ago."""
    POSE = "pose"


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrame:
    """Coordinates (u, v) of the face, in face heights H (forehead top to chin: stable when the head turns).

    The origin is between the eyes, `down` (v) points from forehead to chin, `across` (u) to the right in the picture
    of an upright face.

    `origin`, `down` and `across` are float32[2]; the axes are unit vectors in the picture. `half_width` is in H.
    """

    origin: Points
    down: Points
    across: Points
    height_px: float
    half_width: float
    source: FaceSource

    def uv(self, points: Points) -> Points:
        """Points float32[n, 2] in pixels as (u, v), float32[n, 2] in H."""
        away = points - self.origin
        turned = np.stack([away @ self.across, away @ self.down], axis=1) / self.height_px
        return np.asarray(turned, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Shoulder, elbow and wrist, float32[2] each in pixels of the frame, with visibilities 0-1.

    `wrist_inside`, `elbow_inside`: whether the point lies in the picture, not beyond its edge where it is a guess.
    """

    side: Side
    shoulder: Points
    elbow: Points
    wrist: Points
    shoulder_visible: float
    elbow_visible: float
    wrist_visible: float
    elbow_inside: bool
    wrist_inside: bool


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """Trunk and arms. `width_px` is the shoulder width SW, a slow median so that turning does not stretch it.

    `middle` is the point between the shoulders, `nose` the nose, `hips` left and right hip, float32[2] or None where
    a hip is not inside the picture or not visible. `seen_s` is when the body was last looked at (it may be carried
    for a few ticks); `new` that it was in this tick.
    """

    left: Arm
    right: Arm
    middle: Points
    nose: Points
    hips: tuple[Points | None, Points | None]
    width_px: float
    seen_s: float
    new: bool

    def arm(self, side: Side) -> Arm:
        """One arm."""
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True, slots=True, eq=False)
class BoundHand:
    """A hand of the watched person: `points` float32[21, 2] in pixels.

    `size` is the length of the palm (wrist to knuckle) as seen from the front, in H or in SW / 1.6.

    `speed` is that of the hand's middle against the face, in H per second, None in its first tick. `score` 0-1.
    """

    side: Side
    points: Points
    size: float
    speed: float | None
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """One tick of the watched person.

    `body` is what the engine said, whole. `speaking` is the share 0-1 of the last half second with speech, None where
    unknown; `pitch_deg` the head's pitch, up positive, None without a mesh; `mesh_lost_s` how long the mesh has been
    lost (0: it is there).
    """

    t_s: float
    body: Body
    face: FaceFrame | None
    torso: Torso | None
    hands: tuple[BoundHand, ...]
    pitch_deg: float | None
    mesh_lost_s: float
    speaking: float | None

    def hand(self, side: Side) -> BoundHand | None:
        """The hand of that side, if it is seen."""
        return next((hand for hand in self.hands if hand.side is side), None)
