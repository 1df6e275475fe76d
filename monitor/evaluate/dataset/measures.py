"""The figures of a dataset's answers, as the paper gives them and beside what they must be held against. Pure.

`docs/evaluation.md` gives each formula. What has no value (a ratio over nothing) is None, never 0. An abstention is
never right: it lowers accuracy and recall, and how many there were is told.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.evaluate.dataset.folder import Video
from monitor.evaluate.dataset.store import Result
from monitor.evaluate.dataset.trials import Modality, Part, Trial
from monitor.evaluate.figures import Interval, Options, Reals, divided, interval
from monitor.judges.base import Label

BINS: Final = 10
"""Bins of equal width for the expected calibration error."""

Z: Final = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over the seeds and its sample standard deviation (0 of one run); None where no run had a value."""

    mean: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose p_positive lies in [low, low + 1 / `BINS`): how many, what they said, how many were positive."""

    low: float
    answers: int
    mean_p: float | None
    positive_share: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table: all answers of one modality at one length.

    `accuracy` counts abstentions as wrong, `accuracy_answered` leaves them out, `answered` is the share that did
    answer. `failed` trials were never answered, because a recording or a model failed; they count as abstentions.
    `brier` and `ece` are over the `answers` of all seeds, on P(positive).
    """

    modality: Modality
    length: int
    runs: int
    videos: int
    accuracy: Spread
    accuracy_interval: Interval | None
    accuracy_answered: Spread
    answered: Spread
    precision: Spread
    recall: Spread
    f1: Spread
    f1_interval: Interval | None
    balanced_accuracy: Spread
    balanced_interval: Interval | None
    confidence: Spread
    answers: int
    abstained: int
    failed: int
    brier: float | None
    ece: float | None
    bins: tuple[Bin, ...]
    nfbl_coverage: float | None


@dataclass(frozen=True, slots=True)
class Majority:
    """What always giving the more frequent label reaches; where both are as frequent, positive."""

    label: Label
    accuracy: float
    f1: float


@dataclass(frozen=True, slots=True)
class _Counts:
    """Answers by what they should have been; `positives` and `negatives` count the abstained ones too."""

    found: int
    false: int
    rejected: int
    positives: int
    negatives: int
    answered: int
    confidences: tuple[float, ...]

    @property
    def videos(self) -> int:
        return self.positives + self.negatives


def majority(videos: Sequence[Video]) -> Majority:
    """The baseline that knows nothing but which label is more frequent; its F1 is that of positive."""
    share = sum(video.positive for video in videos) / len(videos)
    if share >= 0.5:
        return Majority(Label.POSITIVE, share, 2 * share / (1 + share))
    return Majority(Label.NEGATIVE, 1 - share, 0.0)


def cell(
    videos: Sequence[Video],
    modality: Modality,
    parts: Sequence[Part],
    results: Mapping[Trial, Result],
    options: Options,
) -> Cell:
    """The figures of one modality over `parts`, which are one length with all its seeds."""
    runs = [[results.get(Trial(video.id, modality, part)) for video in videos] for part in parts]
    counts = [_counted(videos, run) for run in runs]
    known = [(video.positive, result) for run in runs for video, result in zip(videos, run, strict=True) if result]
    stated = [(positive, one.p_positive) for positive, one in known if one.p_positive is not None]
    accuracy = _spread(_ratio(one.found + one.rejected, one.videos) for one in counts)
    by_video = _by_video(videos, runs)
    bins = _bins(stated)
    return Cell(
        modality=modality,
        length=parts[0].length,
        runs=len(parts),
        videos=len(videos),
        accuracy=accuracy,
        accuracy_interval=None if accuracy.mean is None else wilson(accuracy.mean, len(videos)),
        accuracy_answered=_spread(_ratio(one.found + one.rejected, one.answered) for one in counts),
        answered=_spread(_ratio(one.answered, one.videos) for one in counts),
        precision=_spread(_ratio(one.found, one.found + one.false) for one in counts),
        recall=_spread(_ratio(one.found, one.positives) for one in counts),
        f1=_spread(_ratio(2 * one.found, one.found + one.false + one.positives) for one in counts),
        f1_interval=interval(by_video, _f1, options),
        balanced_accuracy=_spread(_balanced_of(one) for one in counts),
        balanced_interval=interval(by_video, _balanced, options),
        confidence=_spread(_mean(one.confidences) for one in counts),
        answers=len(stated),
        abstained=len(known) - len(stated),
        failed=len(parts) * len(videos) - len(known),
        brier=_mean([(p - positive) ** 2 for positive, p in stated]),
        ece=_ece(bins),
        bins=bins,
        nfbl_coverage=_mean([one.nfbl for _, one in known]),
    )


def wilson(share: float, of: int) -> Interval:
    """95 % of a share of `of` independent tries (Wilson 1927)."""
    middle = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def _counted(videos: Sequence[Video], run: Sequence[Result | None]) -> _Counts:
    labels = [Label.ABSTAIN if result is None else result.label for result in run]
    pairs = [(video.positive, label) for video, label in zip(videos, labels, strict=True)]
    positives = sum(video.positive for video in videos)
    return _Counts(
        found=pairs.count((True, Label.POSITIVE)),
        false=pairs.count((False, Label.POSITIVE)),
        rejected=pairs.count((False, Label.NEGATIVE)),
        positives=positives,
        negatives=len(videos) - positives,
        answered=sum(label is not Label.ABSTAIN for label in labels),
        confidences=tuple(one.confidence for one in run if one is not None and one.confidence is not None),
    )


def _by_video(videos: Sequence[Video], runs: Sequence[Sequence[Result | None]]) -> Reals:
    """float64[videos, 5] of found, false, rejected, positives, negatives, each summed over the seeds."""
    rows = []
    for place, video in enumerate(videos):
        one = [_counted([video], [run[place]]) for run in runs]
        rows.append([sum(getattr(each, name) for each in one) for name in _COLUMNS])
    return np.asarray(rows, np.float64)


_COLUMNS: Final = ("found", "false", "rejected", "positives", "negatives")


def _f1(counts: Reals) -> Reals:
    return divided(2 * counts[:, 0], counts[:, 0] + counts[:, 1] + counts[:, 3])


def _balanced(counts: Reals) -> Reals:
    return (divided(counts[:, 0], counts[:, 3]) + divided(counts[:, 2], counts[:, 4])) / 2


def _balanced_of(one: _Counts) -> float | None:
    right, refused = _ratio(one.found, one.positives), _ratio(one.rejected, one.negatives)
    return None if right is None or refused is None else (right + refused) / 2


def _bins(stated: Iterable[tuple[bool, float]]) -> tuple[Bin, ...]:
    inside: list[list[tuple[bool, float]]] = [[] for _ in range(BINS)]
    for positive, p in stated:
        inside[min(BINS - 1, int(p * BINS))].append((positive, p))
    return tuple(
        Bin(place / BINS, len(one), _mean([p for _, p in one]), _mean([positive for positive, _ in one]))
        for place, one in enumerate(inside)
    )


def _ece(bins: Sequence[Bin]) -> float | None:
    """Mean over the answers of how far their bin's statement is from what was so."""
    total = sum(one.answers for one in bins)
    apart = math.fsum(
        one.answers * abs(one.mean_p - one.positive_share)
        for one in bins
        if one.mean_p is not None and one.positive_share is not None
    )
    return apart / total if total else None


def _spread(values: Iterable[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None)
    return Spread(_mean(known), statistics.stdev(known) if len(known) > 1 else 0.0)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
