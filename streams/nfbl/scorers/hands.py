"""Both hands at each other: rubbing or holding (N22), interlaced (N23), steepled (N24)."""

from __future__ import annotations

from typing import Final

import numpy as np

from buffers.records import Group
from configs.rules import HandsRules, Rules
from streams.nfbl.features.types import BoundHand, Features, Torso
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.scorers.touches import SIDES, Touches
from streams.nfbl.scorers.zones import FINGERTIPS, PALM, fall, rise
from streams.nfbl.signals import Family, Sight, Signal

KNUCKLES: Final = (5, 9, 13, 17)

HAND_H: Final = 0.5
"""Wrist to middle knuckle in H. A hand that points at the camera looks shorter; its fingers are as thick as before."""

JOINED: Final = 0.5
"""Closeness from which hands are at each other, and below which they no longer are: the middle, as in the segmenter."""

MERGED_QUALITY: Final = 0.6
"""Two clasped hands of which only one was found: the rest is what the pose says."""

MERGED_VOTES: Final = (("N22", 1.0), ("N23", 0.8))
"""The fingers are not told apart, so the base rates speak: N22 and N23 are about as frequent (iMiGUE)."""


class HandsScorer:
    """The rules of the two hands."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` tells which hands are at the head."""
        self._rules = rules.hands
        self._touches = touches
        self._joined = False

    def look(self, features: Features) -> Sight:
        """One signal for both hands, where they are at each other and away from the head."""
        reason = _why_blind(features, self._rules)
        if reason is not None:
            return Sight(blind={Group.HANDS: reason})
        close = self._closeness(features)
        if close == 0.0 or not all(self._touches.free(features, side) for side in SIDES):
            self._joined = False
            return Sight()
        left, right = features.hand(Side.LEFT), features.hand(Side.RIGHT)
        if left is not None and right is not None:
            votes, quality = _kinds(features, left, right, self._rules), min(left.score, right.score)
        else:
            votes, quality = MERGED_VOTES, MERGED_QUALITY * max(hand.score for hand in features.hands)
        return Sight(signals=(Signal(Group.HANDS, Family.TOGETHER, Side.BOTH, close, votes, quality),))

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._touches.reset()
        self._joined = False

    def _closeness(self, features: Features) -> float:
        """As `closeness`; hands that were at each other stay so until they have parted for good."""
        close = closeness(features, self._rules)
        if self._joined:
            nearest = _nearest(features)
            if nearest is not None:
                close = max(close, fall(nearest, 0.5 * self._rules.parted, self._rules.parted))
        self._joined = close >= JOINED
        return close


def closeness(features: Features, rules: HandsRules) -> float:
    """How near the two hands are to touching, 0-1; of two clasped hands the engine may find only one."""
    nearest = _nearest(features)
    if nearest is not None:
        return fall(nearest, rules.apart, 2.0 * rules.apart)
    if features.torso is None or not features.hands:
        return 0.0
    return _merged(features.torso, features.hands[0], rules)


def _nearest(features: Features) -> float | None:
    """Least distance between points of the two hands in hand sizes, None where one of them is not found."""
    left, right = features.hand(Side.LEFT), features.hand(Side.RIGHT)
    if left is None or right is None:
        return None
    away = left.points[:, None, :] - right.points[None, :, :]
    return float(np.hypot(away[..., 0], away[..., 1]).min()) / _unit(features, left, right)


def _merged(torso: Torso, hand: BoundHand, rules: HandsRules) -> float:
    """Both wrists seen close to each other, below the shoulders, and the found hand at them."""
    gap = _wrist_gap(torso, rules)
    if gap is None:
        return 0.0
    between = (torso.left.wrist + torso.right.wrist) / 2
    beside = float(np.hypot(*(hand.points.mean(axis=0) - between))) / torso.width_px
    below = float(between[1] - torso.middle[1]) / torso.width_px
    near = fall(gap, rules.wrists_apart, 1.3 * rules.wrists_apart)
    return near * fall(beside, rules.wrists_apart, 1.3 * rules.wrists_apart) * rise(below, 0.1, 0.3)


def _wrist_gap(torso: Torso, rules: HandsRules) -> float | None:
    """Distance of the wrists in SW, None where one of them is not seen."""
    arms = (torso.left, torso.right)
    if any(not arm.wrist_inside or arm.wrist_visible < rules.wrist_visible for arm in arms):
        return None
    return float(np.hypot(*(torso.left.wrist - torso.right.wrist))) / torso.width_px


def _unit(features: Features, left: BoundHand, right: BoundHand) -> float:
    """A hand's size in pixels: the larger of the two, and no less than the face says."""
    sizes = [float(np.hypot(*(hand.points[9] - hand.points[0]))) for hand in (left, right)]
    return max(*sizes, HAND_H * features.face.height_px if features.face else 0.0, 1e-6)


def _kinds(features: Features, left: BoundHand, right: BoundHand, rules: HandsRules) -> tuple[tuple[str, float], ...]:
    unit = _unit(features, left, right)
    tips = [hand.points[list(FINGERTIPS)] for hand in (left, right)]
    meet = float(np.hypot(*(tips[0] - tips[1]).T).mean()) / unit
    palms = [hand.points[list(PALM)].mean(axis=0) for hand in (left, right)]
    steeple = fall(meet, 0.25, 0.5) * rise(float(np.hypot(*(palms[0] - palms[1]))) / unit, 0.6, 1.0)
    between = max(_to_nearest(tips[0], right.points[list(KNUCKLES)]), _to_nearest(tips[1], left.points[list(KNUCKLES)]))
    speeds = [hand.speed for hand in (left, right) if hand.speed is not None]
    still = fall(max(speeds), rules.rubbing, 2.0 * rules.rubbing) if speeds else 0.5
    laced = fall(between / unit, 0.3, 0.6) * still * (1.0 - steeple)
    # Fingers that overlap are guessed by the engine, so the plain class keeps half of its vote.
    return (("N22", 1.0 - 0.5 * max(steeple, laced)), ("N23", 0.3 + 0.3 * laced), ("N24", 0.9 * steeple))


def _to_nearest(points: Points, others: Points) -> float:
    away = points[:, None, :] - others[None, :, :]
    return float(np.hypot(away[..., 0], away[..., 1]).min(axis=1).mean())


def _why_blind(features: Features, rules: HandsRules) -> str | None:
    if features.hands:
        return None
    if features.torso is None:
        return "no body"
    gap = _wrist_gap(features.torso, rules)
    # Hands that were not found but whose wrists are seen far apart are not at each other.
    return None if gap is not None and gap > 2.0 * rules.wrists_apart else "hands out of view"
