"""What looks like a touch of mouth, jaw or neck and is none: a hand that holds a microphone, a cup or a telephone.

No object is seen by landmarks. What is seen is a closed hand, and where it is: raised free before neck and chest for a
while, or at the mouth while the own lips speak. A closed hand at a silent chin is a thinker's and stays a touch; what
is in doubt loses quality, not activation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.rules import ConfoundRules
from streams.nfbl.features.types import FaceSource, Features
from streams.nfbl.landmarks import Points
from streams.nfbl.scorers.zones import FACE_ZONES, Reach, Zone, memberships, stretch

RAISED_V, RAISED_U = (0.3, 1.8), 0.9
"""Where a palm is raised before face, neck and chest, in H: nobody speaks into what lies on the table."""

AT_CHIN: Final = 3
"""So many of a closed hand's 21 points at the chin or above: it may rest there. One or two are noise."""

LONGEST_STEP_S: Final = 0.3
"""A longer time between two looks counts as this: nobody knows what was between."""

UPPER_LIP, LOWER_LIP = 13, 14
"""Inner edges of the lips in the face mesh."""

LIPS_S: Final = 1.0
"""The time over which lips are seen to speak: about four syllables."""

HELD_NEAR: Final = (Zone.MOUTH, Zone.CHEEK, Zone.JAW, Zone.NECK, Zone.LONG_HAIR)
"""Where a hand that holds something is because of what it holds."""


def grip(points: Points) -> float:
    """How closed a hand is, 0-1: the mean over four fingers of how far the tip is folded back towards the wrist.

    `points` are float32[21, 2] of a hand. A pointing hand is not closed: nothing is held without the index finger.
    """
    folded = 1.0 - stretch(points)
    return float(folded.mean() * min(1.0, 2.0 * float(folded[0])))


class Lips:
    """Whether the watched person's own lips move as in speech: the sound may be another's."""

    def __init__(self, rules: ConfoundRules) -> None:
        """Start with nothing seen."""
        self._rules = rules
        self._gaps: deque[tuple[float, float]] = deque()

    def reset(self) -> None:
        """Forget the lips."""
        self._gaps.clear()

    def speak(self, features: Features) -> bool:
        """Whether they moved within the last second. Lips that cannot be seen do not."""
        frame, mesh = features.face, features.body.mesh
        if frame is not None and frame.source is FaceSource.MESH and mesh is not None:
            gap = float(np.hypot(*(mesh[LOWER_LIP] - mesh[UPPER_LIP]))) / frame.height_px
            self._gaps.append((features.t_s, gap))
        while self._gaps and self._gaps[0][0] < features.t_s - LIPS_S:
            self._gaps.popleft()
        return len(self._gaps) > 2 and float(np.std([gap for _, gap in self._gaps])) > self._rules.lips_move


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is left of a touch: the share of the points at mouth, jaw and neck that count, and of the quality."""

    low_points: float = 1.0
    quality: float = 1.0


class HeldObject:
    """Watches the hands for signs that one holds something, and remembers: who holds a microphone does so for long.

    It is of the person, not of one hand: when one hand passes before the other, the engine may take it for the other.
    """

    def __init__(self, rules: ConfoundRules, *, declared: bool) -> None:
        """`declared`: the user says that the person holds something, so a closed hand does."""
        self._rules = rules
        self._declared = declared
        self._evidence_s = 0.0
        self._seen_s: float | None = None

    def reset(self) -> None:
        """Forget what was held."""
        self._evidence_s, self._seen_s = 0.0, None

    def watch(self, t_s: float, hands: Collection[Reach], *, own_speech: bool) -> None:
        """Take note of the hands of one tick. `own_speech`: the person's own lips speak and are heard."""
        if not hands:
            return
        step_s = 0.0 if self._seen_s is None else t_s - self._seen_s
        self._seen_s = t_s
        if step_s > self._rules.forget_s:
            self._evidence_s = 0.0
        step_s = min(step_s, LONGEST_STEP_S)
        closed = [reach for reach in hands if grip(reach.hand.points) >= self._rules.grip]
        if any(_raised(reach) and (own_speech or _at_chin(reach) < AT_CHIN) for reach in closed):
            # Not without end: the hand must be able to show that it is empty again.
            self._evidence_s = min(2.0 * self._rules.held_s, self._evidence_s + step_s)
        elif not closed:
            self._evidence_s = max(0.0, self._evidence_s - step_s)

    def doubt(self, reach: Reach) -> Doubt:
        """What a touch of this hand is worth."""
        closed = grip(reach.hand.points)
        if closed < self._rules.grip:
            return Doubt()
        if self._declared or self._evidence_s >= self._rules.held_s:
            return Doubt(low_points=0.0, quality=self._rules.doubtful)
        # A neck is touched with open fingers; a fist before it is a gesture or holds something.
        free = _at_chin(reach) < AT_CHIN
        return Doubt(low_points=1.0 - closed if free else 1.0, quality=self._rules.doubtful)


def _raised(reach: Reach) -> bool:
    u, v = (float(value) for value in reach.palm)
    return abs(u) < RAISED_U and RAISED_V[0] < v < RAISED_V[1]


def _at_chin(reach: Reach) -> float:
    """Points of the whole hand at the chin or above it, as a soft count."""
    shares = memberships(reach.all_points, reach.shape)
    return sum(float(shares[zone].sum()) for zone in (*FACE_ZONES, Zone.JAW))
