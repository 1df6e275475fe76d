"""From verdicts to the running estimate: two tracks of log-odds, one that never forgets and one that does.

Judges are weak and sure of themselves, so nothing here believes a stated probability at its face value. For one
verdict with probability p over a window, the evidence is

    e = w * k * s,   s = clip(a * logit(p), -1, 1),   k = (1 - r) / (1 + r)   [calibrated: s = logit(p)]

- a is `temper` until the judge is calibrated (then 1), or the judge's own where its probabilities are bounded by
  published evidence rather than stated by a model. Source: EALD-MLLM, supplement, table 1: a judge that says
  about 0.8 is right 54.25 % of the time when it has seen 20 % of the recording, and logit(0.5425) is 0.12 times
  logit(0.8).
- r is the lag-1 correlation of the judge's errors; n verdicts correlated like an AR(1) process are worth n * k
  independent ones (effective sample size). A calibration measures it on labelled sessions; until then it is the
  setting `correlation`. With the default windows 0.5 is cautious for judges whose errors stick up to 0.7; at 0.9 a
  judge that is right 54 % of the time makes it 11 to 12 points too sure after 10 or 30 minutes.
- w is the share of the window's seconds that its own cadence has not judged before, times the coverage. What two
  windows share is part of a measured r, so where r is measured a local window counts by its coverage alone:
  discounting the overlap twice would leave a good judge up to 12 points too unsure.

r is not guessed from the verdicts of the session itself: a judge that keeps saying the same may stick to an error or
may be right, and an estimate that follows a guessed r depends on the order of its verdicts and can fall when a
verdict rises.

`overall` adds all e to the prior's log-odds and is capped; `current` halves what it holds every `half_life_s`. The
cap stands for what no number of windows can rule out, such as a judge that is wrong about this person throughout. It
is the setting `cap_logit` until the judge is calibrated, and then what its labelled recordings allow (see
`monitor.calibrate.judge`). Simulated with 10-30 minutes, judges right 54, 60 or 70 % of the time and errors from
independent to r = 0.9, an exactly calibrated judge leaves the estimate off by no more than chance (expected
calibration error 0.02-0.03 of 2400 sessions). benchmarks/bench_estimate.py has the table, also with few labels and
with none.

The same second may be judged twice, by a local window and by one over the whole session. Both count on `overall`:
shares of the global windows fall as 1, 1/2, 1/3, ..., so together they add little. In simulation (evidence that
grows with time as in EALD's table, a judge that reads the sign of its span and always says 0.8) this came within
0.5 % of the best log loss for sessions of 7 and 30 minutes. Leaving the global windows out was worse, and so was
counting each in full: over-confident, with a calibration error of 0.13 instead of 0.04 at 30 minutes.

The interval says where the track may still go: 5-95 % around a neutral track before any evidence, narrowing with
the root of the effective number of windows, never below what the published accuracy itself is worth. Labels follow
`uncertain_band` alone: demanding that the interval exclude 0.5 as well would hold back a judge that always says 0.8
for nine minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from buffers.evidence import Cadence, Coverage, Window
from configs.settings import EstimateSettings
from monitor.describers.base import ModelInfo
from monitor.judges.base import Verdict
from monitor.odds import logistic, logit
from monitor.snapshot import EstimateLabel, TrackEstimate

OPEN_HALF_WIDTH = math.log(0.95 / 0.05)
"""Half width of the interval in log-odds before any evidence: 5-95 % around 0.5."""

UNCALIBRATED_HALF_WIDTH = 0.24
"""Least half width in log-odds while any verdict came from an uncalibrated judge: its accuracy is known from 275
recordings only, to within 5.8 points (95 %), which is 0.24 in log-odds around 58.5 %."""

MAX_EVIDENCE = 1.0
"""Ceiling of |s| until it is measured what a verdict is worth, so that no window, however sure, decides a session."""

EXTREME_P = 1e-9
"""Stated probabilities are moved this far from 0 and 1, where log-odds have no number."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The running estimate at one media time: the whole session, and the present."""

    media_s: float
    overall: TrackEstimate
    current: TrackEstimate


