"""Names of the landmarks a skeleton model may ask for, and how one tick's landmarks are put into its order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import HAND_POINTS, MESH_POINTS, POSE_POINTS, Points, Side

POSE_NAMES: Final = (
    "nose",
    *(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer")),
    *(f"{side}_ear" for side in ("left", "right")),
    *(f"mouth_{side}" for side in ("left", "right")),
    *(
        f"{side}_{part}"
        for part in (
            *("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
            *("hip", "knee", "ankle", "heel", "foot_index"),
        )
        for side in ("left", "right")
    ),
)
"""The body's points in BlazePose's order, under MediaPipe's names."""

HAND_NAMES: Final = (
    "wrist",
    *(f"thumb_{part}" for part in ("cmc", "mcp", "ip", "tip")),
    *(f"{finger}_{part}" for finger in ("index", "middle", "ring", "pinky") for part in ("mcp", "pip", "dip", "tip")),
)
"""A hand's points in MediaPipe's order; a joint is `left_hand_` or `right_hand_` and one of these."""

MID_SHOULDERS, MID_HIPS = "mid_shoulders", "mid_hips"
"""Midpoints that other skeletons have as points of their own (OpenPose's neck and middle hip); as sure as the less
sure of the two."""

_HANDS: Final = {Side.LEFT: POSE_POINTS, Side.RIGHT: POSE_POINTS + HAND_POINTS}
_MESH: Final = POSE_POINTS + 2 * HAND_POINTS
_MIDDLES: Final = _MESH + MESH_POINTS
_PAIRS: Final = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))

JOINTS: Final = {
    name: place
    for place, name in enumerate(
        (
            *POSE_NAMES,
            *(f"{side}_hand_{part}" for side in _HANDS for part in HAND_NAMES),
            *(f"mesh_{index}" for index in range(MESH_POINTS)),
            MID_SHOULDERS,
            MID_HIPS,
        )
    )
}
"""Every joint there is, with its place among all."""


def of_hand(joint: str) -> bool:
    """Whether a joint is one of a hand's 21 points: those are there only while the hand is found."""
    return "_hand_" in joint


def of_body(joint: str) -> bool:
    """Whether a joint comes from the pose, which is not looked for in every tick."""
    return not of_hand(joint) and not joint.startswith("mesh_")


def gathered(features: Features, joints: Sequence[str], *, least_score: float) -> tuple[Points, NDArray[np.bool_]]:
    """One tick's joints, float32[J, 3] (x, y in pixels of the frame, score 0-1), and which were seen, bool[J].

    Hands are the watched person's, not all that were found. A joint that was scored below `least_score` is a guess
    and counts as not seen; what is not seen is zero.

    Args:
        features: the tick. Its pose is used in the ticks in which the body was looked at, and accepted as theirs.
        joints: names out of `JOINTS`.
        least_score: visibility of a pose's point, side score of a hand or presence of a mesh from which it is seen.
    """
    everything = np.zeros((len(JOINTS), 3), np.float32)
    body = features.body
    if body.pose is not None and features.torso is not None and features.torso.new:
        everything[:POSE_POINTS] = body.pose
        for place, (left, right) in enumerate(_PAIRS, _MIDDLES):
            pair = body.pose[[JOINTS[left], JOINTS[right]]]
            everything[place] = *pair[:, :2].mean(axis=0), pair[:, 2].min()
    for hand in features.hands:
        if hand.side in _HANDS:
            start = _HANDS[hand.side]
            everything[start : start + HAND_POINTS, :2] = hand.points
            everything[start : start + HAND_POINTS, 2] = hand.score
    if body.mesh is not None:
        everything[_MESH:_MIDDLES, :2] = body.mesh
        everything[_MESH:_MIDDLES, 2] = body.mesh_score
    points = everything[[JOINTS[joint] for joint in joints]]
    score = points[:, 2]
    seen = (score > 0.0) & (score >= least_score) & np.isfinite(points).all(axis=1)
    return np.where(seen[:, None], points, np.float32(0)), seen
