"""What is asked: each video by modality and length, parts drawn by seeds, and what a modality leaves of the evidence.

Pure: equal names and seeds give equal parts on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from buffers.evidence import Baseline, Cadence, Coverage, Evidence, Window
from buffers.horizon import GLOBAL_BASELINE_S
from buffers.records import Track

WHOLE: Final = 100
"""The length, in percent, that has no parts."""

LEAST_LENGTH: Final = 5
"""The shortest part, in percent: `monitor.harvest.LEAST_SHARE`."""


class Modality(StrEnum):
    """What a describer and a judge are given."""

    V = "v"
    """The frames alone."""
    VA = "va"
    """Frames and sound, with how things were said."""
    VAN = "van"
    """Frames, sound and reported body language: EALD-MLLM's own."""


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a recording: `length` in percent, and the seed that places it (None for the whole)."""

    length: int
    seed: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One question: is this part of this video, shown in this modality, positive?"""

    video: str
    modality: Modality
    part: Part


def parts_of(lengths: Sequence[int], seeds: int) -> tuple[Part, ...]:
    """The parts of each video: every length below 100 % once for each of the seeds 1, 2, ...; the whole once."""
    return tuple(
        Part(length, seed)
        for length in lengths
        for seed in ((None,) if length == WHOLE else tuple(range(1, seeds + 1)))
    )


def trials_of(video: str, modalities: Sequence[Modality], parts: Sequence[Part]) -> Iterator[Trial]:
    """All questions about one video."""
    for modality in modalities:
        for part in parts:
            yield Trial(video, modality, part)


@dataclass(frozen=True, slots=True)
class Spans:
    """The windows of the `parts` of the video of that `name`, once its length is known; can be sent to a process."""

    name: str
    parts: tuple[Part, ...]

    def __call__(self, length_s: float) -> list[Window]:
        """One window for each part, numbered from 1, over [start_s, end_s) of media time.

        A part's start is drawn uniformly from where the part fits. One draw serves all lengths of a seed, so a longer
        part holds the shorter one: what differs between lengths is how much is shown, not also where.
        """
        return [
            Window(number, *self._span(part, length_s), Cadence.GLOBAL) for number, part in enumerate(self.parts, 1)
        ]

    def _span(self, part: Part, length_s: float) -> tuple[float, float]:
        if part.seed is None:
            return 0.0, length_s
        part_s = length_s * part.length / WHOLE
        where = random.Random(f"{part.seed}/{self.name}").random()  # noqa: S311 - to be repeated, not to be secret
        start_s = where * (length_s - part_s)
        return start_s, start_s + part_s


def shown_as(evidence: Evidence, modality: Modality) -> Evidence:
    """The evidence as if nothing else of the recording existed.

    Without body language nothing says either that none was seen: its coverage is 0, as where no feed watches.
    """
    if modality is Modality.VAN:
        return evidence
    heard = modality is Modality.VA
    return replace(
        evidence,
        clips=evidence.clips if heard else (),
        events=(),
        counts=(),
        prosody=evidence.prosody if heard else (),
        gaps=tuple(gap for gap in evidence.gaps if heard or gap.track is Track.VIDEO),
        coverage=Coverage(evidence.coverage.video, evidence.coverage.audio if heard else 0.0, 0.0),
        baseline=_baseline(evidence, heard=heard),
        av_offset_s=evidence.av_offset_s if heard else None,
    )


def _baseline(evidence: Evidence, *, heard: bool) -> Baseline:
    before = evidence.baseline
    if before.observed_s <= 0:
        return Baseline(0.0, (), None, None, None, 0.0)
    # What was observed is told of the feed where there was one. Of the media it is known for the whole part only.
    share = max(evidence.coverage.video, evidence.coverage.audio if heard else 0.0)
    return Baseline(
        observed_s=share * GLOBAL_BASELINE_S,
        nfbl=(),
        speech_share=before.speech_share if heard else None,
        pitch_spread_st=before.pitch_spread_st if heard else None,
        movement=before.movement,
        watched_s=0.0,
    )
