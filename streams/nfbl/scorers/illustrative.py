"""Hands that move freely while somebody speaks (N31): they illustrate, and are no body language in the narrow sense."""

from __future__ import annotations

from buffers.records import Group
from configs.rules import Rules
from streams.nfbl.features.types import Features
from streams.nfbl.scorers.hands import closeness
from streams.nfbl.scorers.speech import UNHEARD_QUALITY, Speech
from streams.nfbl.scorers.touches import SIDES, Touches
from streams.nfbl.scorers.zones import rise
from streams.nfbl.signals import Family, Sight, Signal


class IllustrativeScorer:
    """The rule of the gestures."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` tells which hands are at the head."""
        self._rules = rules
        self._touches = touches
        self._speech = Speech(rules.illustrative.after_speech_s)

    def look(self, features: Features) -> Sight:
        """One signal for each hand that is free and moves, unless it is known that nobody speaks."""
        heard = self._speech.hear(features)
        if heard is False or closeness(features, self._rules.hands) >= 0.5:
            return Sight()
        speed = self._rules.illustrative.speed
        found = []
        for side in SIDES:
            hand = features.hand(side)
            if hand is None or hand.speed is None or not self._touches.free(features, side):
                continue
            moves = rise(hand.speed, 0.7 * speed, 1.3 * speed)
            if moves > 0.0:
                quality = hand.score * (UNHEARD_QUALITY if heard is None else 1.0)
                found.append(Signal(Group.ILLUSTRATIVE, Family.ILLUSTRATIVE, side, moves, (("N31", 1.0),), quality))
        return Sight(signals=tuple(found))

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._speech.reset()
        self._touches.reset()
