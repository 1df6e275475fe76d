"""Made bodies: a seated person as the landmark engine would describe one, with the hands wherever a test wants them.

The person faces the camera, not mirrored: the own right lies at the left of the picture. Lengths are shares of the
face's height H, those of limbs of the shoulder width, as measured on poses of real clips (medians; frontal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from buffers.records import Box
from configs.rules import rules
from streams.nfbl.features.build import FeatureBuilder
from streams.nfbl.features.types import Arm, BoundHand, FaceFrame, FaceSource, Features, Torso
from streams.nfbl.landmarks import HAND_POINTS, MESH_POINTS, POSE_POINTS, Body, Hand, Points, Side

WIDTH, HEIGHT = 640, 360
FACE = (320.0, 110.0, 80.0)
"""Where the eyes' middle is, and the face's height, in pixels."""

SHOULDERS_H = 1.6
"""Shoulder width in H."""

UPPER_ARM, FOREARM, TRUNK = 0.9, 0.7, 1.4
"""Lengths in shoulder widths. The pose's shoulders lie inside the body's: by anatomy arms would be a fifth shorter."""

HAND_H = 0.5
"""Wrist to middle knuckle, in H."""

HALF_WIDTH = 0.38
"""Half the face's width at the ears, in H."""

Place = tuple[float, float]

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
         150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_LEFT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
_MIDLINE = {1: 0.24, 2: 0.28, 4: 0.22, 5: 0.18, 6: 0.0, 8: -0.08, 9: -0.13, 94: 0.26, 151: -0.28, 168: -0.02, 195: 0.14,
            197: 0.08, 164: 0.31, 199: 0.52, 200: 0.49, 175: 0.55, 18: 0.45}  # fmt: skip


def _ring(indices: tuple[int, ...], centre: Place, radii: Place, start: float) -> dict[int, Place]:
    steps = (start + 2 * math.pi * place / len(indices) for place in range(len(indices)))
    return {
        index: (centre[0] + radii[0] * math.cos(angle), centre[1] + radii[1] * math.sin(angle))
        for index, angle in zip(indices, steps, strict=True)
    }


def _canonical() -> NDArray[np.float64]:
    """A frontal mesh float64[468, 2] in (u, v): the forehead's top at v = -0.42, the chin at 0.58."""
    points = np.zeros((MESH_POINTS, 2))
    for index in range(MESH_POINTS):
        radius, angle = math.sqrt((index + 0.5) / MESH_POINTS), index * math.pi * (3 - math.sqrt(5))
        points[index] = (0.9 * HALF_WIDTH * radius * math.cos(angle), 0.08 + 0.45 * radius * math.sin(angle))
    rings = (
        _ring(_OVAL, (0.0, 0.08), (HALF_WIDTH, 0.5), -math.pi / 2)
        | _ring(_LIPS, (0.0, 0.37), (0.14, 0.05), math.pi)
        | _ring(_INNER_LIPS, (0.0, 0.37), (0.12, 0.01), math.pi)
        | _ring(_RIGHT_EYE, (-0.17, 0.0), (0.08, 0.03), math.pi)
        | _ring(_LEFT_EYE, (0.17, 0.0), (0.08, 0.03), math.pi)
    )
    for index, place in rings.items():
        points[index] = place
    for index, v in _MIDLINE.items():
        points[index] = (0.0, v)
    return points


_MESH = _canonical()


