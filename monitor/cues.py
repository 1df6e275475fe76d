"""Reads the evidence of one window against what is usual for this person: pure numbers, no words, no judgement.

Nothing here is compared with a population. The usual is what the session showed before the window, or else the
window's own beginning; which of the two, and how long it is, decides how much a difference may count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from buffers.evidence import Baseline, Cadence, Evidence, NfblCount, ProsodyBin, StoredFrame
from buffers.frames import difference
from buffers.records import Group, MaskState, NfblEvent
from configs.taxonomy import taxonomy

FULL_REFERENCE_S: Final = 60.0
"""A reference of this length counts in full: NFBL rates are to be read against the person's own first 60-90 s,
because persons differ more than occasions (ICC over subjects 0.3-0.5 in iMiGUE)."""

LONGEST_BEGINNING_S: Final = 90.0
"""The most of a window that serves as its own reference (the same 60-90 s)."""

ABSOLUTE_S: Final = 180.0
"""Below three minutes of reference no rate per minute is read, only more or less than usual: at iMiGUE's median
of 1 head touch a minute three minutes hold three."""

LEAST_BEFORE_S: Final = 10.0
"""Less than this before the window is no reference; the window's own beginning then is longer."""

LEAST_SPEECH_S: Final = 1.0
"""Less speech than this says nothing of how it is spoken: a second holds three to five syllables."""


class Origin(StrEnum):
    """Where the reference comes from."""

    BEFORE = "before"
    """The session before the window."""
    BEGINNING = "beginning"
    """The window's own first part."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the window is compared with, and how long it was observed."""

    origin: Origin
    observed_s: float

    @property
    def trust(self) -> float:
        """Share 0-1 of its weight that a difference from this reference keeps.

        A short stretch before the window counts as a weak cue (0.5), the window's own first seconds as a very
        weak one (0.25): they are as much part of the episode as what is compared with them.
        """
        if self.observed_s >= FULL_REFERENCE_S:
            return 1.0
        return 0.5 if self.origin is Origin.BEFORE else 0.25

    @property
    def absolute(self) -> bool:
        """Whether the reference is long enough for rates per minute."""
        return self.observed_s >= ABSOLUTE_S


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity now and as usual for this person; None where it could not be observed."""

    now: float | None
    usual: float | None

    @property
    def difference(self) -> float | None:
        """Now minus usual."""
        return None if self.now is None or self.usual is None else self.now - self.usual

    @property
    def doublings(self) -> float | None:
        """log2(now / usual): 1 is twice the usual, -1 half of it; None unless both are above 0."""
        if self.now is None or self.usual is None or min(self.now, self.usual) <= 0:
            return None
        return math.log2(self.now / self.usual)


@dataclass(frozen=True, slots=True)
class ClassReading:
    """Reports of one NFBL class: how many, how many would be usual in the same time, and their mean score 0-1.

    `usual_events` is None when nobody watched for body language in the time of reference.
    """

    class_id: str
    name: str
    group: Group
    events: int
    usual_events: float | None
    score: float

    @property
    def excess(self) -> float:
        """Events above the usual number, never below 0: only more than one's own rate is a cue."""
        return 0.0 if self.usual_events is None else max(0.0, self.events - self.usual_events)


@dataclass(frozen=True, slots=True)
class GroupReading:
    """Reports of one body region; `classes` by number of events, most first.

    `watched_s` are the seconds, in the part that is read, for which the region could be seen.
    """

    group: Group
    classes: tuple[ClassReading, ...]
    watched_s: float

    @property
    def events(self) -> int:
        """Events of all classes."""
        return sum(item.events for item in self.classes)

    @property
    def usual_events(self) -> float | None:
        """Events of these classes that would be usual in the same time, None where unknown."""
        known = [item.usual_events for item in self.classes if item.usual_events is not None]
        return math.fsum(known) if len(known) == len(self.classes) else None


@dataclass(frozen=True, slots=True)
class CueReading:
    """Everything read from one window.

    Attributes:
        reference: what the window is compared with.
        heard_s: seconds of sound in the part that is read; `speech_s` of them are speech.
        speech: share 0-1 of the heard time that is speech.
        pitch_spread: how much the pitch varies (semitones).
        pitch_st: pitch level against the speaker's running baseline (semitones), None without speech.
        loudness_trend_db: level of the window's second half minus its first (dB), None without speech in both.
        movement: mean luma difference per second outside the masks (0-1 scale), None where nobody is in view.
        nobody: whether frames were kept and in none of them a face had to be masked.
        watched_s: seconds in the part that is read for which an NFBL feed was attached and not blind.
        groups: NFBL reports by body region, None where no feed watched (which is not the same as calm).
        seen: share 0-1 of the window in which something was seen; `heard` and `watched` likewise.
        watched_groups: the same for each group of body language; empty where not told.
    """

    reference: Reference
    heard_s: float
    speech_s: float
    speech: Measure
    pitch_spread: Measure
    pitch_st: float | None
    loudness_trend_db: float | None
    movement: Measure
    nobody: bool
    watched_s: float
    groups: tuple[GroupReading, ...] | None
    seen: float
    heard: float
    watched: float
    watched_groups: tuple[tuple[Group, float], ...]

    @property
    def blank(self) -> bool:
        """Whether there is nothing to go by: no speech, no body-language feed and no movement reading."""
        return self.speech_s < LEAST_SPEECH_S and self.groups is None and self.movement.now is None


