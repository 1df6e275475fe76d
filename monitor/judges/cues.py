"""The embedded judge: adds up weak cues under hard caps. An uncalibrated heuristic, and it says so.

Body language counts as the evidence allows, and no more: recognised gestures tell win from lose with balanced
accuracy 0.60 at best (iMiGUE), a likelihood ratio of 1.5 or 0.405 logit for a whole interview. Only what exceeds the
person's own rate counts. How something is said and how much a person moves are weaker still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from buffers.evidence import Evidence
from configs.taxonomy import Direction, taxonomy
from monitor.cues import LEAST_SPEECH_S, ClassReading, CueReading, Origin, read_cues
from monitor.describers.base import Description, ModelInfo
from monitor.judges.base import NO_MEMORY, Label, Memory, Verdict
from monitor.odds import logistic

NAME: Final = "cues"

MOST_PER_EVENT: Final = 0.05
"""Most log-odds of one event of score 1."""

MOST_PER_GROUP: Final = 0.2
"""Most log-odds of all events of one body region."""

MOST_NFBL: Final = 0.4
"""Most log-odds of all body language: balanced accuracy 0.60 is a likelihood ratio of 1.5."""

MOST_MANNER: Final = 0.2
"""Most log-odds of speech and movement together: as much as one body region."""

PITCH_WEIGHT: Final = 0.1
"""Log-odds of a pitch variation of twice (or half) the usual, a weak cue. Flat pitch goes with low mood and sadness,
wide pitch with joy but with anger too (Cummins et al. 2015; Juslin and Laukka 2003)."""

SPEECH_WEIGHT: Final = 0.05
"""Log-odds of half of the time more (or less) speech than usual, a very weak cue. More and longer pauses go with low
mood (Mundt et al. 2007); listening to a question looks the same."""

MOVEMENT_WEIGHT: Final = 0.05
"""Log-odds of movement of twice (or half) the usual, a very weak cue. Slowing goes with low mood (Sobin and Sackeim
1997), liveliness with joy and with anger (Wallbott 1998); a moving camera looks the same."""

SPEECH_SCALE: Final = 0.5
"""Difference of the speech share that counts in full."""

LEAST_TOLD: Final = 0.0005
"""A cue of smaller log-odds is as usual: it would print as 0.000. When all are, the judge abstains; cues that
disagree still make a verdict, near 0.5 and of little confidence."""

SIGNS: Final = {Direction.POSITIVE: 1.0, Direction.NEGATIVE: -1.0, Direction.NONE: 0.0}
"""Sign of the log-odds by the direction a class points in."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one cue adds to the log-odds of positive."""

    cue: str
    logit: float


class CuesJudge:
    """Judges a window from its cues alone; the description is only asked whether there was anything to describe."""

    def __init__(self) -> None:
        """Nothing to load."""
        self._info = ModelInfo(
            name=NAME,
            heuristic=True,
            calibrated=False,
            notice="uncalibrated heuristic: weak cues against this person's own usual, p within 0.35-0.65",
            deterministic=True,
            # Its log-odds are what the literature allows already, and a session's worth of body language is MOST_NFBL.
            temper=1.0,
            cap_logit=MOST_NFBL,
        )

    @property
    def info(self) -> ModelInfo:
        """What this judge is."""
        return self._info

    async def start(self) -> tuple[str, ...]:
        """Nothing to load."""
        return ()

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        """Judge one window; abstains on thin evidence, without a comparison, and when everything is as usual."""
        del memory  # it reads the evidence's own baseline
        reading = read_cues(evidence)
        if reading.blank:
            nothing = "no speech, no body-language feed and no movement reading"
            since = "" if reading.reference.origin is Origin.BEFORE else f" after {_reference(reading)}"
            return self._abstain(description, nothing + since)
        if description.insufficient:
            return self._abstain(description, "the description says that the evidence shows too little")
        contributions = weigh(reading)
        if contributions is None:
            return self._abstain(description, "no baseline of this person yet: nothing to compare this window with")
        told = [item for item in contributions if abs(item.logit) >= LEAST_TOLD]
        logit = math.fsum(item.logit for item in contributions)
        p_positive = round(logistic(logit), 6)
        if not told or p_positive == 0.5:
            return self._abstain(description, "cues are at this person's own usual, or cancel each other out")
        return Verdict(
            label=Label.POSITIVE if p_positive > 0.5 else Label.NEGATIVE,
            p_positive=p_positive,
            confidence=confidence(p_positive),
            judge=NAME,
            describer=description.describer,
            calibrated=False,
            rationale=_rationale(reading, told),
        )

    async def close(self) -> None:
        """Nothing to release."""

    def _abstain(self, description: Description, why: str) -> Verdict:
        return Verdict.abstain(self._info, description.describer, why)


def weigh(reading: CueReading) -> tuple[Contribution, ...] | None:
    """The log-odds of positive by cue, all caps applied; None when nothing could be compared."""
    trust = reading.reference.trust
    manner = _scaled(
        [
            Contribution(cue, weight * trust * max(-1.0, min(1.0, change)))
            for cue, weight, change in (
                ("pitch variation", PITCH_WEIGHT, reading.pitch_spread.doublings),
                ("speech share", SPEECH_WEIGHT, _share_change(reading)),
                ("movement", MOVEMENT_WEIGHT, reading.movement.doublings),
            )
            if change is not None
        ],
        MOST_MANNER,
    )
    unknown = reading.groups is None or any(group.usual_events is None for group in reading.groups)
    if unknown and not manner:
        return None
    groups = [
        Contribution(
            f"{group.group.value} reports", _capped(math.fsum(_weight(item) for item in group.classes), MOST_PER_GROUP)
        )
        for group in reading.groups or ()
    ]
    nfbl = _scaled([Contribution(item.cue, item.logit * trust) for item in groups], MOST_NFBL)
    return (*nfbl, *manner)


def confidence(p_positive: float) -> float:
    """The paper's 0-10 score: 0 at probability 0.5, 10 at 0 and 1, linear between, two decimals."""
    return round(20.0 * abs(p_positive - 0.5), 2)


def _weight(item: ClassReading) -> float:
    """Log-odds of one class: its events above the usual, each at most 0.05 x score x what its literature allows."""
    return bearing(item.class_id) * MOST_PER_EVENT * item.score * item.excess


def bearing(class_id: str) -> float:
    """Signed share -1..1 that events of a class may count; 0 for classes without a known bearing on valence."""
    known = taxonomy().find(class_id)
    return 0.0 if known is None else SIGNS[known.cue.direction] * known.cue.strength.weight


def _share_change(reading: CueReading) -> float | None:
    # Who says nothing at all is listening.
    difference = reading.speech.difference if reading.speech_s >= LEAST_SPEECH_S else None
    return None if difference is None else difference / SPEECH_SCALE


def _scaled(items: list[Contribution], most: float) -> list[Contribution]:
    """The items, shrunk in proportion when their sum exceeds `most` in size."""
    total = abs(math.fsum(item.logit for item in items))
    return items if total <= most else [Contribution(item.cue, item.logit * most / total) for item in items]


def _capped(logit: float, most: float) -> float:
    return max(-most, min(most, logit))


def _rationale(reading: CueReading, told: Sequence[Contribution]) -> str:
    cues = ", ".join(f"{item.cue} {item.logit:+.3f}" for item in told)
    return f"uncalibrated heuristic, against {_reference(reading)}: log-odds {cues}"


def _reference(reading: CueReading) -> str:
    origin = "the session before" if reading.reference.origin is Origin.BEFORE else "the window's own beginning"
    return f"{reading.reference.observed_s:.0f} s of {origin}"