def made_mesh(face: tuple[float, float, float] = FACE, *, roll_deg: float = 0.0, nod: float = 0.0) -> Points:
    """A face mesh float32[468, 2]. `nod` moves the nose's tip by so many H: up (negative) as when the head rises."""
    points = _MESH.copy()
    points[[1, 2, 4, 5, 94, 195]] += (0.0, nod)
    angle = math.radians(roll_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(points @ turn * face[2] + face[:2], np.float32)


def made_hand(
    place: Place, side: Side, *, size_px: float = HAND_H * FACE[2], pointing: Place = (0.0, -1.0), score: float = 0.95
) -> Hand:
    """A flat hand whose fingertips lie around `place`; `size_px` from wrist to middle knuckle; `pointing` its way."""
    length = math.hypot(*pointing)
    along = np.array(pointing) / length
    # The palm is at the own face, so the camera sees the back: a right thumb lies at the left of fingers that point up.
    thumb_way = -1.0 if side is Side.RIGHT else 1.0
    across = np.array((-along[1], along[0])) * thumb_way
    points = np.zeros((HAND_POINTS, 2))
    for finger in range(5):
        sideways = (0.55, 0.3, 0.1, -0.1, -0.3)[finger]
        reach = (1.1, 1.75, 1.85, 1.75, 1.55)[finger]
        for joint in range(4):
            share = (0.3, 0.55, 0.8, 1.0)[joint] if finger == 0 else (1.0 / reach, 0.72, 0.87, 1.0)[joint]
            points[1 + 4 * finger + joint] = along * reach * share + across * sideways * min(1.0, 0.5 + 0.5 * share)
    points *= size_px
    points += np.array(place) - points[[8, 12, 16, 20]].mean(axis=0)
    return Hand(np.asarray(points, np.float32), side, score)


def _elbow(shoulder: NDArray[np.float64], wrist: NDArray[np.float64], width: float, way: float) -> NDArray[np.float64]:
    """The elbow of an arm in the picture's plane, bent outwards and down; on the line where the arm is too short."""
    upper, fore = UPPER_ARM * width, FOREARM * width
    away = wrist - shoulder
    distance = max(float(np.hypot(*away)), 1e-6)
    along = away / distance
    reach = min(distance, upper + fore)
    share = (upper**2 - fore**2 + reach**2) / (2 * reach)
    out = math.sqrt(max(0.0, upper**2 - share**2))
    normal = np.array((-along[1], along[0]))
    if 0.5 * way * normal[0] + normal[1] < 0:
        normal = -normal
    return np.asarray(shoulder + along * min(share, upper) + normal * out, np.float64)


def made_pose(
    face: tuple[float, float, float] = FACE,
    shoulders: tuple[float, float, float] | None = None,
    *,
    wrists: tuple[Place | None, Place | None] = (None, None),
    elbows: tuple[Place | None, Place | None] = (None, None),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    visible: float = 0.98,
) -> Points:
    """A pose float32[33, 3]: head after `face`, arms to the `wrists` (left, right), hanging where None is given.

    `shoulders` is the middle between them and their distance, in pixels. What lies beyond the picture has
    visibility 0.1, the rest `visible`.
    """
    x, y, height = face
    middle_x, middle_y, width = shoulders or _shoulders(face)
    points = np.zeros((POSE_POINTS, 3))
    # The left of the person is at the right of the picture.
    eye_u = (0.11, 0.17, 0.23)
    head = [(0.0, 0.22), *((u, 0.0) for u in eye_u), *((-u, 0.0) for u in eye_u)]
    head += [(HALF_WIDTH, 0.1), (-HALF_WIDTH, 0.1), (0.12, 0.37), (-0.12, 0.37)]
    points[:11, :2] = np.array(head) * height + (x, y)
    for place, way in enumerate((1.0, -1.0)):
        shoulder = np.array((middle_x + way * width / 2, middle_y))
        given, bent = wrists[place], elbows[place]
        if given is None:
            elbow = shoulder + np.array((0.1 * way, 0.7)) * width
            wrist = elbow + np.array((-0.1 * way, 0.55)) * width
        else:
            wrist = np.array(given)
            elbow = _elbow(shoulder, wrist, width, way)
        if bent is not None:
            elbow = np.array(bent)
        hip = np.array((middle_x + 0.3 * way * width, middle_y + TRUNK * width))
        for index, point in ((11, shoulder), (13, elbow), (15, wrist), (23, hip)):
            points[index + place, :2] = point
        points[[17 + place, 19 + place, 21 + place], :2] = wrist + np.array((0.0, 0.1 * width))
        for step, index in enumerate((25, 27, 29, 31)):
            points[index + place, :2] = hip + np.array((0.0, (step + 1) * 0.5 * width))
    inside = (points[:, 0] >= 0) & (points[:, 0] < size[0]) & (points[:, 1] >= 0) & (points[:, 1] < size[1])
    points[:, 2] = np.where(inside, visible, 0.1)
    return np.asarray(points, np.float32)


def _shoulders(face: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, height = face
    return x, y + 1.1 * height, SHOULDERS_H * height


def made_body(
    t_s: float,
    *,
    face: tuple[float, float, float] = FACE,
    shoulders: tuple[float, float, float] | None = None,
    left_hand: Hand | Place | None = None,
    right_hand: Hand | Place | None = None,
    others: tuple[Hand, ...] = (),
    wrists: tuple[Place | None, Place | None] | None = None,
    elbows: tuple[Place | None, Place | None] = (None, None),
    mesh: bool = True,
    pose: bool = True,
    looked_at: bool = True,
    box: bool = True,
    roll_deg: float = 0.0,
    nod: float = 0.0,
    noise_px: float = 0.0,
    seed: int = 0,
    person: int = 1,
    fresh: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Body:
    """One look at a seated person.

    `face` is the eyes' middle and the face's height in pixels, `shoulders` as in `made_pose`. A hand is given whole
    or by the place of its fingertips; the pose's wrist follows it unless `wrists` says otherwise. `others` are hands
    that the engine found besides. `looked_at` without `pose`: no body was found. `box`: the detector sees the face.
    """
    size_px = HAND_H * face[2]
    left = made_hand(left_hand, Side.LEFT, size_px=size_px) if isinstance(left_hand, tuple) else left_hand
    right = made_hand(right_hand, Side.RIGHT, size_px=size_px) if isinstance(right_hand, tuple) else right_hand
    roots = tuple(
        None if hand is None else (float(hand.points[0, 0]), float(hand.points[0, 1])) for hand in (left, right)
    )
    rng = np.random.default_rng((seed, round(t_s * 1e4)))

    def noisy(points: Points) -> Points:
        away = np.zeros(points.shape)
        away[:, :2] = rng.normal(0.0, noise_px, (len(points), 2))
        return np.asarray(points + away, np.float32)

    x, y, height = face
    return Body(
        t_s=t_s,
        width_px=size[0],
        height_px=size[1],
        person=person,
        face=Box(x - 0.4 * height, y - 0.42 * height, x + 0.4 * height, y + 0.58 * height) if box else None,
        pose=noisy(made_pose(face, shoulders, wrists=wrists or (roots[0], roots[1]), elbows=elbows, size=size))
        if pose and looked_at
        else None,
        looked_at=looked_at,
        hands=tuple(replace(hand, points=noisy(hand.points)) for hand in (left, right, *others) if hand is not None),
        mesh=noisy(made_mesh(face, roll_deg=roll_deg, nod=nod)) if mesh else None,
        mesh_score=0.97 if mesh else 0.05,
        fresh=fresh,
    )


def scaled(body: Body, factor: float) -> Body:
    """The same body in a picture `factor` times as large."""
    pose = body.pose
    if pose is not None:
        pose = np.asarray(pose * (factor, factor, 1.0), np.float32)
    box = body.face
    return replace(
        body,
        width_px=round(body.width_px * factor),
        height_px=round(body.height_px * factor),
        face=box and Box(box.x0 * factor, box.y0 * factor, box.x1 * factor, box.y1 * factor),
        pose=pose,
        hands=tuple(replace(hand, points=hand.points * np.float32(factor)) for hand in body.hands),
        mesh=None if body.mesh is None else body.mesh * np.float32(factor),
    )


def _arm(pose: Points, side: Side, body: Body) -> Arm:
    first = 11 if side is Side.LEFT else 12

    def inside(index: int) -> bool:
        return bool(0 <= pose[index, 0] < body.width_px and 0 <= pose[index, 1] < body.height_px)

    return Arm(
        side=side,
        shoulder=pose[first, :2],
        elbow=pose[first + 2, :2],
        wrist=pose[first + 4, :2],
        shoulder_visible=float(pose[first, 2]),
        elbow_visible=float(pose[first + 2, 2]),
        wrist_visible=float(pose[first + 4, 2]),
        elbow_inside=inside(first + 2),
        wrist_inside=inside(first + 4),
    )


def made_torso(body: Body, *, width_px: float | None = None) -> Torso | None:
    """The trunk and arms straight from the body's pose, whatever their visibility."""
    pose = body.pose
    if pose is None:
        return None
    hips = [pose[index, :2] if pose[index, 2] > 0.5 else None for index in (23, 24)]
    return Torso(
        left=_arm(pose, Side.LEFT, body),
        right=_arm(pose, Side.RIGHT, body),
        middle=np.asarray((pose[11, :2] + pose[12, :2]) / 2, np.float32),
        nose=pose[0, :2],
        hips=(hips[0], hips[1]),
        width_px=width_px or float(np.hypot(*(pose[11, :2] - pose[12, :2]))),
        seen_s=body.t_s,
        new=True,
    )


def made_features(
    body: Body,
    *,
    face: tuple[float, float, float] | None = FACE,
    source: FaceSource = FaceSource.MESH,
    speeds: tuple[float | None, float | None] = (0.0, 0.0),
    pitch_deg: float | None = 0.0,
    mesh_lost_s: float = 0.0,
    speaking: float | None = 0.0,
) -> Features:
    """Features straight from what a body was made of, without the builder. All of its hands count as its own.

    `face` as given to `made_body`, None for no face frame; `speeds` of the left and right hand in H per second.
    """
    height = face[2] if face else None
    torso = made_torso(body)
    unit = height or (torso.width_px / SHOULDERS_H if torso else 1.0)
    frame = face and FaceFrame(
        origin=np.asarray(face[:2], np.float32),
        down=np.asarray((0.0, 1.0), np.float32),
        across=np.asarray((1.0, 0.0), np.float32),
        height_px=face[2],
        half_width=HALF_WIDTH,
        source=source,
    )
    hands = tuple(
        BoundHand(
            side=hand.side,
            points=hand.points,
            size=float(np.hypot(*(hand.points[9] - hand.points[0]))) / unit,
            speed=speeds[0] if hand.side is Side.LEFT else speeds[1],
            score=hand.score,
        )
        for hand in body.hands
    )
    return Features(
        t_s=body.t_s,
        body=body,
        face=frame or None,
        torso=torso,
        hands=hands,
        pitch_deg=pitch_deg,
        mesh_lost_s=mesh_lost_s,
        speaking=speaking,
    )


def built(script: Callable[[float], Body], seconds: float = 2.0, rate_hz: float = 10.0) -> list[Features]:
    """The builder's features of what `script` says for each time, at an even rate."""
    builder = FeatureBuilder(rules())
    return [builder.build(script(place / rate_hz), 0.5) for place in range(round(seconds * rate_hz))]


def sides(features: Features) -> list[Side]:
    return [hand.side for hand in features.hands]
