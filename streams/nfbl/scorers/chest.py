"""A hand at the throat's notch (N14), collar or tie (N13) or the clothes there (N17).

A picture does not tell a hand on the chest from one before it, so it must rest there, open, and apart from the other.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from buffers.records import Group
from configs.rules import HandsRules, Rules
from streams.nfbl.features.types import BoundHand, Features
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.scorers.arms import folded
from streams.nfbl.scorers.confounds import grip
from streams.nfbl.scorers.hands import closeness
from streams.nfbl.scorers.touches import SIDES, TRUST, Touches
from streams.nfbl.scorers.zones import FINGER_POINTS, PALM, SOFT, rise
from streams.nfbl.signals import Family, Sight, Signal

NOTCH_V, NOTCH_U = (1.0, 1.4), 0.28
"""Where the throat's notch and the collar lie, in H from between the eyes."""

ON_CHEST_QUALITY: Final = 0.5
"""Landmarks do not show whether a hand is on the chest or before it."""


class ChestScorer:
    """The rules of the hands at the chest."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` tells which hands are at the head."""
        self._rules = rules
        self._touches = touches
        self._ways: dict[Side, deque[tuple[float, Points]]] = {side: deque() for side in SIDES}

    def look(self, features: Features) -> Sight:
        """One signal for each hand that rests at the notch or collar. What is blind the hands' scorer tells."""
        if features.face is None:
            self._forget()
            return Sight()
        rests = {side: self._rests(features, side) for side in SIDES}
        if closeness(features, self._rules.hands) > 0.0:
            return Sight()
        if features.torso is not None and folded(features.torso, self._rules.arms) > 0.0:
            return Sight()
        there = {side: _at_notch(features, side) for side in SIDES}
        both = all(points >= 2.0 for points in there.values())
        found = []
        for side, points in there.items():
            hand = features.hand(side)
            if hand is None or not rests[side] or not self._touches.free(features, side):
                continue
            activation = self._activation(hand, points, self._rules.hands)
            if activation > 0.0:
                votes = (("N13", 0.8 if both else 0.2), ("N14", 0.5 if both else 1.0), ("N17", 0.2))
                quality = ON_CHEST_QUALITY * hand.score * TRUST[features.face.source]
                found.append(Signal(Group.HANDS, Family.CHEST, side, activation, votes, quality))
        return Sight(signals=tuple(found))

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._forget()
        self._touches.reset()

    def _forget(self) -> None:
        for way in self._ways.values():
            way.clear()

    def _activation(self, hand: BoundHand, points: float, rules: HandsRules) -> float:
        # A closed hand before the chest holds something, a microphone more often than a tie.
        open_hand = 1.0 if grip(hand.points) < self._rules.confounds.grip else 0.0
        return open_hand * rise(points, rules.chest_points - 2, rules.chest_points)

    def _rests(self, features: Features, side: Side) -> bool:
        """Whether the hand has stayed where it is for a while, in the face's coordinates."""
        hand, frame, way = features.hand(side), features.face, self._ways[side]
        rules = self._rules.hands
        if hand is None or frame is None:
            way.clear()
            return False
        way.append((features.t_s, frame.uv(hand.points[list(PALM)].mean(axis=0, keepdims=True))[0]))
        while len(way) > 2 and way[1][0] <= features.t_s - rules.rest_s:
            way.popleft()
        places = np.array([place for _, place in way])
        extent = float(np.hypot(*(places.max(axis=0) - places.min(axis=0))))
        return features.t_s - way[0][0] >= rules.rest_s and extent <= rules.rest_travel


def _at_notch(features: Features, side: Side) -> float:
    """Finger points about the notch, as a soft count."""
    hand, frame = features.hand(side), features.face
    if hand is None or frame is None:
        return 0.0
    uv = frame.uv(hand.points[list(FINGER_POINTS)])
    low, high = NOTCH_V
    inside = np.minimum(np.minimum(uv[:, 1] - low, high - uv[:, 1]), NOTCH_U - np.abs(uv[:, 0]))
    return float(np.clip(inside / (2 * SOFT) + 0.5, 0.0, 1.0).sum())
