"""The figures, each from the clips alone: scores with intervals, false alarms, delay, blindness, rates. Pure.

`docs/evaluation.md` gives each formula. What has no value (a ratio over nothing) is None, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import NFBL_GROUPS, Group
from monitor.evaluate.labels import group_of
from monitor.evaluate.segments import (
    LEFT_OUT,
    Clip,
    Closeness,
    Level,
    Outcome,
    Segment,
    accepted,
    by_overlap,
    excusing,
    iou,
    label_segments,
    match,
    prediction_segments,
    union,
)

IOUS: Final = (0.1, 0.25, 0.5)
"""The overlaps asked for; 0.25 is the one most figures are given at."""

MAIN_IOU: Final = 0.25

TICK_HZ: Final = 10.0
"""Rate of the frames of the average precision: that of the detector."""

LEAST_CLIPS: Final = 3
"""Of fewer clips no interval is given: resampling two clips makes four samples, no distribution."""

RULE_OF_THREE: Final = 3.0
"""Where nothing happened, up to so many events may be usual (95 %, Poisson); resampling nothing would promise 0."""

Interval = tuple[float, float]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Options:
    """What counts, and how intervals are drawn."""

    left_out: frozenset[str] = LEFT_OUT
    excuse: bool = True
    onset_tolerance_s: float = 0.5
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """Labels found and missed, reports that were false, and the ratios they make; `f1_interval` holds 95 %."""

    found: int
    missed: int
    false: int
    excused: int
    precision: float | None
    recall: float | None
    f1: float | None
    f1_interval: Interval | None


@dataclass(frozen=True, slots=True)
class Alarms:
    """Reports where there was nothing to report; in the time that was blind (mean over groups) none could be made."""

    events: int
    per_min: float | None
    per_hour: float | None
    per_min_interval: Interval | None
    blind_share: float | None


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds until the feed told of an event: from the labelled onset, and from the onset the feed itself gives."""

    events: int
    from_label_median_s: float | None
    from_label_p90_s: float | None
    from_report_median_s: float | None
    from_report_p90_s: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """Events a minute over the labelled clips; the error is the mean over clips of the unsigned difference."""

    labelled_per_min: float | None
    reported_per_min: float | None
    error_per_min: float | None


def outcomes(clips: Sequence[Clip], level: Level, closeness: Closeness, options: Options) -> list[Outcome]:
    """The matching of each clip."""
    return [match(clip, level, closeness, left_out=options.left_out, excuse=options.excuse) for clip in clips]


def score(found: Sequence[Outcome], options: Options, group: Group | None = None) -> Score:
    """The sums over clips, of one group where one is named, and the interval by clip."""
    counts = np.array([_counts(outcome, group) for outcome in found], np.float64).reshape(-1, 4)
    hits, missed, false, excused = (int(total) for total in counts.sum(axis=0))
    return Score(
        found=hits,
        missed=missed,
        false=false,
        excused=excused,
        precision=_ratio(hits, hits + false),
        recall=_ratio(hits, hits + missed),
        f1=_ratio(2 * hits, 2 * hits + false + missed),
        f1_interval=interval(counts, _f1, options),
    )


def alarms(clips: Sequence[Clip], groups: Iterable[Group], options: Options) -> Alarms:
    """Reports of `groups` in clips that show nothing; each event counts, neighbours are not joined."""
    wanted = frozenset(groups)
    counts = np.array(
        [(sum(seen.group in wanted for seen in clip.predictions), clip.length_s) for clip in clips], np.float64
    ).reshape(-1, 2)
    events, seconds = float(counts[:, 0].sum()), float(counts[:, 1].sum())
    per_min = _ratio(60.0 * events, seconds)
    found = interval(counts, _per_min, options)
    if found is not None and not events:
        found = (0.0, 60.0 * RULE_OF_THREE / seconds)
    return Alarms(
        events=int(events),
        per_min=per_min,
        per_hour=None if per_min is None else 60.0 * per_min,
        per_min_interval=found,
        blind_share=mean(blind_share(clips, group) for group in NFBL_GROUPS if group in wanted),
    )


def delay(clips: Sequence[Clip], options: Options) -> Delay:
    """Onset to the first report of it, for the labels that group and the loosest overlap match.

    Where a label is reported in pieces the first piece counts, not the one that fits best.
    """
    from_label: list[float] = []
    from_report: list[float] = []
    for clip, outcome in zip(clips, outcomes(clips, Level.GROUP, by_overlap(IOUS[0]), options), strict=True):
        taken = {place: i for i, place in outcome.pairs}
        for i, _ in outcome.pairs:
            label = outcome.labels[i]
            opened_s, start_s = min(
                (min(clip.predictions[member].opened_s for member in segment.members), segment.start_s)
                for place, segment in enumerate(outcome.predictions)
                if taken.get(place, i) == i and segment.group is label.group and _overlap(label, segment)
            )
            from_label.append(opened_s - label.start_s)
            from_report.append(opened_s - start_s)
    return Delay(
        len(from_label),
        _quantile(from_label, 0.5),
        _quantile(from_label, 0.9),
        _quantile(from_report, 0.5),
        _quantile(from_report, 0.9),
    )


def blind_share(clips: Sequence[Clip], group: Group) -> float | None:
    """Share 0-1 of the clips' time in which the group could not be watched, as the feed itself says."""
    blind_s = sum(
        end_s - start_s
        for clip in clips
        for start_s, end_s in union(
            (max(0.0, span.start_s), min(clip.length_s, span.end_s))
            for span in clip.blind
            if span.group is group and span.start_s < clip.length_s
        )
    )
    return _ratio(blind_s, sum(clip.length_s for clip in clips))