def read_cues(evidence: Evidence) -> CueReading:
    """Read one window against what is usual for this person."""
    window = evidence.window
    if evidence.baseline.observed_s >= LEAST_BEFORE_S:
        return _against_session(evidence)
    beginning_s = min(window.length_s / 2, LONGEST_BEGINNING_S)
    return _against_beginning(evidence, window.start_s + beginning_s)


def _against_session(evidence: Evidence) -> CueReading:
    baseline = evidence.baseline
    # Of a window over the whole session the horizon gives the session's own first 90 s.
    whole = evidence.window.cadence is Cadence.GLOBAL
    now = _Voice.of(evidence.prosody)
    watched_s = evidence.coverage.nfbl * evidence.window.length_s
    return _reading(
        evidence,
        Reference(Origin.BEGINNING if whole else Origin.BEFORE, baseline.observed_s),
        now,
        speech=Measure(now.share, baseline.speech_share),
        pitch_spread=Measure(now.pitch_spread_st, baseline.pitch_spread_st),
        movement=Measure(evidence.movement, baseline.movement),
        watched_s=watched_s,
        groups=_groups(evidence, evidence.counts, _Usual.of(baseline), evidence.window.length_s),
    )


def _against_beginning(evidence: Evidence, split_s: float) -> CueReading:
    window = evidence.window
    beginning_s, rest_s = split_s - window.start_s, window.end_s - split_s
    before = _Voice.of(item for item in evidence.prosody if _middle_s(item) < split_s)
    now = _Voice.of(item for item in evidence.prosody if _middle_s(item) >= split_s)
    # What began before the window belongs to what was before it, as in the counts.
    first = _counted(event for event in evidence.events if window.start_s <= event.start_s < split_s)
    later = _counted(event for event in evidence.events if event.start_s >= split_s)
    watched = {group: share * beginning_s for group, share in evidence.coverage.nfbl_groups}
    usual = _Usual(first, evidence.coverage.nfbl * beginning_s, watched, beginning_s)
    return _reading(
        evidence,
        Reference(Origin.BEGINNING, beginning_s),
        now,
        speech=Measure(now.share, before.share),
        pitch_spread=Measure(now.pitch_spread_st, before.pitch_spread_st),
        movement=Measure(
            movement([frame for frame in evidence.frames if frame.t_s >= split_s]),
            movement([frame for frame in evidence.frames if frame.t_s < split_s]),
        ),
        watched_s=evidence.coverage.nfbl * rest_s,
        groups=_groups(evidence, later, usual, rest_s),
    )


def movement(frames: Sequence[StoredFrame]) -> float | None:
    """Mean luma difference per second (0-1 scale) outside the masks, as `Evidence.movement`; None without a pair."""
    pairs = [(difference(one, other), other.t_s - one.t_s) for one, other in pairwise(frames)]
    known = [(found, seconds) for found, seconds in pairs if found is not None]
    total_s = math.fsum(seconds for _, seconds in known)
    return math.fsum(found for found, _ in known) / total_s if total_s > 0 else None


@dataclass(frozen=True, slots=True)
class _Usual:
    """What was reported in the time of reference, `observed_s` long, and for how long each region was watched."""

    counts: tuple[NfblCount, ...]
    watched_s: float
    watched_groups_s: dict[Group, float]
    observed_s: float

    @classmethod
    def of(cls, baseline: Baseline) -> _Usual:
        # Where nobody says how long was watched, only reports show that somebody did.
        untold = baseline.observed_s if baseline.nfbl else 0.0
        watched_s = untold if baseline.watched_s is None else baseline.watched_s
        return cls(baseline.nfbl, watched_s, dict(baseline.watched_groups), baseline.observed_s)

    def events(self, now: NfblCount, watched_s: float) -> float | None:
        """Events of that class that would be usual in so many seconds of watching.

        None where its region was not watched enough: an empty list is not the same as a calm person.
        """
        reference_s = self.watched_groups_s.get(now.group, self.watched_s)
        # Who could be seen for less than a minute, and for less than half of the time, shows no rate of their own.
        least_s = min(FULL_REFERENCE_S, self.observed_s / 2) if now.group in self.watched_groups_s else 0.0
        if min(reference_s, watched_s) <= 0.0 or reference_s < least_s:
            return None
        before = math.fsum(count.events for count in self.counts if count.class_id == now.class_id)
        return before * watched_s / reference_s


