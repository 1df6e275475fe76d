"""Puts several opinions on one question together: both orders of the labels, or answers drawn at random."""

from __future__ import annotations

import math
from collections.abc import Sequence

from monitor.judges.base import Label
from monitor.judges.openai.asking import Opinion, Turn
from monitor.judges.openai.probabilities import Stated, agreement, mean_of_log_odds
from monitor.judges.openai.questions import MOST_EVIDENCE


def both_orders(first: Opinion, second: Opinion, turn: Turn) -> Opinion:
    """The mean of their log-odds; where only one could be read, that one, and the verdict says so.

    A model that refuses or sees too little in either order has said so: that stands.
    """
    pair = (first, second)
    for opinion in pair:
        if opinion.p_positive is None and not opinion.unread:
            return opinion
    told = [opinion for opinion in pair if opinion.p_positive is not None]
    if len(told) < 2:
        turn.flag("only one order of the labels gave an answer, not averaged")
        return told[0] if told else first
    p_positive = mean_of_log_odds([opinion.p_positive for opinion in told if opinion.p_positive is not None])
    turn.flag("mean of both orders of the labels")
    return Opinion(second.method, p_positive, _common(pair), _evidence(pair))


def agreed(opinions: Sequence[Opinion], turn: Turn) -> Opinion:
    """Self-consistency: how many of the answers that name a label name each; nothing where fewer than half do.

    The confidence is the mean of what was stated for the label that won; a tie names none.
    """
    told = [opinion for opinion in opinions if opinion.stated is not None]
    if 2 * len(told) < len(opinions):
        why = f"only {len(told)} of {len(opinions)} answers name a label"
        return Opinion(opinions[0].method, None, why=why)
    positive = [opinion for opinion in told if opinion.stated and opinion.stated.label is Label.POSITIVE]
    turn.flag(f"{len(positive)} of {len(told)} answers positive, {len(opinions)} asked for")
    negative = [opinion for opinion in told if opinion not in positive]
    winners = positive if len(positive) > len(negative) else negative
    stated = None if len(positive) == len(negative) else _common(winners)
    return Opinion(told[0].method, agreement(len(positive), len(told)), stated, _evidence(winners))


def _common(opinions: Sequence[Opinion]) -> Stated | None:
    """The label that all of them state with the mean of their confidences; None where they differ."""
    stated = [opinion.stated for opinion in opinions if opinion.stated is not None]
    if len(stated) < len(opinions) or len({item.label for item in stated}) != 1:
        return None
    return Stated(stated[0].label, math.fsum(item.confidence for item in stated) / len(stated))


def _evidence(opinions: Sequence[Opinion]) -> tuple[str, ...]:
    """What they name, each thing once, as many as one answer may name."""
    return tuple(dict.fromkeys(item for opinion in opinions for item in opinion.evidence))[:MOST_EVIDENCE]
