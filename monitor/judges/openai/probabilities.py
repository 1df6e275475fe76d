"""Where the probability of a label comes from, and how several are put together. Pure numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.judges.base import Label
from monitor.judges.openai.objects import Unusable
from monitor.judges.openai.questions import INSUFFICIENT, QUESTION
from monitor.odds import logistic, logit
from monitor.remote.replies import TokenChoice

LEAST_MASS: Final = 0.05
"""Share of a token's probability that must lie on the two labels: below, the model wanted to say something else and
their ratio is noise."""

MOST_CERTAIN: Final = 1e-6
"""Probabilities are kept this far from 0 and 1 where log-odds are averaged."""

_VALUE: Final = re.compile(rf"[\"']{QUESTION}[\"']\s*:\s*[\"']?")
_BEFORE_A_VALUE: Final = " \t\r\n\"':{\u0120\u2581"  # the last two stand for a space in some tokenisers


@dataclass(frozen=True, slots=True)
class Stated:
    """A label with a confidence (0-10) in the paper's form."""

    label: Label
    confidence: float


def stated_probability(stated: Stated) -> float:
    """Probability of positive as a confidence states it: 0.5 at 0, 0 or 1 at 10."""
    return 0.5 + math.copysign(stated.confidence / 20.0, 1.0 if stated.label is Label.POSITIVE else -1.0)


def paper_form(p_positive: float, stated: Stated | None) -> tuple[Label, float, float] | None:
    """Label, probability and confidence that agree; None where nothing decides between the labels.

    The label follows the probability. The confidence is the stated one where it was stated for this label, else
    20 x |p - 0.5|. At exactly 0.5 the stated label decides, by a millionth.
    """
    p_positive = round(p_positive, 6)
    if p_positive == 0.5:
        if stated is None:
            return None
        p_positive = 0.5 if stated.label is Label.POSITIVE else 0.5 - MOST_CERTAIN
    label = Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE
    agreed = stated is not None and stated.label is label
    confidence = stated.confidence if stated is not None and agreed else 20.0 * abs(p_positive - 0.5)
    return label, p_positive, round(confidence, 2)


def mean_of_log_odds(probabilities: Sequence[float]) -> float:
    """The probability whose log-odds are the mean of theirs: what favours either order of the labels cancels out."""
    inside = [min(max(p, MOST_CERTAIN), 1.0 - MOST_CERTAIN) for p in probabilities]
    return logistic(math.fsum(map(logit, inside)) / len(inside))


def agreement(positive: int, answers: int) -> float:
    """Mean of Beta(1 + k, 1 + n - k): probability of positive after k of n answers said so, from an even prior."""
    return (1.0 + positive) / (2.0 + answers)


def label_probability(tokens: Sequence[TokenChoice]) -> float | None:
    """Probability of positive at the token where the label's value begins, normalised over the two labels.

    A label counts by any token that begins it (`p`, `"pos`, ` positive",`), since their first letters differ. One that
    is not among the rivals that were told is given the most it can have: as much as the least of those told, and no
    more than is left. None where there is no such token or the labels have next to nothing of it.
    """
    at = _value_token(tokens)
    if at is None:
        return None
    told = dict(tokens[at].rivals)
    told.setdefault(tokens[at].token, tokens[at].logprob)
    mass = {Label.POSITIVE: 0.0, Label.NEGATIVE: 0.0}
    for token, logprob in told.items():
        label = _begun(token)
        if label is not None:
            mass[label] += math.exp(logprob)
    if sum(mass.values()) < LEAST_MASS:
        return None
    left = max(0.0, 1.0 - math.fsum(math.exp(logprob) for logprob in told.values()))
    least = math.exp(min(told.values()))
    untold = left if len(told) == 1 else min(left, least)
    positive, negative = (found or untold for found in mass.values())
    return positive / (positive + negative)


def _value_token(tokens: Sequence[TokenChoice]) -> int | None:
    """Index of the token that holds the first letter of the label in the last answer."""
    found = list(_VALUE.finditer("".join(choice.token for choice in tokens)))
    if not found:
        return None
    begin, place = found[-1].end(), 0
    for index, choice in enumerate(tokens):
        place += len(choice.token)
        if place > begin:
            # The value must begin this token, but for quotes and spaces: what goes before would not be the label's.
            return index if _begun(choice.token) is not None else None
    return None


def _begun(token: str) -> Label | None:
    core = token.lstrip(_BEFORE_A_VALUE).rstrip(" \t\r\n\"',}").lower()
    for label in (Label.POSITIVE, Label.NEGATIVE):
        if core and label.value.startswith(core):
            return label
    return None


def decision_probability(answer: Mapping[str, Any]) -> float | None:
    """Probability of positive in an answer of the Decisions API; None where it chose that there is too little.

    Raises:
        Unusable: it is no answer to what was asked, or contradicts itself.
    """
    answers = answer.get("answers")
    first = answers[0] if isinstance(answers, list) and len(answers) == 1 else None
    if not isinstance(first, dict) or first.get("type") != "choice" or first.get("name") not in (None, QUESTION):
        raise Unusable("it holds no answer to the question")
    listed = list(_choices(first.get("probabilities")))
    known = dict(listed)
    wanted = {Label.POSITIVE.value, Label.NEGATIVE.value, INSUFFICIENT}
    if known.keys() != wanted or len(listed) != len(wanted) or math.fsum(known.values()) > 1.01:
        raise Unusable("it does not give every choice one probability")
    choice = first.get("choice")
    if not isinstance(choice, str) or known.get(choice, -1.0) < max(known.values()) - 0.01:
        raise Unusable("its choice is not the likeliest one")
    if choice == INSUFFICIENT:
        return None
    positive, negative = known[Label.POSITIVE.value], known[Label.NEGATIVE.value]
    if positive + negative < LEAST_MASS:
        raise Unusable("its labels have next to no probability")
    return positive / (positive + negative)


def refused_decision(answer: Mapping[str, Any]) -> bool:
    """Whether the model declined to answer."""
    answers = answer.get("answers")
    return isinstance(answers, list) and any(
        isinstance(item, dict) and item.get("type") == "refusal" for item in answers
    )


def _choices(listed: object) -> Iterator[tuple[str, float]]:
    for item in listed if isinstance(listed, list) else []:
        value, share = (item.get("value"), item.get("probability")) if isinstance(item, dict) else (None, None)
        if not isinstance(value, str) or isinstance(share, bool) or not isinstance(share, int | float):
            raise Unusable("its probabilities are no numbers for choices")
        if not 0.0 <= share <= 1.0:
            raise Unusable("a probability is not from 0 to 1")
        yield value, float(share)
