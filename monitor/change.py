"""Says when a model need not be asked again because nothing happened. Pure: it sees evidence and answers.

It never looks at what was said of earlier windows: a mood does not change what there is to see and hear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from buffers.evidence import Cadence, Coverage, Evidence
from buffers.frames import difference

LEAST_SPEECH: Final = 0.05
"""Share of speech in the new seconds from which somebody spoke; below it are coughs, and the detector's mistakes."""

STILL: Final = 0.0025
"""Movement (mean luma difference per second, 0-1) below which nobody moved. Measured with the faces masked: a still
picture with a running clock 0.0012, the calmest of six real people 0.0048, the others 0.008-0.053. The noise of a live
camera in the dark was not measured; where it is above this, every window is asked."""

STILL_FRAMES: Final = 0.002
"""Difference of two frames that follow each other, above which something moved between them: a short movement is
lost in the mean of half a minute. The largest of the still picture is 0.0005, that of the calmest person 0.0046."""

SAME_COVERAGE: Final = 0.05
"""Change of a share of coverage that is none: windows do not end on frames."""

MOST_SKIPS: Final = 3
"""Most windows of one cadence that are left out one after the other: what this rule cannot see, such as a face that is
masked, is asked about again after a minute at most."""

NOTHING_NEW: Final = "nothing new since the window before: no body language, no speech, hardly a movement"
"""Why a window was left out."""


@dataclass(slots=True)
class _Seen:
    """What is known of the windows of one cadence: the last one that was asked, and what was left out since."""

    end_s: float | None = None
    coverage: Coverage | None = None
    skipped: list[int] = field(default_factory=list)


class Unchanged:
    """Remembers which windows were asked and says which need not be."""

    def __init__(self) -> None:
        """Nothing has been asked."""
        self._seen = {cadence: _Seen() for cadence in Cadence}
        self._asked_since_global = False

    def reason(self, evidence: Evidence) -> str | None:
        """Why the window need not be asked, and then it counts as left out; None when it should be.

        Never the first window of a cadence, never more than `MOST_SKIPS` in a row, and a window over the whole
        session only while all local windows since the one before were left out.
        """
        window = evidence.window
        seen = self._seen[window.cadence]
        if seen.end_s is None or seen.coverage is None:
            return None
        skipped = [number for number in seen.skipped if number != window.id]
        if len(skipped) >= MOST_SKIPS or (window.cadence is Cadence.GLOBAL and self._asked_since_global):
            return None
        if not _same(seen.coverage, evidence.coverage) or _happened(evidence, seen.end_s):
            return None
        seen.skipped = [*skipped, window.id]
        return NOTHING_NEW

    def asked(self, evidence: Evidence) -> None:
        """A model is asked about this window."""
        window = evidence.window
        self._seen[window.cadence] = _Seen(window.end_s, evidence.coverage)
        self._asked_since_global = window.cadence is Cadence.LOCAL


def _happened(evidence: Evidence, since_s: float) -> bool:
    return _body_language(evidence, since_s) or _speech(evidence, since_s) or _movement(evidence, since_s)


def _body_language(evidence: Evidence, since_s: float) -> bool:
    return any(event.end_s > since_s and event.start_s < evidence.window.end_s for event in evidence.events)


def _speech(evidence: Evidence, since_s: float) -> bool:
    """Whether there was speech; where sound was kept and nobody measured it, there may have been."""
    new = [part for part in evidence.prosody if part.t_s + part.duration_s > since_s]
    observed_s = sum(part.observed_s for part in new)
    if observed_s <= 0:
        return evidence.coverage.audio > 0
    return sum(part.speech_s for part in new) >= LEAST_SPEECH * observed_s


def _movement(evidence: Evidence, since_s: float) -> bool:
    """Whether something moved; where there was a picture and movement could not be read, something may have."""
    if evidence.movement is None:
        return evidence.coverage.video > 0
    if evidence.movement >= STILL:
        return True
    steps = (difference(*pair) for pair in pairwise(evidence.frames) if pair[1].t_s > since_s)
    return any(step is None or step >= STILL_FRAMES for step in steps)  # None: a cut to another shot, for one


def _same(before: Coverage, now: Coverage) -> bool:
    pairs = ((before.video, now.video), (before.audio, now.audio), (before.nfbl, now.nfbl))
    return all(abs(one - other) <= SAME_COVERAGE for one, other in pairs)
