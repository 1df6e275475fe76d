"""Which of the hands in view are the watched person's, which side each is, and how fast it moves against the face."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.rules import PersonRules
from streams.nfbl.features.trunk import FRONTAL_H
from streams.nfbl.features.types import Arm, BoundHand, FaceFrame, FaceSource, Torso
from streams.nfbl.landmarks import Hand, Points, Side

WRIST: Final = 0
INDEX_KNUCKLE: Final = 5
MIDDLE_KNUCKLE: Final = 9
LITTLE_KNUCKLE: Final = 17
PALM: Final = (0, 5, 9, 13, 17)
KNUCKLES: Final = (5, 9, 13, 17)
TIPS: Final = (8, 12, 16, 20)

LENGTH_OF_BREADTH: Final = 1.5
"""Length of a palm in its breadth at the knuckles: 10 cm and 6.5 cm."""

LEAST_SIZE: Final = 0.15
"""Least length or breadth of a palm in H: 0.24 to 0.48 on real clips, half of it where it is seen edge on."""

LARGEST_SIZE: Final = 1.6
"""Largest: a hand held out to the camera looks three times as large as at the face."""

SAME_HAND: Final = 0.3
"""Two detections whose wrists and palms both lie so near, in palm lengths, are one hand: two palms laid together are
still half a palm's breadth apart."""

SAME_WRIST: Final = 0.7
"""So are two with wrists so near where the pose does not see both wrists there: forearms come from two sides."""

SAME_PALM: Final = 0.5
"""And with palms so near: the engine's second guess at one hand (0.6 and 0.4 in a real clip)."""

FOREARM: Final = 0.7
"""Elbow to wrist in SW: medians of 0.5 to 0.78 on real clips."""

ARM: Final = 1.6
"""Shoulder to wrist in SW: upper arm 0.9 and forearm 0.7 on real clips."""

GUESS_SLACK: Final = 0.15
"""Share by which a hand may lie beyond the arm's length: the pose's elbow is as far off."""

LAG_PER_S: Final = 1.0
"""How far a hand gets away from the wrist of a pose so many seconds old, in SW: ordinary gestures."""

UNSEEN_COST: Final = 0.3
"""Where the wrist is not seen a side fits as badly as with a wrist so far away (SW)."""

FAR_COST: Final = 0.4
"""Added where the hand lies at the full reach of the guessed arm, in proportion nearer by (SW): hands stay on their
side of the body more often than not. A sure handedness outweighs it, a doubtful one does not."""

HANDEDNESS_COST: Final = 0.25
"""What a hand costs on the side that the engine takes it not for (SW, at full score): handedness errs where fingers
are bent, a wrist that is clearly nearer decides."""

KEPT_GAIN: Final = 0.15
"""What it gains on the side it had in the tick before (SW): sides must not flicker where all else is equal."""

KEPT_SW: Final = 0.25
"""It is the hand of the tick before where its wrist moved less (SW): three face heights a second are 0.2 in a tick."""

KEPT_REACH: Final = 1.3
"""The hand of the tick before may lie so much farther out: one at the border of reach must not flicker."""

FACE_REACH_H: Final = 3.0
"""Without a trunk: a hand's wrist lies within an arm's length of the face, in H (1.6 SW of 1.6 H, and half a SW)."""

SPEED_S: Final = 0.2
"""Speed is judged against where the hand was so long ago (s): over one tick of 0.1 s the landmarks' noise of 0.05 H
would read as half an H per second."""

SPEED_LONGEST_S: Final = 0.6
"""Over longer gaps there is no speed (s): at two looks a second there still is one."""

ROUNDING_S: Final = 1e-3
"""Containers round times to the millisecond (s)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a hand was, and what its way is measured against."""

    t_s: float
    wrist: Points
    palm: Points
    face: FaceFrame | None
    trunk: Points | None


