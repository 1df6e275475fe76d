"""Sessions in which nobody ever spoke: verdicts drawn by known rules, and what the real estimator makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from buffers.evidence import Cadence, Coverage, Window
from configs.settings import EstimateSettings, WindowSettings
from monitor.calibrate.file import Method
from monitor.calibrate.fit import Line, fit, stickiness
from monitor.describers.base import ModelInfo
from monitor.estimate import Estimator
from monitor.judges.base import Label, Verdict
from monitor.scheduler import Scheduler

WHOLE = Coverage(1.0, 1.0, 1.0)
UNCALIBRATED = ModelInfo("judge", heuristic=False, calibrated=False, notice="")
STATED_LOGIT = math.log(0.8 / 0.2)

Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Sessions:
    """Stated log-odds float64[sessions, windows] and the truth bool[sessions], half of it positive."""

    windows: tuple[Window, ...]
    logits: Reals
    positive: Bools

    @property
    def local(self) -> NDArray[np.int64]:
        """Places of the local windows."""
        return np.array([i for i, one in enumerate(self.windows) if one.cadence is Cadence.LOCAL])


@dataclass(frozen=True)
class Known:
    """What a calibration knows of a judge."""

    line: Line
    correlation: float
    recordings: int


def schedule(length_s: float) -> tuple[Window, ...]:
    """The windows that a session of that length is judged on, by default."""
    plan = Scheduler(WindowSettings(), complete=True)
    windows = []
    while (window := plan.due(length_s)) is not None:
        plan.started(window)
        plan.finished(window)
        windows.append(window)
    return tuple(windows)


def one_voice(
    rng: np.random.Generator, windows: Sequence[Window], sessions: int, accuracy: float, stickiness: float
) -> Sessions:
    """A judge that always states 0.8 for its label; each verdict repeats whether the one before was right with
    probability `stickiness`, else it is drawn anew.
    """
    right = rng.random((sessions, len(windows))) < accuracy
    kept = rng.random(right.shape) < stickiness
    for n in range(1, len(windows)):
        right[:, n] = np.where(kept[:, n], right[:, n - 1], right[:, n])
    positive = np.arange(sessions) % 2 == 0
    return Sessions(tuple(windows), np.where(right == positive[:, None], STATED_LOGIT, -STATED_LOGIT), positive)


def many_voices(
    rng: np.random.Generator, windows: Sequence[Window], sessions: int, accuracy: float, stickiness: float
) -> Sessions:
    """A judge that is surer where it is more often right, and far too sure throughout: it states 0.8 in the median.

    Its evidence is normal with the right log-odds for its accuracy (means +-d^2/2, variance d^2), an AR(1) process.
    """
    d = 2 * norm.ppf(accuracy)
    noise = rng.normal(size=(sessions, len(windows)))
    for n in range(1, len(windows)):
        noise[:, n] = stickiness * noise[:, n - 1] + math.sqrt(1 - stickiness**2) * noise[:, n]
    positive = np.arange(sessions) % 2 == 0
    evidence = np.where(positive, 1, -1)[:, None] * d**2 / 2 + d * noise
    return Sessions(tuple(windows), evidence * STATED_LOGIT / np.median(np.abs(evidence)), positive)


def learned(labelled: Sessions, method: Method = Method.TEMPERATURE) -> Known:
    """What `emotion-monitor calibrate` would learn of labelled sessions."""
    labels = np.repeat(labelled.positive, labelled.logits.shape[1])
    line = fit(labelled.logits.ravel(), labels, method)
    local = labelled.logits[:, labelled.local]
    sessions = [(row, np.full(len(row), positive)) for row, positive in zip(local, labelled.positive, strict=True)]
    return Known(Line(max(0.0, line.a), line.b), stickiness(sessions), len(labelled.positive))


def final(sessions: Sessions, known: Known | None, settings: EstimateSettings | None = None) -> Reals:
    """The overall track's probability at the end of each session, from the real estimator; uncalibrated without
    `known`.
    """
    info = UNCALIBRATED
    p = 1 / (1 + np.exp(-sessions.logits))
    if known is not None:
        cap_logit = math.log(known.recordings + 1)
        info = ModelInfo("judge", False, True, "", cap_logit=cap_logit, correlation=known.correlation)
        p = known.line(sessions.logits)
    verdicts = {value: _says(value, calibrated=known is not None) for value in np.unique(p).tolist()}
    ends = []
    for row in p.tolist():
        estimator = Estimator(settings or EstimateSettings(), judge=info, stale_after_s=45.0)
        for window, value in zip(sessions.windows, row, strict=True):
            estimator.add(window, verdicts[value], WHOLE)
        ends.append(estimator.at(sessions.windows[-1].end_s).overall.p_positive)
    return np.array(ends)


def calibration_error(p: Reals, positive: Bools, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    places = np.minimum((p * bins).astype(np.int64), bins - 1)
    return float(np.abs(np.bincount(places, p - positive, minlength=bins)).sum() / len(p))


def too_sure(p: Reals, positive: Bools) -> float:
    """Mean stated confidence minus the share of right answers."""
    return float(np.abs(p - 0.5).mean() + 0.5 - np.mean((p > 0.5) == positive))


def right(p: Reals, positive: Bools) -> float:
    """Share of sessions whose final label is right."""
    return float(np.mean((p > 0.5) == positive))


def _says(p_positive: float, *, calibrated: bool) -> Verdict:
    label = Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE
    return Verdict(label, p_positive, 20 * abs(p_positive - 0.5), "judge", "describer", calibrated, "drawn")