@dataclass(frozen=True, slots=True)
class _Voice:
    """Prosody of some bins: sums of time, means weighted by speech."""

    heard_s: float
    speech_s: float
    pitch_spread_st: float | None
    pitch_st: float | None
    loudness_db: float | None

    @classmethod
    def of(cls, bins: Iterable[ProsodyBin]) -> _Voice:
        held = tuple(bins)
        return cls(
            math.fsum(item.observed_s for item in held),
            math.fsum(item.speech_s for item in held),
            _pooled_spread_st(held),
            _mean([(item.pitch_st, item.speech_s) for item in held]),
            _mean([(item.intensity_db, item.speech_s) for item in held]),
        )

    @property
    def share(self) -> float | None:
        return min(1.0, self.speech_s / self.heard_s) if self.heard_s > 0 else None


def _reading(
    evidence: Evidence,
    reference: Reference,
    now: _Voice,
    *,
    speech: Measure,
    pitch_spread: Measure,
    movement: Measure,
    watched_s: float,
    groups: tuple[GroupReading, ...],
) -> CueReading:
    enough = now.speech_s >= LEAST_SPEECH_S
    nobody = bool(evidence.frames) and all(frame.state is MaskState.CLEAR for frame in evidence.frames)
    return CueReading(
        reference=reference,
        heard_s=now.heard_s,
        speech_s=now.speech_s,
        speech=speech,
        pitch_spread=pitch_spread if enough else Measure(None, pitch_spread.usual),
        pitch_st=now.pitch_st if enough else None,
        loudness_trend_db=_loudness_trend_db(evidence),
        movement=Measure(None, movement.usual) if nobody else movement,
        nobody=nobody,
        watched_s=watched_s,
        groups=groups if watched_s > 0 else None,
        seen=evidence.coverage.video,
        heard=evidence.coverage.audio,
        watched=evidence.coverage.nfbl,
        watched_groups=evidence.coverage.nfbl_groups,
    )


def _loudness_trend_db(evidence: Evidence) -> float | None:
    middle_s = (evidence.window.start_s + evidence.window.end_s) / 2
    first = _Voice.of(item for item in evidence.prosody if _middle_s(item) < middle_s)
    second = _Voice.of(item for item in evidence.prosody if _middle_s(item) >= middle_s)
    return Measure(second.loudness_db, first.loudness_db).difference


def _counted(events: Iterable[NfblEvent]) -> tuple[NfblCount, ...]:
    same: dict[str, list[NfblEvent]] = {}
    for event in events:
        same.setdefault(event.class_id, []).append(event)
    return tuple(
        NfblCount(
            class_id,
            held[0].group,
            len(held),
            math.fsum(event.duration_s for event in held),
            math.fsum(event.score for event in held),
        )
        for class_id, held in same.items()
    )


def _groups(
    evidence: Evidence, counts: Iterable[NfblCount], usual: _Usual, length_s: float
) -> tuple[GroupReading, ...]:
    """Readings of the classes that were reported now, in the fixed order of `Group`, then by number and id.

    Of the `length_s` seconds that are read, each region counts for the share in which it could be seen.
    """
    # The feed's own name where it told one, else the taxonomy's, else the id.
    names = {known.id: known.name for known in taxonomy().classes}
    names |= {event.class_id: event.name for event in evidence.events}
    shares = dict(evidence.coverage.nfbl_groups)
    held = sorted((count for count in counts if count.events), key=lambda count: (-count.events, count.class_id))
    readings: list[GroupReading] = []
    for group in Group:
        watched_s = shares.get(group, evidence.coverage.nfbl) * length_s
        classes = tuple(
            ClassReading(
                count.class_id,
                names.get(count.class_id, count.class_id),
                group,
                count.events,
                usual.events(count, watched_s),
                count.score_sum / count.events,
            )
            for count in held
            if count.group is group
        )
        if classes:
            readings.append(GroupReading(group, classes, watched_s))
    return tuple(readings)


def _pooled_spread_st(bins: Sequence[ProsodyBin]) -> float | None:
    """Standard deviation over all bins together from each bin's own mean and spread, as the baseline has it."""
    voiced = [(item.pitch_st, item.pitch_spread_st or 0.0, item.speech_s) for item in bins if item.pitch_st is not None]
    mean = _mean([(pitch, weight) for pitch, _, weight in voiced])
    if mean is None or all(item.pitch_spread_st is None for item in bins):
        return None
    # Deviations, not squares of the pitch itself: no difference of large numbers, so never below 0.
    variance = _mean([(spread**2 + (pitch - mean) ** 2, weight) for pitch, spread, weight in voiced])
    return None if variance is None else math.sqrt(variance)


def _mean(weighted: Iterable[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None and weight > 0]
    if not known:
        return None
    return math.fsum(value * weight for value, weight in known) / math.fsum(weight for _, weight in known)


def _middle_s(item: ProsodyBin) -> float:
    return item.t_s + item.duration_s / 2