class HandBinder:
    """Binds hands. Told of every tick in order of time."""

    def __init__(self, rules: PersonRules) -> None:
        """No hand seen yet."""
        self._rules = rules
        self._past: dict[Side, deque[_Place]] = {Side.LEFT: deque(), Side.RIGHT: deque()}

    def reset(self) -> None:
        """Forget: another person."""
        for past in self._past.values():
            past.clear()

    def look(
        self, t_s: float, hands: Sequence[Hand], face: FaceFrame | None, torso: Torso | None
    ) -> tuple[BoundHand, ...]:
        """The watched person's hands, left first; none where neither face nor trunk is known."""
        unit_px = unit_of(face, torso)
        if unit_px is None:
            return ()
        plausible = [hand for hand in hands if LEAST_SIZE <= _extent_px(hand) / unit_px <= LARGEST_SIZE]
        mine = self._assigned(t_s, self._distinct(plausible, torso), face, torso)
        return tuple(
            BoundHand(
                side=side,
                points=hand.points,
                size=_size_px(hand) / unit_px,
                speed=self._speed(side, _place(t_s, hand, face, torso), unit_px),
                score=hand.score,
            )
            for side, hand in mine
        )

    def _distinct(self, hands: Sequence[Hand], torso: Torso | None) -> list[Hand]:
        """The hands without second detections of the same one; the surer detection stays."""
        kept: list[Hand] = []
        for hand in sorted(hands, key=lambda each: -each.score):
            if not np.isfinite(hand.points).all():
                continue
            if any(_near(hand, other, SAME_HAND, SAME_HAND) for other in kept):
                continue
            if any(_near(hand, other, SAME_WRIST, SAME_PALM) and not self._both(hand, torso) for other in kept):
                continue
            kept.append(hand)
        return kept

    def _both(self, hand: Hand, torso: Torso | None) -> bool:
        """Whether the pose sees both wrists where the hand is."""
        if torso is None:
            return False
        reach_px = self._rules.hand_reach * torso.width_px
        arms = (torso.left, torso.right)
        seen = all(arm.wrist_visible >= self._rules.wrist_visible and arm.wrist_inside for arm in arms)
        return seen and all(np.hypot(*(hand.points[WRIST] - arm.wrist)) <= reach_px for arm in arms)

    def _assigned(
        self, t_s: float, hands: Sequence[Hand], face: FaceFrame | None, torso: Torso | None
    ) -> list[tuple[Side, Hand]]:
        """As many hands as have a side to go to, at the least cost; no side twice."""
        places: list[Hand | None] = [*hands, None]
        costs = {side: [self._cost(t_s, side, hand, face, torso) for hand in hands] + [0.0] for side in self._past}
        best, least = (len(hands), len(hands)), (1, 0.0)
        for left, right in itertools.product(range(len(places)), repeat=2):
            if left == right < len(hands):
                continue
            cost = costs[Side.LEFT][left] + costs[Side.RIGHT][right]
            found = (left < len(hands)) + (right < len(hands))
            if math.isfinite(cost) and (-found, cost) < least:
                best, least = (left, right), (-found, cost)
        pairs = ((Side.LEFT, places[best[0]]), (Side.RIGHT, places[best[1]]))
        return [(side, hand) for side, hand in pairs if hand is not None]

    def _cost(self, t_s: float, side: Side, hand: Hand, face: FaceFrame | None, torso: Torso | None) -> float:
        """How badly a hand fits a side, in SW; infinite where it cannot belong to it."""
        wrist = hand.points[WRIST]
        if torso is not None:
            kept = self._kept(t_s, side, wrist, torso.width_px)
            cost = self._arm_cost(torso.arm(side), wrist, torso.width_px, LAG_PER_S * (t_s - torso.seen_s), kept=kept)
        elif face is not None:
            kept = self._kept(t_s, side, wrist, FRONTAL_H * face.height_px)
            reaches = np.hypot(*(wrist - face.origin)) <= FACE_REACH_H * face.height_px * (KEPT_REACH if kept else 1.0)
            cost = UNSEEN_COST if reaches else math.inf
        else:
            return math.inf
        if hand.side is not side:
            cost += HANDEDNESS_COST * max(0.0, 2.0 * hand.score - 1.0)
        return cost - KEPT_GAIN * kept

    def _kept(self, t_s: float, side: Side, wrist: Points, width_px: float) -> bool:
        """Whether a hand of that side was there in the tick before."""
        past = self._past[side]
        if not past or t_s - past[-1].t_s > SPEED_LONGEST_S:
            return False
        return bool(np.hypot(*(wrist - past[-1].wrist)) <= KEPT_SW * width_px)

    def _arm_cost(self, arm: Arm, wrist: Points, width_px: float, lag: float, *, kept: bool) -> float:
        """The same by the arm alone: by its wrist, where that is hidden by how far elbow or shoulder reach."""
        more = KEPT_REACH if kept else 1.0
        if arm.wrist_visible >= self._rules.wrist_visible and arm.wrist_inside:
            away = float(np.hypot(*(wrist - arm.wrist))) / width_px
            return away if away <= self._rules.hand_reach * more + lag else math.inf
        if arm.elbow_visible >= self._rules.wrist_visible and arm.elbow_inside:
            away = float(np.hypot(*(wrist - arm.elbow))) / width_px
            reach = FOREARM
        else:
            away = float(np.hypot(*(wrist - arm.shoulder))) / width_px
            reach = ARM
        reaches = away <= reach * max(more, 1.0 + GUESS_SLACK) + lag
        return UNSEEN_COST + FAR_COST * away / reach if reaches else math.inf

    def _speed(self, side: Side, now: _Place, unit_px: float) -> float | None:
        past = self._past[side]
        while len(past) > 1 and past[1].t_s <= now.t_s - SPEED_S + ROUNDING_S:
            past.popleft()
        then = past[0] if past else None
        past.append(now)
        if then is None or not 0.0 < now.t_s - then.t_s <= SPEED_LONGEST_S:
            return None
        way = (now.palm - then.palm) - _head_way(then, now)
        return float(np.hypot(*way)) / unit_px / (now.t_s - then.t_s)


