"""Makes a calibration of labelled windows, says how good it is, and refuses one that rests on too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.errors import ConfigError
from configs.settings import EstimateSettings
from monitor.calibrate.collect import Collected, in_order
from monitor.calibrate.file import Calibration, Figure, Method, Quality, stated_logit
from monitor.calibrate.fit import Bools, Ints, Line, Reals, bootstrapped, fit, left_out, quality, stickiness
from monitor.odds import logistic

LEAST_WINDOWS: Final = 50
"""Labelled windows below which a fit says more about chance than about the judge."""

LEAST_RECORDINGS: Final = 5
"""Recordings below which the same holds: windows of one session repeat each other."""

LEAST_OF_EACH: Final = 2
"""Recordings that each label needs: leaving one out must leave both labels."""

PLATT_WINDOWS: Final = 200
"""Labelled windows from which an offset can be told from chance; before, the slope alone is fitted."""

PLATT_SHARE: Final = 0.1
"""Share of the rarer label from which the same holds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A calibration and the log loss it saves on recordings it has not seen (nats a window; above 0 is better)."""

    calibration: Calibration
    saved: Figure
    saved_over_tempered: Figure
    notices: tuple[str, ...]

    @property
    def better(self) -> bool:
        """Whether recordings it has not seen are judged better with it than as stated."""
        return self.saved.value > 0


def calibrate(found: Collected, method: Method | None, *, force: bool, seed: int = 0) -> Outcome:
    """Fit a calibration (`method` None: as many labels as there are allow) and cross-validate it by recording.

    Raises:
        ConfigError: there is too little to fit, unless `force`d, or the judge is more often wrong than right.
    """
    samples = found.samples
    logits = np.array([stated_logit(one.p_stated) for one in samples], np.float64)
    positive = np.array([one.positive for one in samples], np.bool_)
    recordings = np.array([one.recording for one in samples], np.int64)
    amiss = _amiss(positive, recordings)
    if amiss and (not force or positive.all() or not positive.any()):
        way_out = "" if positive.all() or not positive.any() else ", or insist with --force"
        raise ConfigError(f"too little to calibrate on: {amiss}; label more{way_out}")
    chosen = _choice(positive) if method is None else method
    line = fit(logits, positive, chosen)
    if line.a <= 0:
        raise ConfigError(
            f"the judge is more often wrong than right on these {len(samples)} windows (slope {line.a:.3f}), which no "
            "calibration mends: check that labels and recordings belong together, or take another judge"
        )
    calibrated = left_out(logits, positive, recordings, chosen)
    stated = Line(1.0, 0.0)(logits)
    tempered = Line(EstimateSettings().temper, 0.0)(logits)
    saved = _saved(stated, calibrated, positive, recordings, seed)
    calibration = Calibration(
        method=chosen,
        a=line.a,
        b=line.b,
        correlation=stickiness(
            [
                (
                    np.array([stated_logit(one.p_stated) for one in session], np.float64),
                    np.array([one.positive for one in session], np.bool_),
                )
                for session in in_order(samples)
            ]
        ),
        describer=found.describer,
        judge=found.judge,
        windows=len(samples),
        recordings=len(np.unique(recordings)),
        positives=int(positive.sum()),
        stated=quality(stated, positive, recordings, seed),
        tempered=quality(tempered, positive, recordings, seed),
        calibrated=quality(calibrated, positive, recordings, seed),
        data=found.data,
        forced="; ".join(filter(None, [amiss, "" if saved.value > 0 else "not better than as stated"])),
    )
    return Outcome(calibration, saved, _saved(tempered, calibrated, positive, recordings, seed), found.notices)


def report(outcome: Outcome) -> str:
    """What a person should know before using it, in lines of text."""
    made, saved = outcome.calibration, outcome.saved
    rows: list[tuple[str, Quality]] = [
        ("as stated", made.stated),
        ("tempered by default", made.tempered),
        ("calibrated, cross-validated", made.calibrated),
    ]
    lines = [
        *outcome.notices,
        f"describer {made.describer}, judge {made.judge}",
        f"{made.windows} labelled windows of {made.recordings} recordings, {made.positives} positive",
        f"{made.method}: log-odds' = {made.a:.3f} x log-odds {'-' if made.b < 0 else '+'} {abs(made.b):.3f}",
        f"errors stick with r = {made.correlation:.2f} from one local window to the next",
        f"{made.recordings} recordings allow at most p = {logistic(made.cap_logit):.3f} for a session",
        "",
        f"{'both labels weighing the same':<30} {'log loss':>20} {'Brier':>20} {'ECE':>20}",
        *(f"{name:<30} {_shown(row.log_loss):>20} {_shown(row.brier):>20} {_shown(row.ece):>20}" for name, row in rows),
        "",
    ]
    if not outcome.better:
        lines.append("Calibrated is NOT better than as stated on recordings it has not seen.")
    elif saved.interval is not None and saved.interval[0] <= 0:
        lines.append("Calibrated is better than as stated, but by no more than chance between recordings could give.")
    else:
        lines.append(f"Calibrated is better than as stated by {_shown(saved)} nats a window.")
    over = outcome.saved_over_tempered
    if over.value <= 0 or (over.interval is not None and over.interval[0] <= 0):
        lines.append("It is not shown to be better than the default temper, which needs no labels.")
    return "\n".join(lines)


def _amiss(positive: Bools, recordings: Ints) -> str:
    """What there is too little of, in one line; empty where there is enough."""
    count = len(np.unique(recordings))
    found = []
    if len(positive) < LEAST_WINDOWS:
        found.append(f"{len(positive)} labelled windows instead of {LEAST_WINDOWS}")
    if count < LEAST_RECORDINGS:
        found.append(f"{count} recordings instead of {LEAST_RECORDINGS}")
    for label, name in ((True, "positive"), (False, "negative")):
        of_it = len(np.unique(recordings[positive == label]))
        if of_it < LEAST_OF_EACH:
            found.append(f"{of_it} recordings with {name} windows instead of {LEAST_OF_EACH}")
    return ", ".join(found)


def _choice(positive: Bools) -> Method:
    rare = min(positive.mean(), 1 - positive.mean())
    return Method.PLATT if len(positive) >= PLATT_WINDOWS and rare >= PLATT_SHARE else Method.TEMPERATURE


def _saved(before: Reals, after: Reals, positive: Bools, recordings: Ints, seed: int) -> Figure:
    """Mean log loss before minus after, with its interval over recordings."""

    def loss(p: Reals) -> Reals:
        safe = np.clip(p, 1e-9, 1 - 1e-9)
        return -np.where(positive, np.log(safe), np.log(1 - safe))

    gain = loss(before) - loss(after)
    return bootstrapped(lambda weights: float(weights @ gain / weights.sum()), positive, recordings, seed)


def _shown(figure: Figure) -> str:
    if figure.interval is None:
        return f"{figure.value:.3f}"
    low, high = figure.interval
    return f"{figure.value:.3f} ({low:.2f}-{high:.2f})"
