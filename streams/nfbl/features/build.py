"""From bodies to features: the landmarks of one person, tick by tick, in that person's own measures."""

from __future__ import annotations

from configs.rules import Rules
from streams.nfbl.features.face import HeadFollower
from streams.nfbl.features.hands import HandBinder
from streams.nfbl.features.trunk import TorsoFollower
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Body


class FeatureBuilder:
    """Builds features. It remembers a few seconds of the watched person, and nothing of the one before."""

    def __init__(self, rules: Rules) -> None:
        """A builder that has seen nobody."""
        self._trunk = TorsoFollower(rules.person)
        self._head = HeadFollower(rules.face)
        self._hands = HandBinder(rules.person)
        self._last: tuple[float, int] | None = None

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._trunk.reset()
        self._head.reset()
        self._hands.reset()
        self._last = None

    def build(self, body: Body, speaking: float | None) -> Features:
        """The features of one tick, later than every one before; another person or an earlier time is a new beginning.

        `speaking` is the share 0-1 of the last half second with speech, None where unknown. A body that is `fresh`
        but of the same person is not one: only the crop has changed, and coordinates are those of the frame.
        """
        if self._last is not None and (body.t_s <= self._last[0] or body.person != self._last[1]):
            self.reset()
        self._last = (body.t_s, body.person)
        torso = self._trunk.look(body, self._head.frame)
        face = self._head.look(body, torso, self._trunk.pose(body.t_s))
        return Features(
            t_s=body.t_s,
            body=body,
            face=face,
            torso=torso,
            hands=self._hands.look(body.t_s, body.hands, face, torso),
            pitch_deg=self._head.pitch_deg,
            mesh_lost_s=self._head.mesh_lost_s,
            speaking=speaking,
        )
