"""Folded arms (N16), a hand on the other arm (N21) and hands on the hips (N29), by the pose and by the hands."""

from __future__ import annotations

from typing import Final

import numpy as np

from buffers.records import Group
from configs.rules import ArmsRules, Rules
from streams.nfbl.features.types import Arm, Features, Torso
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.scorers.hands import closeness
from streams.nfbl.scorers.touches import SIDES, Touches
from streams.nfbl.scorers.zones import FINGER_POINTS, fall, rise
from streams.nfbl.signals import Family, Sight, Signal

UPPER_ARM_FROM: Final = 0.2
"""Share of the upper arm beyond which a hand is on the arm and not on the shoulder."""

FOREARM_TO: Final = 0.7
"""Share of the forearm up to which a hand is on it; beyond, it is at the other hand."""

ON_ARM_QUALITY: Final = 0.6
"""Landmarks do not show whether a hand lies on an arm or before it (grade C)."""


class ArmsScorer:
    """The rules of the arms."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` tells which hands are at the head."""
        self._rules = rules
        self._touches = touches

    def look(self, features: Features) -> Sight:
        """Folded arms hide what else the arms might do."""
        torso, rules = features.torso, self._rules.arms
        reason = _why_blind(torso, rules)
        if torso is None or reason is not None:
            return Sight(blind={Group.ARMS: reason or "no body"})
        fold = folded(torso, rules)
        if fold >= 0.5:
            quality = min(min(arm.elbow_visible, arm.wrist_visible) for arm in (torso.left, torso.right))
            return Sight(signals=(Signal(Group.ARMS, Family.FOLD, Side.BOTH, fold, (("N16", 1.0),), quality),))
        return Sight(signals=tuple(signal for side in SIDES for signal in self._one(features, torso, side)))

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._touches.reset()

    def _one(self, features: Features, torso: Torso, side: Side) -> list[Signal]:
        other = Side.RIGHT if side is Side.LEFT else Side.LEFT
        on_arm, akimbo = self._on_arm(features, torso, side, other), _akimbo(torso, side, self._rules.arms)
        found = []
        if on_arm > 0.0:
            votes = (("N16", 0.3), ("N21", 1.0))
            quality = ON_ARM_QUALITY * torso.arm(other).elbow_visible
            found.append(Signal(Group.ARMS, Family.ARM, side, on_arm, votes, quality))
        if akimbo > 0.0:
            arm = torso.arm(side)
            quality = min(arm.elbow_visible, arm.wrist_visible)
            found.append(Signal(Group.ARMS, Family.AKIMBO, side, akimbo, (("N29", 1.0),), quality))
        return found

    def _on_arm(self, features: Features, torso: Torso, side: Side, other: Side) -> float:
        hand, arm, rules = features.hand(side), torso.arm(other), self._rules.arms
        if hand is None or not arm.elbow_inside or arm.elbow_visible < rules.visible:
            return 0.0
        if not self._touches.free(features, side) or closeness(features, self._rules.hands) > 0.0:
            return 0.0
        fingers = hand.points[list(FINGER_POINTS)]
        upper = arm.shoulder + UPPER_ARM_FROM * (arm.elbow - arm.shoulder)
        away = to_line(fingers, upper, arm.elbow)
        if arm.wrist_inside and arm.wrist_visible >= rules.visible:
            lower = arm.elbow + FOREARM_TO * (arm.wrist - arm.elbow)
            away = np.minimum(away, to_line(fingers, arm.elbow, lower))
        points = int(np.count_nonzero(away < rules.arm * torso.width_px))
        still = 0.5 if hand.speed is None else fall(hand.speed, rules.still, 2.0 * rules.still)
        return still * rise(points, rules.arm_points - 2, rules.arm_points)


def to_line(points: Points, start: Points, end: Points) -> Points:
    """Distance of points float32[n, 2] from the line between two points, in pixels, float32[n]."""
    along = end - start
    share = np.clip((points - start) @ along / max(float(along @ along), 1e-6), 0.0, 1.0)
    away = points - (start + share[:, None] * along)
    return np.asarray(np.hypot(away[:, 0], away[:, 1]), np.float32)


def folded(torso: Torso, rules: ArmsRules) -> float:
    """How far both arms are folded, 0-1: each wrist near the other elbow, and the wrists past each other."""
    arms = (torso.left, torso.right)
    if any(min(arm.shoulder_visible, arm.elbow_visible) < rules.visible or not arm.elbow_inside for arm in arms):
        return 0.0
    # The arm below hides its wrist under the other one, so the pose is less sure of it.
    if any(arm.wrist_visible < rules.hidden_wrist or not arm.wrist_inside for arm in arms):
        return 0.0
    across = torso.left.shoulder - torso.right.shoulder
    shown = float(np.hypot(*across))
    # From the side everything lies near everything.
    facing = rise(shown / torso.width_px, 0.5, 0.7)
    reach = max(_gap(torso.left.wrist, torso.right.elbow, torso), _gap(torso.right.wrist, torso.left.elbow, torso))
    past = float((torso.right.wrist - torso.left.wrist) @ across) / max(shown, 1e-6) / torso.width_px
    return facing * fall(reach, rules.fold - 0.1, rules.fold + 0.1) * rise(past, 0.0, 2.0 * rules.past)


def _akimbo(torso: Torso, side: Side, rules: ArmsRules) -> float:
    """How far a hand is on the hip, 0-1. A hip out of the picture is a guess and holds no hand."""
    arm, hip = torso.arm(side), torso.hips[0 if side is Side.LEFT else 1]
    if hip is None or not (arm.elbow_inside and arm.wrist_inside):
        return 0.0
    if min(arm.shoulder_visible, arm.elbow_visible, arm.wrist_visible) < rules.visible:
        return 0.0
    outward = (arm.shoulder - torso.middle) / max(float(np.hypot(*(arm.shoulder - torso.middle))), 1e-6)
    out = float((arm.elbow - arm.shoulder) @ outward) / torso.width_px
    # A trunk is longer than the shoulders are wide; hips seen nearer are those of somebody who sits, guessed.
    trunk = _gap(hip, torso.middle, torso)
    near = fall(_gap(arm.wrist, hip, torso), rules.akimbo - 0.1, rules.akimbo + 0.1)
    length = _gap(arm.elbow, arm.shoulder, torso) + _gap(arm.wrist, arm.elbow, torso)
    near *= fall(_gap(arm.wrist, arm.shoulder, torso) / max(length, 1e-6), rules.bent - 0.05, rules.bent + 0.05)
    return near * rise(out, rules.elbow_out - 0.1, rules.elbow_out + 0.1) * rise(trunk, rules.trunk - 0.2, rules.trunk)


def _gap(one: Points, other: Points, torso: Torso) -> float:
    return float(np.hypot(*(one - other))) / torso.width_px


def _why_blind(torso: Torso | None, rules: ArmsRules) -> str | None:
    if torso is None:
        return "no body"
    arms: tuple[Arm, Arm] = (torso.left, torso.right)
    if any(not arm.elbow_inside or arm.elbow_visible < rules.visible for arm in arms):
        return "elbows out of view"
    if all(not arm.wrist_inside or arm.wrist_visible < rules.hidden_wrist for arm in arms):
        return "wrists out of view"
    return None
