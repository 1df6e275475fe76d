"""What is compared, and which report belongs to which label. Pure; the measure is nfbl segments' overlap (IoU).

Matching is greedy and one to one: of all pairs that may be one event the closest is taken first, then the closest of
what is left, as benchmarks of temporal action detection do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from buffers.records import Group
from monitor.evaluate.labels import Label, group_of
from monitor.records import Mode

LEFT_OUT: Final = frozenset({"N1", "N25", "N28", "N31", "N32", "N33"})
"""Classes that rules on landmarks cannot see (the face's own N1 and N28, objects N25) or that are no body language."""

FACE_ONLY: Final = frozenset({"N1", "N28"})
"""No hand takes part in them: they explain no report."""

JOIN_S: Final = 0.4
"""At group level what is closer than this is one: the segmenter's own merge gap."""

EXCUSED_SHARE: Final = 0.5
"""A report is excused where left-out labels cover at least so much of it."""

Span = tuple[float, float]


class Level(StrEnum):
    """How much must be right for a report to be the labelled event."""

    EXACT = "exact"
    """The labelled class."""
    ALTERNATIVES = "alternatives"
    """The labelled class or one that the rater accepts as well."""
    GROUP = "group"
    """The body region; neighbours of one region count as one."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One reported event; `opened_s` is the media time at which it was first told."""

    id: str
    class_id: str
    group: Group
    start_s: float
    end_s: float
    score: float
    opened_s: float


@dataclass(frozen=True, slots=True)
class Blind:
    """A span in which a group could not be watched."""

    group: Group
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording with what was labelled and what was reported; `negative`: known to show nothing."""

    name: str
    length_s: float
    mode: Mode
    negative: bool
    labels: tuple[Label, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    blind: tuple[Blind, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """What is matched: `keys` are what it may be called, `members` the places of the labels or reports in it."""

    start_s: float
    end_s: float
    group: Group
    keys: frozenset[str]
    members: tuple[int, ...]


Closeness = Callable[[Segment, Segment], float | None]
"""How well a report fits a label, None where it does not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The matching of one clip: pairs of places in `labels` and `predictions`; the excused count neither way."""

    labels: tuple[Segment, ...]
    predictions: tuple[Segment, ...]
    pairs: tuple[tuple[int, int], ...]
    excused: frozenset[int]

    @property
    def found(self) -> int:
        """Labels that were reported."""
        return len(self.pairs)

    @property
    def missed(self) -> int:
        """Labels that were not."""
        return len(self.labels) - len(self.pairs)

    @property
    def false(self) -> int:
        """Reports of nothing."""
        return len(self.predictions) - len(self.pairs) - len(self.excused)


def accepted(label: Label, level: Level, left_out: frozenset[str]) -> tuple[str, ...]:
    """The classes that are right for a label, the labelled one first; none where the label is left out.

    A label whose class is left out counts by its alternatives, except where the class must be exact.
    """
    classes = (label.class_id,) if level is Level.EXACT else (label.class_id, *label.alternatives)
    return tuple(class_id for class_id in classes if class_id not in left_out)


def match(
    clip: Clip, level: Level, closeness: Closeness, *, left_out: frozenset[str] = LEFT_OUT, excuse: bool = True
) -> Outcome:
    """Match the reports of a clip to its labels at a level."""
    labels, predictions = label_segments(clip, level, left_out), prediction_segments(clip, level, left_out)
    pairs = greedy(labels, predictions, closeness)
    taken = {place for _, place in pairs}
    excuses = excusing(clip, level, left_out) if excuse else {}
    excused = frozenset(
        place
        for place, segment in enumerate(predictions)
        if place not in taken and _covered(segment, excuses.get(segment.group, ()))
    )
    return Outcome(labels, predictions, pairs, excused)


def by_overlap(least: float) -> Closeness:
    """Close by intersection over union, from `least` on."""

    def closeness(label: Segment, prediction: Segment) -> float | None:
        found = iou((label.start_s, label.end_s), (prediction.start_s, prediction.end_s))
        return found if found >= least else None

    return closeness


def by_onset(tolerance_s: float) -> Closeness:
    """Close where both begin within `tolerance_s` of each other."""

    def closeness(label: Segment, prediction: Segment) -> float | None:
        # Times are decimals: 1.5 - 1.0 must be 0.5 whatever floats make of it.
        apart_s = round(abs(label.start_s - prediction.start_s), 6)
        return -apart_s if apart_s <= tolerance_s else None

    return closeness


def iou(one: Span, other: Span) -> float:
    """Length of what two spans share over the length of what they cover together, 0 where that is nothing."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    if shared <= 0:
        return 0.0
    return shared / (max(one[1], other[1]) - min(one[0], other[0]))


def greedy(
    labels: Sequence[Segment], predictions: Sequence[Segment], closeness: Closeness
) -> tuple[tuple[int, int], ...]:
    """Pairs of places, closest first; of equals the earlier. Nothing is in two pairs."""
    candidates: list[tuple[float, int, int]] = []
    for i, label in enumerate(labels):
        for j, prediction in enumerate(predictions):
            if label.keys & prediction.keys:
                close = closeness(label, prediction)
                if close is not None:
                    candidates.append((-close, i, j))
    pairs: list[tuple[int, int]] = []
    labels_left, predictions_left = set(range(len(labels))), set(range(len(predictions)))
    for _, i, j in sorted(candidates):
        if i in labels_left and j in predictions_left:
            labels_left.remove(i)
            predictions_left.remove(j)
            pairs.append((i, j))
    return tuple(pairs)


def label_segments(clip: Clip, level: Level, left_out: frozenset[str]) -> tuple[Segment, ...]:
    """The labels that count at a level, in order of time."""
    segments = []
    for place, label in enumerate(clip.labels):
        classes = accepted(label, level, left_out)
        if classes:
            group = group_of(classes[0])
            keys = frozenset({str(group)} if level is Level.GROUP else classes)
            segments.append(Segment(label.start_s, label.end_s, group, keys, (place,)))
    return _ordered(segments, level)


def prediction_segments(clip: Clip, level: Level, left_out: frozenset[str]) -> tuple[Segment, ...]:
    """The reports that count at a level, in order of time."""
    segments = []
    for place, seen in enumerate(clip.predictions):
        if seen.class_id not in left_out:
            keys = frozenset({str(seen.group) if level is Level.GROUP else seen.class_id})
            segments.append(Segment(seen.start_s, seen.end_s, seen.group, keys, (place,)))
    return _ordered(segments, level)


def excusing(clip: Clip, level: Level, left_out: frozenset[str]) -> dict[Group, list[Span]]:
    """Where something that is left out went on, by group: what is reported of that group there is no false alarm."""
    found: dict[Group, list[Span]] = {}
    for label in clip.labels:
        if label.class_id not in FACE_ONLY and not accepted(label, level, left_out):
            found.setdefault(group_of(label.class_id), []).append((label.start_s, label.end_s))
    return {group: union(spans) for group, spans in found.items()}


def union(spans: Iterable[Span]) -> list[Span]:
    """The spans in order of time, those that touch as one."""
    joined: list[Span] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def _covered(segment: Segment, spans: Sequence[Span]) -> bool:
    shared = sum(max(0.0, min(segment.end_s, end_s) - max(segment.start_s, start_s)) for start_s, end_s in spans)
    return bool(spans) and shared >= EXCUSED_SHARE * (segment.end_s - segment.start_s)


def _ordered(segments: Iterable[Segment], level: Level) -> tuple[Segment, ...]:
    ordered = sorted(segments, key=lambda segment: (segment.start_s, segment.end_s, segment.members))
    if level is not Level.GROUP:
        return tuple(ordered)
    joined: list[Segment] = []
    last: dict[Group, int] = {}
    for segment in ordered:
        place = last.get(segment.group)
        if place is not None and round(segment.start_s - joined[place].end_s, 6) < JOIN_S:
            before = joined[place]
            end_s = max(before.end_s, segment.end_s)
            members = before.members + segment.members
            joined[place] = Segment(before.start_s, end_s, before.group, before.keys, members)
        else:
            last[segment.group] = len(joined)
            joined.append(segment)
    return tuple(joined)