def unit_of(face: FaceFrame | None, torso: Torso | None) -> float | None:
    """A face height in pixels, from the shoulders where the face is not known, None where both are not."""
    if face is not None:
        return face.height_px
    return None if torso is None else torso.width_px / FRONTAL_H


def _place(t_s: float, hand: Hand, face: FaceFrame | None, torso: Torso | None) -> _Place:
    return _Place(t_s, hand.points[WRIST], _palm(hand), face, None if torso is None else torso.middle)


def _head_way(then: _Place, now: _Place) -> Points:
    """How far the head moved between the two; 0 if unknown.

    Taken from the shoulders where the face frame rests on something else than before: it may have leapt.
    """
    if then.face is not None and now.face is not None:
        by_pose = [place.source is FaceSource.POSE for place in (then.face, now.face)]
        if by_pose[0] == by_pose[1]:
            return now.face.origin - then.face.origin
    if then.trunk is not None and now.trunk is not None:
        return now.trunk - then.trunk
    return np.zeros(2, np.float32)


def _length_px(hand: Hand) -> float:
    return float(np.hypot(*(hand.points[MIDDLE_KNUCKLE] - hand.points[WRIST])))


def _size_px(hand: Hand) -> float:
    """Length of the palm as it would be seen from the front: from its length, its breadth or its longest finger.

    One of them is hardly shortened whichever way the hand points; a palm of 10 cm is 6.5 cm broad at the knuckles and
    its middle finger as long as itself (proportions of an adult hand).
    """
    tips, knuckles = hand.points[list(TIPS)], hand.points[list(KNUCKLES)]
    fingers = np.hypot(*(tips - knuckles).T)
    breadth = float(np.hypot(*(hand.points[LITTLE_KNUCKLE] - hand.points[INDEX_KNUCKLE])))
    return max(_length_px(hand), LENGTH_OF_BREADTH * breadth, float(fingers.max()))


def _extent_px(hand: Hand) -> float:
    """Length or breadth of the palm, whichever is seen longer: fingers that point to the camera shorten it."""
    breadth = float(np.hypot(*(hand.points[LITTLE_KNUCKLE] - hand.points[INDEX_KNUCKLE])))
    return max(_length_px(hand), breadth)


def _near(hand: Hand, other: Hand, wrists: float, palms: float) -> bool:
    """Whether the wrists and the palms of two hands lie within so many palm lengths."""
    unit_px = max(_extent_px(hand), _extent_px(other))
    apart = [_palm(hand) - _palm(other), hand.points[WRIST] - other.points[WRIST]]
    return bool(np.hypot(*apart[0]) <= palms * unit_px and np.hypot(*apart[1]) <= wrists * unit_px)


def _palm(hand: Hand) -> Points:
    return np.asarray(hand.points[list(PALM)].mean(axis=0), np.float32)
