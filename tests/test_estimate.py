from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.evidence import Cadence, Coverage, Window
from configs.settings import EstimateSettings, WindowSettings
from monitor.describers.base import ModelInfo
from monitor.estimate import UNCALIBRATED_HALF_WIDTH, Estimate, Estimator
from monitor.judges.base import Label, Verdict
from monitor.scheduler import Scheduler
from monitor.snapshot import EstimateLabel, TrackEstimate

pytestmark = pytest.mark.unit

WHOLE = Coverage(1.0, 1.0, 1.0)
PERIOD_S = 15.0
STALE_AFTER_S = 45.0
JUDGE = ModelInfo("judge", heuristic=False, calibrated=False, notice="")
EALD_ACCURACY = 0.5425
"""Accuracy of one window: EALD-MLLM, supplement, table 1, 20 % of the recording."""


def says(p_positive: float | None, *, calibrated: bool = False) -> Verdict:
    if p_positive is None:
        return Verdict(Label.ABSTAIN, None, None, "judge", "describer", calibrated, "too little")
    label = Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE
    return Verdict(label, p_positive, 10 * max(p_positive, 1 - p_positive), "judge", "describer", calibrated, "why")


def local(n: int) -> Window:
    """The n-th of windows that follow one another without overlap."""
    return Window(n + 1, n * PERIOD_S, (n + 1) * PERIOD_S, Cadence.LOCAL)


def estimator(**settings: float | tuple[float, float]) -> Estimator:
    return Estimator(EstimateSettings.model_validate(settings), judge=JUDGE, stale_after_s=STALE_AFTER_S)


def after(said: Iterable[float | None], *, calibrated: bool = False, **settings: float) -> Estimate:
    subject = estimator(**settings)
    end_s = 0.0
    for n, p_positive in enumerate(said):
        subject.add(local(n), says(p_positive, calibrated=calibrated), WHOLE)
        end_s = local(n).end_s
    return subject.at(end_s)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def width(track: TrackEstimate) -> float:
    low, high = track.interval
    return logit(high) - logit(low)


def right_or_wrong(
    rng: np.random.Generator, sessions: int, windows: int, accuracy: float, stickiness: float
) -> NDArray[np.bool_]:
    """bool[sessions, windows]: whether a verdict is right; neighbours repeat each other with that correlation."""
    right = rng.random((sessions, windows)) < accuracy
    kept = rng.random((sessions, windows)) < stickiness
    for n in range(1, windows):
        right[:, n] = np.where(kept[:, n], right[:, n - 1], right[:, n])
    return right


def schedule(length_s: float) -> list[Window]:
    """The windows that a session of that length is judged on, by default."""
    plan = Scheduler(WindowSettings(), complete=True)
    windows = []
    while (window := plan.due(length_s)) is not None:
        plan.started(window)
        plan.finished(window)
        windows.append(window)
    return windows


