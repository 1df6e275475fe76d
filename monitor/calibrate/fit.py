"""The arithmetic of a calibration: fits, stickiness, and how far probabilities are off. Pure.

Both labels count the same however often they occur. A calibrated probability then means "with both equally likely
beforehand", as the estimate needs it: it adds up the log-odds of many windows to one prior, and a base rate inside
of each of them would be added as often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.calibrate.file import Figure, Method, Quality

RIDGE: Final = 0.1
"""Weight of a pull towards "knows nothing" (a = b = 0), in labelled windows: keeps a judge that is never wrong on few
labels from being believed without bounds, and is nothing beside fifty windows."""

STEPS: Final = 50
"""Most Newton steps; the objective is concave and takes fewer than ten."""

PRIOR_CORRELATION: Final = 0.5
"""Lag-1 correlation before any pair of windows is seen: the default of `estimate.correlation`."""

PRIOR_PAIRS: Final = 20.0
"""Pairs of neighbouring windows that the prior weighs as much as."""

MOST_CORRELATION: Final = 0.98
"""Above it a session is one verdict, whatever its length; a few sessions cannot tell 0.98 from 1."""

BINS: Final = 10
"""Bins of equal width of the expected calibration error."""

RESAMPLES: Final = 1000
LEAST_RECORDINGS: Final = 3
"""Of fewer recordings no interval is given."""

Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Line:
    """Calibrated log-odds = a * stated log-odds + b."""

    a: float
    b: float

    def __call__(self, logits: Reals) -> Reals:
        """Probabilities float64[n] of stated log-odds float64[n]."""
        return np.asarray(1 / (1 + np.exp(-(self.a * logits + self.b))), np.float64)


def fit(logits: Reals, positive: Bools, method: Method) -> Line:
    """Maximum likelihood with a small ridge, by Newton's method (iteratively reweighted least squares).

    The slope may come out negative; whoever asks decides what that means. With one label only there is nothing to
    fit and the line knows nothing.

    Args:
        logits: Stated log-odds float64[n].
        positive: Labels bool[n].
        method: With an offset or without.
    """
    if positive.all() or not positive.any():
        return Line(0.0, 0.0)
    weights = balanced(positive)
    columns = [logits, np.ones_like(logits)] if method is Method.PLATT else [logits]
    design = np.stack(columns, axis=1)
    beta = np.zeros(len(columns))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(design @ beta)))
        slope = design.T @ (weights * (positive - p)) - RIDGE * beta
        curve = design.T @ (design * (weights * p * (1 - p))[:, None]) + RIDGE * np.eye(len(columns))
        step = np.linalg.solve(curve, slope)
        # A full step may overshoot where a judge is nearly always right.
        beta = beta + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-10:
            break
    return Line(float(beta[0]), float(beta[1]) if len(beta) > 1 else 0.0)


def left_out(logits: Reals, positive: Bools, recordings: Ints, method: Method) -> Reals:
    """Calibrated probabilities float64[n], each by a fit without any window of its own recording."""
    p = np.empty(len(logits))
    for recording in np.unique(recordings):
        mine = recordings == recording
        line = fit(logits[~mine], positive[~mine], method)
        # A judge that does worse than chance elsewhere is given no say, as in a real calibration.
        p[mine] = (line if line.a >= 0 else Line(0.0, 0.0))(logits[mine])
    return p


def stickiness(sessions: Sequence[tuple[Reals, Bools]]) -> float:
    """Lag-1 correlation 0-1 of what the judge's log-odds are off their label's mean, drawn towards the prior.

    Taking off the mean by label makes it the correlation of errors: that a judge says the same as before because the
    truth is the same is none.

    Args:
        sessions: Stated log-odds float64[n] and labels bool[n] of the windows of each session, in their order.
    """
    logits, positive = (np.concatenate(parts) for parts in zip(*sessions, strict=True))
    means = {label: logits[positive == label].mean() for label in (True, False) if (positive == label).any()}
    product, square = 0.0, 0.0
    for values, labels in sessions:
        off = values - np.array([means[bool(label)] for label in labels])
        product += float(off[:-1] @ off[1:])
        square += float(off[:-1] @ off[:-1] + off[1:] @ off[1:]) / 2
    variance = float(np.mean([np.var(logits[positive == label]) for label in means]))
    prior = PRIOR_PAIRS * variance
    if prior + square <= 0:
        return PRIOR_CORRELATION  # it always says the same: nothing was seen of its errors
    return min(max((product + PRIOR_CORRELATION * prior) / (square + prior), 0.0), MOST_CORRELATION)


def quality(p: Reals, positive: Bools, recordings: Ints, seed: int = 0) -> Quality:
    """Brier score, expected calibration error and log loss, both labels weighing the same.

    Intervals hold 95 % of what whole recordings drawn anew give (percentile bootstrap, Efron 1979): windows of one
    session are no independent witnesses.
    """
    safe = np.clip(p, 1e-9, 1 - 1e-9)
    losses = {
        "brier": (p - positive) ** 2,
        "log_loss": -np.where(positive, np.log(safe), np.log(1 - safe)),
    }
    places = np.minimum((p * BINS).astype(np.int64), BINS - 1)

    def ece(weights: Reals) -> float:
        gaps = np.bincount(places, weights * (p - positive), minlength=BINS)
        return float(np.abs(gaps).sum() / weights.sum())

    def mean(name: str) -> Callable[[Reals], float]:
        return lambda weights: float(weights @ losses[name] / weights.sum())

    return Quality(
        *(bootstrapped(figure, positive, recordings, seed) for figure in (mean("brier"), ece, mean("log_loss")))
    )


def bootstrapped(figure: Callable[[Reals], float], positive: Bools, recordings: Ints, seed: int = 0) -> Figure:
    """A figure of weighted windows, with its interval; `figure` takes weights float64[n]."""
    value = figure(balanced(positive))
    names, place = np.unique(recordings, return_inverse=True)
    if len(names) < LEAST_RECORDINGS:
        return Figure(value, None)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[place]
        if times[positive].any() and times[~positive].any():
            values.append(figure(balanced(positive, times.astype(np.float64))))
    if 2 * len(values) < RESAMPLES:
        return Figure(value, None)
    low, high = np.percentile(values, (2.5, 97.5))
    return Figure(value, (float(low), float(high)))


def balanced(positive: Bools, times: Reals | None = None) -> Reals:
    """Weights float64[n] by which both labels count the same; `times` is how often each window is there."""
    times = np.ones(len(positive)) if times is None else times
    weights = np.zeros(len(positive))
    for label in (True, False):
        mine = positive == label
        total = times[mine].sum()
        if total:
            weights[mine] = times[mine] * times.sum() / (2 * total)
    return weights