@dataclass(slots=True)
class _Evidence:
    """What one track holds: summed log-odds, effective number of windows, verdicts, and the last one's time."""

    log_odds: float = 0.0
    effective: float = 0.0
    windows: int = 0
    last_s: float | None = None

    def forget(self, factor: float) -> None:
        self.log_odds *= factor
        self.effective *= factor

    def add(self, log_odds: float, effective: float, end_s: float) -> None:
        self.log_odds += log_odds
        self.effective += effective
        self.windows += 1
        self.last_s = end_s if self.last_s is None else max(self.last_s, end_s)


class Estimator:
    """Keeps both tracks. Windows of one cadence are added in the order of their ends, as the scheduler issues them."""

    def __init__(self, settings: EstimateSettings, *, judge: ModelInfo, stale_after_s: float) -> None:
        """Start at the prior; a track without a verdict for `stale_after_s` is stale."""
        self._settings = settings
        self._temper = settings.temper if judge.temper is None else judge.temper
        self._correlation = judge.correlation
        self._learned_cap = math.inf if judge.cap_logit is None else judge.cap_logit
        # Of a calibrated judge it is known how sure it may become.
        self._cap = math.inf if judge.calibrated and judge.cap_logit is not None else settings.cap_logit
        self._stale_after_s = stale_after_s
        self._overall = _Evidence()
        self._current = _Evidence()
        self._judged_until_s = {Cadence.LOCAL: 0.0, Cadence.GLOBAL: 0.0}
        self._floor = 0.0

    def add(self, window: Window, verdict: Verdict, coverage: Coverage) -> None:
        """Take one verdict in. An abstention changes nothing: its seconds count as new for the next window."""
        if verdict.p_positive is None:
            return
        if not verdict.calibrated:
            self._floor = UNCALIBRATED_HALF_WIDTH
        settings = self._settings
        new_s = max(0.0, window.end_s - max(window.start_s, self._judged_until_s[window.cadence]))
        self._judged_until_s[window.cadence] = max(self._judged_until_s[window.cadence], window.end_s)
        share = new_s / window.length_s if window.length_s > 0 else 0.0
        correlation, limit = settings.correlation, MAX_EVIDENCE
        if verdict.calibrated and self._correlation is not None:
            # A calibrated window may be as sure as its labels allow; the session's cap is the same.
            correlation, limit = self._correlation, self._learned_cap
            if window.cadence is Cadence.LOCAL and share > 0:
                share = 1.0
        effective = (1 - correlation) / (1 + correlation) * share * min(1.0, max(coverage.video, coverage.audio))
        temper = 1.0 if verdict.calibrated else self._temper
        said = min(max(verdict.p_positive, EXTREME_P), 1 - EXTREME_P)
        log_odds = effective * _clip(temper * logit(said), limit)
        self._overall.add(log_odds, effective, window.end_s)
        if window.cadence is Cadence.LOCAL:
            self._current.forget(self._kept(self._current, window.end_s))
            self._current.add(log_odds, effective, window.end_s)

    def at(self, media_s: float) -> Estimate:
        """The estimate at `media_s`; the current track fades towards the prior while nothing is judged."""
        kept = self._kept(self._current, media_s)
        return Estimate(media_s, self._track(self._overall, 1.0, media_s), self._track(self._current, kept, media_s))

    def _kept(self, evidence: _Evidence, media_s: float) -> float:
        """Share 0-1 of the current track's evidence that is left at `media_s`."""
        passed_s = 0.0 if evidence.last_s is None else max(0.0, media_s - evidence.last_s)
        return float(0.5 ** (passed_s / self._settings.half_life_s))

    def _track(self, evidence: _Evidence, kept: float, media_s: float) -> TrackEstimate:
        settings = self._settings
        learned = _clip(kept * evidence.log_odds, self._learned_cap)
        log_odds = _clip(logit(settings.prior_positive) + learned, self._cap)
        half = max(self._floor, OPEN_HALF_WIDTH / math.sqrt(1 + kept * evidence.effective))
        p_positive = logistic(log_odds)
        low, high = settings.uncertain_band
        label = EstimateLabel.UNCERTAIN
        if p_positive < low:
            label = EstimateLabel.NEGATIVE
        elif p_positive > high:
            label = EstimateLabel.POSITIVE
        age_s = None if evidence.last_s is None else max(0.0, media_s - evidence.last_s)
        return TrackEstimate(
            p_positive=p_positive,
            interval=(logistic(log_odds - half), logistic(log_odds + half)),
            label=label,
            windows=evidence.windows,
            age_s=age_s,
            stale=(media_s if age_s is None else age_s) > self._stale_after_s,
        )


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
