"""Whether a hand touches head, face or neck now: asked by several scorers, answered once for each tick."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.rules import HeadRules, Rules
from streams.nfbl.features.types import FaceSource, Features
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.scorers.confounds import HELD_NEAR, HeldObject, Lips
from streams.nfbl.scorers.speech import HEARD
from streams.nfbl.scorers.zones import TELLING, Reach, Zone, fall, reaches, rise

SIDES: Final = (Side.LEFT, Side.RIGHT)

AT_LEAST: Final = 0.6
"""Activation at the fewest points that make a touch: above the middle, so that they open an episode."""

UNKNOWN_SPEED: Final = 0.5
"""Factor for a hand that has just appeared: half of them are on their way."""

TRUST: Final[Mapping[FaceSource, float]] = {FaceSource.MESH: 1.0, FaceSource.HELD: 0.8, FaceSource.POSE: 0.6}
"""Quality by what the face's coordinates rest on: a held frame is a guess, the pose's is coarse."""


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """One hand at the head. `activation` and `quality` are 0-1; `zones` are the soft counts of points that count."""

    reach: Reach
    zones: Mapping[Zone, float]
    activation: float
    quality: float


class Touches:
    """Weighs the hands of each tick against the face. Remembers their ways and what they hold."""

    def __init__(self, rules: Rules, *, holding_object: bool) -> None:
        """`holding_object`: the user says that the person holds a microphone or the like."""
        self._rules = rules.head
        self._lips = Lips(rules.confounds)
        self._held = HeldObject(rules.confounds, declared=holding_object)
        self._believed_s: dict[Side, float] = {}
        self._ways: dict[Side, deque[tuple[float, Points]]] = {side: deque() for side in SIDES}
        self._last: tuple[Features, Mapping[Side, Touch]] | None = None

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._last = None
        self._lips.reset()
        self._held.reset()
        self._believed_s.clear()
        for way in self._ways.values():
            way.clear()

    def of(self, features: Features) -> Mapping[Side, Touch]:
        """Every hand at the head, by side. Asked again of the same features, it answers the same."""
        if self._last is None or self._last[0] is not features:
            self._last = (features, self._weighed(features))
        return self._last[1]

    def free(self, features: Features, side: Side) -> bool:
        """Whether that hand is not at the head."""
        touch = self.of(features).get(side)
        return touch is None or touch.activation < 0.5

    def _weighed(self, features: Features) -> Mapping[Side, Touch]:
        heard = features.speaking is None or features.speaking >= HEARD
        own_speech = self._lips.speak(features) and heard
        found: dict[Side, Touch] = {}
        hands = reaches(features)
        self._held.watch(features.t_s, hands.values(), own_speech=own_speech)
        for side, reach in hands.items():
            doubt = self._held.doubt(reach)
            speed = self._speed(features.t_s, side, reach)
            zones = {
                zone: points * (doubt.low_points if zone in HELD_NEAR else 1.0) for zone, points in reach.zones.items()
            }
            activation = self._activation(reach, zones, speed) if self._believed(features.t_s, side, reach) else 0.0
            if activation > 0.0 and features.face is not None:
                quality = TRUST[features.face.source] * reach.hand.score * doubt.quality
                found[side] = Touch(reach, zones, activation, quality)
        return found

    def _activation(self, reach: Reach, zones: Mapping[Zone, float], speed: float | None) -> float:
        rules, hand = self._rules, reach.hand
        points = sum(count * TELLING.get(zone, 1.0) for zone, count in zones.items())
        size = rise(hand.size, rules.hand_smallest, rules.hand_small) * fall(
            hand.size, rules.hand_near, rules.hand_largest
        )
        still = UNKNOWN_SPEED if speed is None else fall(speed, rules.speed_touch, rules.speed)
        return enough(points, rules) * size * still

    def _believed(self, t_s: float, side: Side, reach: Reach) -> bool:
        """Whether that is a hand: it is surely one, or was a moment ago."""
        if reach.hand.score >= self._rules.handedness:
            self._believed_s[side] = t_s
        return t_s - self._believed_s.get(side, -math.inf) <= self._rules.believed_s

    def _speed(self, t_s: float, side: Side, reach: Reach) -> float | None:
        """Speed in H per second, or the net speed where that is less: a hand that rubs goes back and forth."""
        way = self._ways[side]
        if way and t_s - way[-1][0] > self._rules.net_s:
            way.clear()
        way.append((t_s, reach.palm))
        while len(way) > 2 and t_s - way[1][0] >= self._rules.net_s:
            way.popleft()
        speed, passed_s = reach.hand.speed, t_s - way[0][0]
        if speed is None or passed_s < self._rules.net_s:
            return speed
        return min(speed, float(np.hypot(*(reach.palm - way[0][1]))) / passed_s)


def enough(points: float, rules: HeadRules) -> float:
    """Activation 0-1 of so many finger points (soft count) at the head."""
    if points < rules.points:
        return AT_LEAST * rise(points, 0.0, rules.points)
    return AT_LEAST + (1.0 - AT_LEAST) * rise(points, rules.points, rules.full_points)
