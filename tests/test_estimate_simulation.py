from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.made_sessions import (
    Known,
    Sessions,
    calibration_error,
    final,
    learned,
    many_voices,
    one_voice,
    right,
    schedule,
    too_sure,
)

pytestmark = pytest.mark.unit

LABELLED = 40
"""Labelled recordings that a calibration is made of where it is not made of thousands."""

Voice = Callable[..., Sessions]


def well_known(voice: Voice, length_s: float, accuracy: float, stickiness: float) -> Known:
    """A judge as it is (learned from thousands of sessions), with the cap of few recordings."""
    many = voice(np.random.default_rng(1), schedule(length_s), 2000, accuracy, stickiness)
    return replace(learned(many), recordings=LABELLED)


@pytest.mark.parametrize("accuracy", [0.54, 0.6, 0.7])
@pytest.mark.parametrize("stickiness", [0.0, 0.9])
@pytest.mark.parametrize(("voice", "minutes"), [(one_voice, 10.5), (one_voice, 30.5), (many_voices, 10.5)])
def test_a_calibrated_estimate_is_as_sure_as_it_is_right(
    voice: Voice, minutes: float, stickiness: float, accuracy: float
) -> None:
    known = well_known(voice, 60 * minutes, accuracy, stickiness)
    sessions = 1200 if minutes < 20 else 600
    played = voice(np.random.default_rng(2), schedule(60 * minutes), sessions, accuracy, stickiness)
    p = final(played, known)
    assert calibration_error(p, played.positive) <= 0.05
    assert abs(too_sure(p, played.positive)) <= 0.05
    assert right(p, played.positive) >= accuracy - 0.03


@pytest.mark.parametrize("stickiness", [0.0, 0.5, 0.9])
def test_stickiness_is_measured_from_labels(stickiness: float) -> None:
    labelled = one_voice(np.random.default_rng(3), schedule(630.0), LABELLED, 0.6, stickiness)
    # Every fourth local window follows one over the whole session, so that the neighbour before it is further away.
    assert learned(labelled).correlation == pytest.approx(0.97 * stickiness, abs=0.08)


def test_forty_labelled_recordings_leave_an_error_that_is_smaller_than_without_any() -> None:
    errors = []
    played = one_voice(np.random.default_rng(4), schedule(630.0), 250, 0.7, 0.9)
    for seed in range(6):
        labelled = one_voice(np.random.default_rng([5, seed]), schedule(630.0), LABELLED, 0.7, 0.9)
        errors.append(calibration_error(final(played, learned(labelled)), played.positive))
    assert np.mean(errors) < 0.09 < calibration_error(final(played, None), played.positive)


@pytest.mark.parametrize("accuracy", [0.54, 0.6, 0.7])
def test_without_a_calibration_independent_errors_leave_it_less_sure_than_right(accuracy: float) -> None:
    played = one_voice(np.random.default_rng(6), schedule(630.0), 400, accuracy, 0.0)
    assert too_sure(final(played, None), played.positive) < 0


def test_without_a_calibration_a_weak_judge_whose_errors_stick_leaves_it_about_ten_points_too_sure() -> None:
    played = one_voice(np.random.default_rng(7), schedule(630.0), 800, 0.54, 0.9)
    p = final(played, None)
    assert 0.04 < too_sure(p, played.positive) < 0.13
    assert calibration_error(p, played.positive) < 0.13