def rate(clips: Sequence[Clip], groups: Iterable[Group], options: Options) -> Rate:
    """Events a minute as people counted and as the feed did; neighbours are not joined, as the judge counts."""
    wanted = frozenset(groups)
    minutes = np.array([clip.length_s / 60.0 for clip in clips])
    labelled = np.array([_labels_in(clip, wanted, options) for clip in clips], np.float64)
    reported = np.array([_reports_in(clip, wanted, options) for clip in clips], np.float64)
    if not len(clips) or not minutes.all():
        return Rate(None, None, None)
    return Rate(
        float(labelled.sum() / minutes.sum()),
        float(reported.sum() / minutes.sum()),
        float(np.mean(np.abs(reported - labelled) / minutes)),
    )


def average_precision(clips: Sequence[Clip], group: Group, options: Options) -> float | None:
    """Area under precision over recall of the group's frames at `TICK_HZ`, scored by the best report under way.

    Frames without a report are never retrieved, so that recall they would have brought counts as none. Frames that a
    left-out label excuses do not count. None where nothing of the group is labelled.
    """
    scores, truths = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for clip in clips:
        ticks = (np.arange(int(clip.length_s * TICK_HZ)) + 0.5) / TICK_HZ
        truth, best, counted = np.zeros(len(ticks), np.bool_), np.zeros(len(ticks)), np.ones(len(ticks), np.bool_)
        for segment in label_segments(clip, Level.ALTERNATIVES, options.left_out):
            if segment.group is group:
                truth |= (ticks >= segment.start_s) & (ticks < segment.end_s)
        for segment in prediction_segments(clip, Level.ALTERNATIVES, options.left_out):
            if segment.group is group:
                inside = (ticks >= segment.start_s) & (ticks < segment.end_s)
                best[inside] = np.maximum(best[inside], clip.predictions[segment.members[0]].score)
        excuses = excusing(clip, Level.GROUP, options.left_out) if options.excuse else {}
        for start_s, end_s in excuses.get(group, ()):
            counted &= truth | (ticks < start_s) | (ticks >= end_s)
        scores.append(best[counted])
        truths.append(truth[counted])
    return _area(np.concatenate(scores), np.concatenate(truths))


def interval(parts: Reals, ratio: Callable[[Reals], Reals], options: Options) -> Interval | None:
    """95 % of the ratio when whole clips are drawn anew: the percentile bootstrap (Efron 1979).

    Args:
        parts: Counts of each clip, float64[clips, k].
        ratio: From summed counts float64[n, k] to float64[n], NaN where it has no value.
        options: How many times, and the seed.

    Returns:
        None for fewer than `LEAST_CLIPS` clips, or where most draws have no value.
    """
    if len(parts) < LEAST_CLIPS:
        return None
    draws = np.random.default_rng(options.seed).integers(len(parts), size=(options.resamples, len(parts)))
    values = ratio(parts[draws].sum(axis=1))
    values = values[np.isfinite(values)]
    if 2 * len(values) < options.resamples:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of those that have a value."""
    known = [value for value in values if value is not None]
    return _ratio(sum(known), len(known))


def divided(above: Reals, below: Reals) -> Reals:
    """Ratios float64[n], NaN over nothing."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _overlap(label: Segment, report: Segment) -> bool:
    return iou((label.start_s, label.end_s), (report.start_s, report.end_s)) > 0


def _counts(outcome: Outcome, group: Group | None) -> tuple[int, int, int, int]:
    if group is None:
        return outcome.found, outcome.missed, outcome.false, len(outcome.excused)
    found = sum(outcome.labels[i].group is group for i, _ in outcome.pairs)
    matched = sum(outcome.predictions[j].group is group for _, j in outcome.pairs)
    labels = sum(segment.group is group for segment in outcome.labels)
    predictions = sum(segment.group is group for segment in outcome.predictions)
    excused = sum(outcome.predictions[place].group is group for place in outcome.excused)
    return found, labels - found, predictions - matched - excused, excused


def _f1(counts: Reals) -> Reals:
    found, missed, false = counts[:, 0], counts[:, 1], counts[:, 2]
    return divided(2 * found, 2 * found + missed + false)


def _per_min(counts: Reals) -> Reals:
    return divided(60.0 * counts[:, 0], counts[:, 1])


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None


def _labels_in(clip: Clip, groups: frozenset[Group], options: Options) -> int:
    classes = (accepted(label, Level.GROUP, options.left_out) for label in clip.labels)
    return sum(group_of(found[0]) in groups for found in classes if found)


def _reports_in(clip: Clip, groups: frozenset[Group], options: Options) -> int:
    return sum(seen.group in groups and seen.class_id not in options.left_out for seen in clip.predictions)


def _area(scores: Reals, truths: NDArray[np.bool_]) -> float | None:
    """Sum over falling scores of precision times the recall gained; equal scores are one step."""
    positives = int(truths.sum())
    if not positives:
        return None
    area = recall = 0.0
    for threshold in np.unique(scores[scores > 0])[::-1]:
        retrieved = scores >= threshold
        hits = int(truths[retrieved].sum())
        area += (hits / positives - recall) * hits / int(retrieved.sum())
        recall = hits / positives
    return area
