"""Made looks for the tests of the rules: features in, what the scorers say out; and hands that are not open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from buffers.records import Group
from configs.rules import rules
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Hand, Side
from streams.nfbl.scorers import make_scorers
from streams.nfbl.signals import Family, Scorer, Sight, Signal
from tests.made_body import FACE, Place, made_body, made_features, made_hand


def at(u: float, v: float, face: tuple[float, float, float] = FACE) -> Place:
    """The pixel of a place in the face's coordinates."""
    return face[0] + u * face[2], face[1] + v * face[2]


def closed(hand: Hand, *, but: Sequence[int] = ()) -> Hand:
    """The hand with its fingers folded back to the palm; `but` (1 index to 4 little finger) stay stretched."""
    points = hand.points.astype(np.float64)
    wrist = points[0].copy()
    for finger in {1, 2, 3, 4} - set(but):
        knuckle = points[1 + 4 * finger] - wrist
        for joint, share in enumerate((1.2, 1.0, 0.8), start=2):
            points[joint + 4 * finger] = wrist + share * knuckle
    return replace(hand, points=np.asarray(points, np.float32))


def moved(hand: Hand, tips: Place) -> Hand:
    """The hand with the mean of its four fingertips elsewhere."""
    away = np.array(tips) - hand.points[[8, 12, 16, 20]].mean(axis=0)
    return replace(hand, points=np.asarray(hand.points + away, np.float32))


def fist(tips: Place, side: Side, *, size_px: float = 0.5 * FACE[2], pointing: Place = (0.0, -1.0)) -> Hand:
    """A closed hand whose folded fingertips lie around a place."""
    return moved(closed(made_hand(tips, side, size_px=size_px, pointing=pointing)), tips)


def scorers(*, holding_object: bool = False) -> tuple[Scorer, ...]:
    """Fresh scorers with the thresholds of the product."""
    return make_scorers(rules(), holding_object=holding_object)


def looks(ticks: Iterable[Features], *, holding_object: bool = False) -> list[list[Sight]]:
    """What fresh scorers say to each tick."""
    asked = scorers(holding_object=holding_object)
    return [[scorer.look(features) for scorer in asked] for features in ticks]


def signals(ticks: Iterable[Features], family: Family, *, holding_object: bool = False) -> list[Signal | None]:
    """The strongest signal of a family at each tick."""
    found: list[Signal | None] = []
    for sights in looks(ticks, holding_object=holding_object):
        of_family = [signal for sight in sights for signal in sight.signals if signal.family is family]
        found.append(max(of_family, key=lambda signal: signal.activation, default=None))
    return found


def last(ticks: Iterable[Features], family: Family, *, holding_object: bool = False) -> Signal | None:
    """The strongest signal of a family at the last tick."""
    return signals(ticks, family, holding_object=holding_object)[-1]


def strength(signal: Signal | None) -> float:
    """Its activation, 0 without a signal."""
    return signal.activation if signal else 0.0


def top(signal: Signal | None) -> str:
    """The class with most votes."""
    assert signal is not None
    return max(signal.votes, key=lambda vote: vote[1])[0]


def share(signal: Signal | None, class_id: str) -> float:
    """A class's share of the votes."""
    assert signal is not None
    votes = dict(signal.votes)
    return votes.get(class_id, 0.0) / sum(votes.values())


def blind(features: Features) -> dict[Group, str]:
    """The groups that no scorer can judge, after one tick."""
    return {group: reason for sight in looks([features])[0] for group, reason in sight.blind.items()}


def held(
    *,
    right: Hand | Place | None = None,
    left: Hand | Place | None = None,
    seconds: float = 1.0,
    speaking: float | None = 0.0,
    speed: float | None = 0.0,
    start_s: float = 0.0,
) -> list[Features]:
    """A seated person who keeps the hands where they are, at 10 Hz."""
    ticks = []
    for number in range(round(10 * seconds)):
        body = made_body(start_s + number / 10, right_hand=right, left_hand=left)
        ticks.append(made_features(body, speeds=(speed, speed), speaking=speaking))
    return ticks