@dataclass(frozen=True)
class Outcome:
    """What simulated sessions came to: final probabilities, the truth, and the intervals at half time."""

    p: NDArray[np.float64]
    positive: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over five bins of equal size."""
        bins = np.array_split(np.argsort(self.p, kind="stable"), 5)
        return float(sum(len(b) * abs(self.p[b].mean() - self.positive[b].mean()) for b in bins) / len(self.p))

    @property
    def too_sure(self) -> float:
        """How far the mean stated confidence lies above the share of right answers."""
        return float(np.abs(self.p - 0.5).mean() + 0.5 - np.mean((self.p > 0.5) == self.positive))


def simulate(windows: list[Window], right: NDArray[np.bool_], stated: float = 0.8, **settings: float) -> Outcome:
    """Judge sessions with a judge that always states the same confidence and is right where `right` says so."""
    positive = np.arange(len(right)) % 2 == 0
    half_s = windows[-1].end_s / 2
    p, intervals = [], []
    for row, truth in zip(right, positive, strict=True):
        subject = estimator(**settings)
        interval = (0.0, 1.0)
        for window, ok in zip(windows, row, strict=True):
            subject.add(window, says(stated if ok == truth else 1 - stated), WHOLE)
            if window.end_s <= half_s:
                interval = subject.at(window.end_s).overall.interval
        p.append(subject.at(windows[-1].end_s).overall.p_positive)
        intervals.append(interval)
    low, high = np.array(intervals).T
    return Outcome(np.array(p), positive, low, high)


def test_before_any_verdict_the_prior_stands_and_anything_is_possible() -> None:
    start = estimator(prior_positive=0.55).at(0.0)
    for track in (start.overall, start.current):
        assert track.p_positive == pytest.approx(0.55)
        assert track.label is EstimateLabel.UNCERTAIN
        assert (track.windows, track.age_s, track.stale) == (0, None, False)
    assert estimator().at(0.0).overall.interval == pytest.approx((0.05, 0.95))


def test_one_confident_window_counts_as_much_as_its_published_accuracy() -> None:
    estimate = after([0.8], correlation=0.0)
    assert estimate.overall.p_positive == pytest.approx(EALD_ACCURACY, abs=0.002)
    assert estimate.current.p_positive == estimate.overall.p_positive


def test_correlated_verdicts_count_for_less() -> None:
    alone, correlated = after([0.8], correlation=0.0), after([0.8], correlation=0.5)
    assert logit(correlated.overall.p_positive) == pytest.approx(logit(alone.overall.p_positive) / 3)


def test_a_calibrated_judge_is_taken_at_its_word() -> None:
    assert after([0.7], calibrated=True, correlation=0.0).overall.p_positive == pytest.approx(0.7)


def test_a_certain_judge_moves_the_estimate_no_further_than_the_ceiling_of_one_window() -> None:
    estimate = after([1.0], calibrated=True, correlation=0.0)
    assert logit(estimate.overall.p_positive) == pytest.approx(1.0)
    assert after([0.0]).overall.p_positive < 0.5


def measured(correlation: float, cap_logit: float | None = 4.0) -> Estimator:
    """An estimator of a judge whose calibration measured how its errors stick."""
    judge = ModelInfo("judge", False, True, "", cap_logit=cap_logit, correlation=correlation)
    return Estimator(EstimateSettings(), judge=judge, stale_after_s=STALE_AFTER_S)


def test_a_measured_correlation_takes_the_place_of_the_setting() -> None:
    subject = measured(0.9)
    subject.add(local(0), says(0.7, calibrated=True), WHOLE)
    assert logit(subject.at(PERIOD_S).overall.p_positive) == pytest.approx(logit(0.7) * 0.1 / 1.9)


def test_the_overlap_of_local_windows_is_not_discounted_twice() -> None:
    # What windows share is in a correlation that was measured from one to the next.
    subject = measured(0.0)
    subject.add(Window(1, 0.0, 32.0, Cadence.LOCAL), says(0.6, calibrated=True), WHOLE)
    subject.add(Window(2, 15.0, 47.0, Cadence.LOCAL), says(0.6, calibrated=True), WHOLE)
    assert logit(subject.at(47.0).overall.p_positive) == pytest.approx(2 * logit(0.6))
    subject.add(Window(3, 20.0, 47.0, Cadence.LOCAL), says(0.6, calibrated=True), WHOLE)
    assert logit(subject.at(47.0).overall.p_positive) == pytest.approx(2 * logit(0.6))
    subject.add(Window(4, 0.0, 60.0, Cadence.GLOBAL), says(0.6, calibrated=True), WHOLE)
    subject.add(Window(5, 0.0, 120.0, Cadence.GLOBAL), says(0.6, calibrated=True), Coverage(0.5, 0.5, 0.0))
    assert logit(subject.at(120.0).overall.p_positive) == pytest.approx(3.25 * logit(0.6))


def test_an_uncalibrated_verdict_of_a_calibrated_judge_is_tempered_as_ever() -> None:
    # Such as of a window that another describer stood in for.
    subject = measured(0.0)
    subject.add(local(0), says(0.8), WHOLE)
    assert subject.at(PERIOD_S).overall.p_positive == after([0.8]).overall.p_positive


def test_a_calibrated_judge_may_become_as_sure_as_its_labels_allow() -> None:
    for cap_logit in (1.0, 4.0):
        subject = measured(0.0, cap_logit)
        for n in range(50):
            subject.add(local(n), says(0.7, calibrated=True), WHOLE)
        assert logit(subject.at(0.0).overall.p_positive) == pytest.approx(cap_logit)


def test_one_calibrated_window_may_be_as_sure_as_a_session_and_no_surer() -> None:
    subject = measured(0.0, 2.0)
    subject.add(local(0), says(0.85, calibrated=True), WHOLE)
    assert subject.at(PERIOD_S).overall.p_positive == pytest.approx(0.85)
    subject = measured(0.5, 2.0)
    subject.add(local(0), says(0.9999, calibrated=True), WHOLE)
    assert logit(subject.at(PERIOD_S).overall.p_positive) == pytest.approx(2.0 / 3)


@pytest.mark.parametrize(
    ("coverage", "share"),
    [(Coverage(1.0, 1.0, 0.0), 1.0), (Coverage(0.0, 0.6, 0.0), 0.6), (Coverage(0.7, 0.2, 1.0), 0.7)],
)
def test_a_window_counts_for_what_was_seen_or_heard_of_it(coverage: Coverage, share: float) -> None:
    subject = estimator(correlation=0.0)
    subject.add(local(0), says(0.8), coverage)
    full = after([0.8], correlation=0.0)
    assert logit(subject.at(PERIOD_S).overall.p_positive) == pytest.approx(share * logit(full.overall.p_positive))


def test_only_new_seconds_count() -> None:
    subject = estimator(correlation=0.0)
    subject.add(Window(1, 0.0, 32.0, Cadence.LOCAL), says(0.8), WHOLE)
    once = logit(subject.at(32.0).overall.p_positive)
    subject.add(Window(2, 16.0, 48.0, Cadence.LOCAL), says(0.8), WHOLE)
    assert logit(subject.at(48.0).overall.p_positive) == pytest.approx(1.5 * once)
    subject.add(Window(3, 20.0, 48.0, Cadence.LOCAL), says(0.8), WHOLE)
    assert logit(subject.at(48.0).overall.p_positive) == pytest.approx(1.5 * once)


def test_the_seconds_of_an_abstention_stay_new() -> None:
    subject = estimator(correlation=0.0)
    subject.add(Window(1, 0.0, 30.0, Cadence.LOCAL), says(None), WHOLE)
    subject.add(Window(2, 0.0, 45.0, Cadence.LOCAL), says(0.8), WHOLE)
    assert subject.at(45.0).overall.p_positive == after([0.8], correlation=0.0).overall.p_positive


def test_an_abstention_changes_nothing_but_the_age() -> None:
    subject = estimator()
    subject.add(local(0), says(0.8), WHOLE)
    before = subject.at(40.0)
    subject.add(local(1), says(None), WHOLE)
    assert subject.at(40.0) == before
    assert subject.at(40.0).overall.age_s == 25.0


def test_windows_over_the_whole_session_move_the_overall_track_only() -> None:
    subject = estimator()
    subject.add(Window(1, 0.0, 60.0, Cadence.GLOBAL), says(0.9), WHOLE)
    estimate = subject.at(60.0)
    assert estimate.overall.p_positive > 0.5
    assert estimate.overall.windows == 1
    assert (estimate.current.p_positive, estimate.current.windows, estimate.current.age_s) == (0.5, 0, None)


def test_age_grows_until_the_track_is_stale() -> None:
    subject = estimator()
    assert subject.at(STALE_AFTER_S + 1).current.stale
    subject.add(local(0), says(0.8), WHOLE)
    assert subject.at(PERIOD_S + STALE_AFTER_S).current.age_s == STALE_AFTER_S
    assert not subject.at(PERIOD_S + STALE_AFTER_S).current.stale
    assert subject.at(PERIOD_S + STALE_AFTER_S + 1).overall.stale


def test_the_present_halves_in_a_half_life_and_the_session_is_remembered() -> None:
    subject = estimator(half_life_s=60.0)
    subject.add(local(0), says(0.99), WHOLE)
    now, later = subject.at(PERIOD_S), subject.at(PERIOD_S + 60.0)
    assert logit(later.current.p_positive) == pytest.approx(logit(now.current.p_positive) / 2)
    assert later.overall.p_positive == now.overall.p_positive
    assert width(later.current) > width(now.current)


def test_the_tracks_part_when_the_mood_turns() -> None:
    estimate = after([0.95] * 60 + [0.05] * 20)
    assert estimate.overall.label is EstimateLabel.POSITIVE
    assert estimate.current.p_positive < 0.45


def test_the_label_is_uncertain_in_the_band_and_on_its_edges() -> None:
    subject = after([0.7], calibrated=True, correlation=0.0)
    assert subject.overall.label is EstimateLabel.POSITIVE
    assert after([0.3], calibrated=True, correlation=0.0).overall.label is EstimateLabel.NEGATIVE
    assert after([0.59], calibrated=True, correlation=0.0).overall.label is EstimateLabel.UNCERTAIN
    assert estimator(uncertain_band=(0.5, 0.6)).at(0.0).overall.label is EstimateLabel.UNCERTAIN


def test_an_uncalibrated_judge_never_earns_a_narrow_interval() -> None:
    said = [0.8, 0.2] * 2000
    assert width(after(said).overall) == pytest.approx(2 * UNCALIBRATED_HALF_WIDTH)
    assert width(after(said, calibrated=True).overall) < 2 * UNCALIBRATED_HALF_WIDTH


def test_an_honest_judge_stays_calibrated() -> None:
    rng = np.random.default_rng(1)
    sessions, windows = 4000, 12
    positive = rng.random(sessions) < 0.5
    # Log-odds of normal evidence with means +-d^2/2 and variance d^2 are the true posterior log-odds.
    d = 0.4
    evidence = np.where(positive[:, None], 1, -1) * d**2 / 2 + rng.normal(0, d, (sessions, windows))
    stated = 1 / (1 + np.exp(-evidence))
    p = np.array([after(row, calibrated=True, correlation=0.0, cap_logit=9.0).overall.p_positive for row in stated])
    outcome = Outcome(p, positive, p, p)
    assert outcome.calibration_error < 0.02
    assert np.mean((p > 0.5) == positive) > 0.72


def test_a_judge_that_is_too_sure_of_itself_does_not_make_the_estimate_so() -> None:
    windows = [local(n) for n in range(42)]
    right = right_or_wrong(np.random.default_rng(2), 2000, 42, EALD_ACCURACY, stickiness=0.0)
    assert simulate(windows, right, correlation=0.0).calibration_error < 0.03
    assert simulate(windows, right, correlation=0.0, temper=1.0, cap_logit=99.0).calibration_error > 0.15


@pytest.mark.parametrize(("stickiness", "correlation"), [(0.0, 0.5), (0.5, 0.5), (0.7, 0.5), (0.9, 0.9)])
def test_errors_that_stick_do_not_make_it_too_sure_either(stickiness: float, correlation: float) -> None:
    windows = schedule(630.0)
    right = right_or_wrong(np.random.default_rng(3), 1000, len(windows), EALD_ACCURACY, stickiness)
    assert simulate(windows, right, correlation=correlation).too_sure < 0.03


def test_errors_far_stickier_than_assumed_cost_less_than_ten_points() -> None:
    windows = schedule(630.0)
    right = right_or_wrong(np.random.default_rng(4), 1000, len(windows), EALD_ACCURACY, stickiness=0.9)
    assert simulate(windows, right).too_sure < 0.1
    assert simulate(windows, right, correlation=0.0).too_sure > 0.2


def test_judging_the_same_seconds_on_two_cadences_is_not_counted_as_twice_the_evidence() -> None:
    # Evidence drifts as in EALD's table (d = 0.22 over 420 s); a window's verdict is the sign of its own span.
    windows = schedule(1800.0)
    sessions = 600
    truth = np.where(np.arange(sessions) % 2 == 0, 1.0, -1.0)
    steps = truth[:, None] * 0.22 / 420 + np.random.default_rng(5).normal(0, 420**-0.5, (sessions, 1800))
    path = np.concatenate([np.zeros((sessions, 1)), np.cumsum(steps, axis=1)], axis=1)
    spans = np.array([path[:, int(window.end_s)] - path[:, int(window.start_s)] for window in windows]).T
    outcome = simulate(windows, (spans > 0) == (truth[:, None] > 0))
    assert outcome.too_sure < 0.02
    assert outcome.calibration_error < 0.08


@pytest.mark.parametrize(
    ("stated", "accuracy", "stickiness"), [(0.8, EALD_ACCURACY, 0.0), (0.8, EALD_ACCURACY, 0.9), (0.99, 0.9, 0.5)]
)
def test_the_interval_at_half_time_holds_the_final_estimate_nine_times_in_ten(
    stated: float, accuracy: float, stickiness: float
) -> None:
    windows = schedule(630.0)
    right = right_or_wrong(np.random.default_rng(6), 500, len(windows), accuracy, stickiness)
    outcome = simulate(windows, right, stated)
    assert np.mean((outcome.low <= outcome.p) & (outcome.p <= outcome.high)) >= 0.9


PROBABILITIES = st.lists(st.floats(0.0, 1.0), max_size=40)


@given(PROBABILITIES, st.floats(0.0, 600.0))
def test_the_estimate_is_bounded_and_lies_in_its_interval(said: Sequence[float], wait_s: float) -> None:
    subject = estimator()
    for n, p_positive in enumerate(said):
        subject.add(local(n), says(p_positive), WHOLE)
    estimate = subject.at(len(said) * PERIOD_S + wait_s)
    for track in (estimate.overall, estimate.current):
        low, high = track.interval
        assert 0.0 < low < track.p_positive < high < 1.0
        assert abs(logit(track.p_positive)) <= 2.2 + 1e-9


@given(st.data(), PROBABILITIES)
def test_the_overall_track_does_not_care_what_came_first(data: st.DataObject, said: list[float]) -> None:
    assert after(data.draw(st.permutations(said))).overall.p_positive == pytest.approx(after(said).overall.p_positive)


@given(PROBABILITIES.filter(bool), st.data())
def test_a_more_positive_verdict_never_lowers_either_track(said: list[float], data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(said) - 1))
    raised = [*said[:n], data.draw(st.floats(said[n], 1.0)), *said[n + 1 :]]
    before, now = after(said), after(raised)
    assert now.overall.p_positive >= before.overall.p_positive - 1e-12
    assert now.current.p_positive >= before.current.p_positive - 1e-12


@given(PROBABILITIES)
def test_the_overall_interval_never_widens(said: list[float]) -> None:
    assert width(after([*said, 0.5]).overall) <= width(after(said).overall) + 1e-9


def test_a_judge_bounded_by_published_evidence_is_taken_at_its_word_up_to_its_cap() -> None:
    bounded = ModelInfo("bounded", heuristic=True, calibrated=False, notice="", temper=1.0, cap_logit=0.4)
    settings = EstimateSettings(prior_positive=0.73)
    told = {judge.name: Estimator(settings, judge=judge, stale_after_s=STALE_AFTER_S) for judge in (JUDGE, bounded)}
    for n in range(200):
        for each in told.values():
            each.add(local(n), says(0.4), WHOLE)
        if n == 0:
            first = {name: each.at(PERIOD_S).overall.p_positive for name, each in told.items()}
            assert first["bounded"] < first["judge"] < 0.73
    prior = math.log(0.73 / 0.27)
    last = told["bounded"].at(200 * PERIOD_S).overall.p_positive
    assert math.log(last / (1 - last)) == pytest.approx(prior - 0.4)
