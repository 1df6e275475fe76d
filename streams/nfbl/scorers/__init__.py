"""The rules of the classes, one family a file: features of one tick in, how strongly each family shows out.

No rule speaks of a class that landmarks do not show (grade X), and none of N0, N2, N15, N18, N20 and N26: what they
need (hat, back, a standing body, depth) is not in the picture of somebody seated.
"""

from __future__ import annotations

from configs.rules import Rules
from streams.nfbl.scorers.arms import ArmsScorer
from streams.nfbl.scorers.chest import ChestScorer
from streams.nfbl.scorers.hands import HandsScorer
from streams.nfbl.scorers.head import HeadScorer
from streams.nfbl.scorers.illustrative import IllustrativeScorer
from streams.nfbl.scorers.posture import PostureScorer
from streams.nfbl.scorers.touches import Touches
from streams.nfbl.signals import Scorer


def make_scorers(rules: Rules, *, holding_object: bool = False) -> tuple[Scorer, ...]:
    """The scorers of one person, to be asked in this order at every tick.

    `holding_object`: the user says that the person holds a microphone or the like, so a closed hand at mouth, jaw or
    neck is no touch.
    """
    touches = Touches(rules, holding_object=holding_object)
    return (
        HeadScorer(rules, touches),
        ArmsScorer(rules, touches),
        HandsScorer(rules, touches),
        ChestScorer(rules, touches),
        PostureScorer(rules, touches),
        IllustrativeScorer(rules, touches),
    )
