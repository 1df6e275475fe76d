"""A hand at head, face or neck (N3 to N12, N34): one contact for each hand, its class by where the fingers are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from buffers.records import Group
from configs.rules import HeadRules, Rules
from streams.nfbl.features.types import Features
from streams.nfbl.scorers.touches import Touch, Touches
from streams.nfbl.scorers.zones import FACE_ZONES, TELLING, TIPS, Zone, in_lips, rise, stretch
from streams.nfbl.signals import Family, Sight, Signal

CLASSES: Final[Mapping[Zone, tuple[tuple[str, float], ...]]] = {
    Zone.TOP: (("N3", 1.0),),
    Zone.FOREHEAD: (("N4", 1.0),),
    Zone.EYES: (("N6", 1.0),),
    Zone.NOSE: (("N34", 1.0),),
    Zone.MOUTH: (("N7", 1.0),),
    Zone.CHEEK: (("N7", 1.0),),
    Zone.JAW: (("N10", 1.0),),
    Zone.NECK: (("N11", 1.0),),
    Zone.EAR: (("N8", 1.0),),
    Zone.TEMPLE_HAIR: (("N12", 0.5), ("N3", 0.5)),
    Zone.LONG_HAIR: (("N12", 1.0),),
}
"""What a finger in a zone votes for. The hair at the temple is the side of the head as well."""

COVERING: Final = 2.0
"""What a covered face counts beside the parts that are touched: more than all of them together."""

FINGERS_COVER, FINGERS_FEW, FINGERS_ALL = 0.15, 6.0, 9.0
"""How far fingers without the palm cover a face, when so many to so many of their ten points lie on it."""

RUBBING: Final = (0.2, 0.8)
"""Speed in H per second from which a hand at the eye begins to rub it, and surely does: 1-5 Hz over a tenth of H."""

NAILS: Final = 0.3
"""Share of the mouth's vote for biting nails: landmarks show fingers at the lips, not what the teeth do (grade C)."""

NOSE, LEFT_EAR, RIGHT_EAR = 0, 7, 8
"""Points of the pose."""


class HeadScorer:
    """The rules of touching head, face and neck."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` is asked by others too."""
        self._rules = rules.head
        self._touches = touches

    def look(self, features: Features) -> Sight:
        """One signal for each hand at the head; blind without a face."""
        if features.face is None:
            return Sight(blind={Group.HEAD: _why_no_face(features)})
        touches = self._touches.of(features)
        covers = {side: _on_face(touch) >= self._rules.cover_points for side, touch in touches.items()}
        both = len(covers) > 1 and all(covers.values())
        signals = tuple(
            Signal(
                group=Group.HEAD,
                family=Family.TOUCH,
                side=side,
                activation=touch.activation,
                votes=_votes(touch, 1.0 if both else _cover(touch, self._rules, features.mesh_lost_s)),
                quality=touch.quality,
            )
            for side, touch in touches.items()
        )
        return Sight(signals=signals)

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._touches.reset()


def _why_no_face(features: Features) -> str:
    pose = features.body.pose
    if pose is None:
        return "no face"
    # From behind or in full profile the nose does not lie between the ears.
    ears = sorted((float(pose[LEFT_EAR, 0]), float(pose[RIGHT_EAR, 0])))
    return "no face" if ears[0] <= float(pose[NOSE, 0]) <= ears[1] else "turned away"


def _on_face(touch: Touch) -> float:
    return sum(touch.zones.get(zone, 0.0) for zone in FACE_ZONES)


def _cover(touch: Touch, rules: HeadRules, mesh_lost_s: float) -> float:
    """How far one hand covers the face, 0-1: palm and most fingers on it, and the eyes behind or the mesh lost."""
    points_on = _on_face(touch)
    points = rise(points_on, rules.cover_points - 2, rules.cover_points)
    # A palm at the cheek that holds the head has its fingers on the face too, but the eyes look past it.
    upper = touch.zones.get(Zone.EYES, 0.0) + touch.zones.get(Zone.FOREHEAD, 0.0)
    hidden = 1.0 if mesh_lost_s > 0.0 else rise(upper, 1.0, 3.0)
    # Fingers alone may cover it too, or rub the eyes.
    palm = max(touch.reach.palm_in_face, FINGERS_COVER * rise(points_on, FINGERS_FEW, FINGERS_ALL))
    return palm * points * hidden


def _votes(touch: Touch, cover: float) -> tuple[tuple[str, float], ...]:
    votes: defaultdict[str, float] = defaultdict(float)
    for zone, points in touch.zones.items():
        for class_id, share in CLASSES[zone]:
            votes[class_id] += share * points * TELLING.get(zone, 1.0)
    votes["N6"] *= 1.0 + 0.5 * rise(touch.reach.hand.speed or 0.0, *RUBBING)
    reach = touch.reach
    tips = in_lips(reach.fingers[:TIPS], reach.shape)
    # One or two tips between the lips, the other fingers out of the way.
    if tips in {1, 2} and float(stretch(reach.hand.points).mean()) < 0.5:
        votes["N9"] = NAILS * touch.zones.get(Zone.MOUTH, 0.0)
    votes["N5"] = COVERING * cover * sum(votes.values())
    return tuple((class_id, weight) for class_id, weight in sorted(votes.items()) if weight > 0.0)
