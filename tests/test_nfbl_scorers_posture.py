from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from buffers.records import Group
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Side
from streams.nfbl.signals import Family, Signal
from tests.made_body import FACE, made_body, made_features
from tests.made_looks import at, blind, looks, signals, strength, top

pytestmark = pytest.mark.unit

WIDTH = 1.6 * FACE[2]
Course = Callable[[float], float]
"""A value in shoulder widths over time in seconds."""


def _nothing(_t_s: float) -> float:
    return 0.0


def _bump(height: float, start_s: float, seconds: float) -> Course:
    """Up within 0.2 s, down within 0.2 s."""

    def course(t_s: float) -> float:
        return height * min(1.0, max(0.0, min(t_s - start_s, start_s + seconds - t_s) / 0.2))

    return course


def _ticks(
    *,
    up: Course = _nothing,
    head_up: Course = _nothing,
    aside: Course = _nothing,
    tilt: Course = _nothing,
    larger: Course = _nothing,
    seconds: float = 8.0,
    speaking: float | None = 1.0,
    every: int = 2,
    noise_px: float = 0.0,
) -> list[Features]:
    """A seated person whose shoulders rise, tilt, grow or move aside; the body is looked at in every second tick."""
    ticks = []
    for number in range(round(10 * seconds)):
        t_s = number / 10
        scale = 1.0 + larger(t_s)
        x = FACE[0] + aside(t_s) * WIDTH
        face = (x, FACE[1] - head_up(t_s) * WIDTH, FACE[2] * scale)
        shoulders = (x, FACE[1] + 1.1 * FACE[2] - up(t_s) * WIDTH, WIDTH * scale)
        body = made_body(t_s, face=face, shoulders=shoulders, noise_px=noise_px, looked_at=True)
        features = made_features(body, face=face, speaking=speaking)
        torso = features.torso
        assert torso is not None
        lift = np.array((0.0, tilt(t_s) * WIDTH), np.float32)
        left = replace(torso.left, shoulder=torso.left.shoulder - lift)
        right = replace(torso.right, shoulder=torso.right.shoulder + lift)
        torso = replace(torso, left=left, right=right, width_px=WIDTH, new=number % every == 0, hips=(None, None))
        ticks.append(replace(features, torso=torso))
    return ticks


def _strongest(found: list[Signal | None]) -> float:
    return max(strength(signal) for signal in found)


def test_raised_shoulders_under_a_still_head_are_a_shrug() -> None:
    found = signals(_ticks(up=_bump(0.15, 4.0, 1.1)), Family.SHRUG)
    strong = [number / 10 for number, signal in enumerate(found) if strength(signal) > 0.5]
    assert 4.0 <= strong[0] <= 4.4
    assert 4.7 <= strong[-1] <= 5.3
    assert top(found[round(10 * strong[0])]) == "N30"


def test_a_signal_of_the_body_holds_between_two_looks_at_it() -> None:
    found = signals(_ticks(up=_bump(0.15, 4.0, 1.1)), Family.SHRUG)
    assert all(strength(found[number]) == strength(found[number + 1]) for number in range(0, 80, 2))


@pytest.mark.parametrize(
    ("ticks", "reason"),
    [
        (_ticks(up=_bump(0.03, 4.0, 1.1)), "too little"),
        (_ticks(up=_bump(0.15, 4.0, 1.1), head_up=_bump(0.15, 4.0, 1.1)), "the whole body rises"),
        (_ticks(up=_bump(-0.15, 4.0, 1.1), head_up=_bump(-0.3, 4.0, 1.1)), "a nod"),
        (_ticks(up=_bump(0.15, 4.0, 1.1), head_up=_bump(-0.3, 4.0, 1.1)), "a lean"),
        (_ticks(tilt=_bump(0.15, 4.0, 1.1)), "one shoulder up, one down"),
        (_ticks(up=_bump(0.15, 4.0, 1.1), larger=_bump(0.3, 4.0, 1.1)), "coming nearer"),
        (_ticks(up=_bump(0.15, 4.0, 1.1), speaking=0.0), "nobody speaks"),
        (_ticks(up=_bump(0.15, 0.5, 1.1), seconds=1.4), "no past yet"),
        (_ticks(noise_px=0.02 * WIDTH / 2, seconds=20.0), "noise"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_movements_are_no_shrug(ticks: list[Features], reason: str) -> None:
    assert _strongest(signals(ticks, Family.SHRUG)) < 0.5, reason


def test_a_shrug_right_after_speech_belongs_to_it() -> None:
    ticks = _ticks(up=_bump(0.15, 4.0, 1.1))
    silent = [replace(features, speaking=float(features.t_s < 3.0)) for features in ticks]
    assert _strongest(signals(silent, Family.SHRUG)) > 0.5


def test_a_shrug_without_knowledge_of_speech_is_of_lower_quality() -> None:
    known = signals(_ticks(up=_bump(0.15, 4.0, 1.1)), Family.SHRUG)[45]
    unknown = signals(_ticks(up=_bump(0.15, 4.0, 1.1), speaking=None), Family.SHRUG)[45]
    assert known is not None
    assert unknown is not None
    assert unknown.activation == known.activation
    assert unknown.quality < known.quality


def test_shoulders_that_stay_up_are_a_way_of_sitting() -> None:
    found = signals(_ticks(up=_bump(0.15, 4.0, 8.0), seconds=12.0), Family.SHRUG)
    assert sum(strength(signal) >= 0.5 for signal in found) <= 31
    assert strength(found[110]) == 0.0


def test_a_quick_shift_of_the_trunk_moves_it() -> None:
    found = signals(_ticks(aside=lambda t_s: 0.5 * min(1.0, max(0.0, (t_s - 4.0) / 0.8))), Family.TORSO)
    assert _strongest(found) > 0.9
    assert max(range(len(found)), key=lambda number: strength(found[number])) <= 50
    assert top(found[max(range(len(found)), key=lambda number: strength(found[number]))]) == "N19"


@pytest.mark.parametrize(
    ("ticks", "reason"),
    [
        (_ticks(aside=lambda t_s: 0.1 * t_s), "a slow lean"),
        (_ticks(aside=lambda t_s: 0.08 * math.sin(2 * math.pi * t_s)), "swaying"),
        (_ticks(aside=lambda t_s: 0.5 if 4.0 <= t_s < 4.2 else 0.0), "the body found elsewhere once"),
        (_ticks(aside=_bump(0.5, 4.0, 1.2), larger=_bump(0.4, 4.0, 1.2)), "coming nearer"),
    ],
    ids=["lean", "sway", "glitch", "nearer"],
)
def test_other_movements_do_not_move_the_trunk(ticks: list[Features], reason: str) -> None:
    assert _strongest(signals(ticks, Family.TORSO)) < 0.5, reason


def test_hips_that_come_along_are_a_walk_or_a_pan() -> None:
    ticks = []
    for features in _ticks(aside=lambda t_s: 0.5 * min(1.0, max(0.0, (t_s - 4.0) / 0.8))):
        torso = features.torso
        assert torso is not None
        hips = torso.middle + np.array((0.0, 1.1 * WIDTH), np.float32)
        ticks.append(replace(features, torso=replace(torso, hips=(hips, hips))))
    assert _strongest(signals(ticks, Family.TORSO)) < 0.1


def _pitches(course: Course, *, seconds: float = 45.0, right_hand: tuple[float, float] | None = None) -> list[Features]:
    ticks = []
    for number in range(round(10 * seconds)):
        body = made_body(number / 10, pose=False, right_hand=right_hand)
        ticks.append(made_features(body, pitch_deg=course(number / 10)))
    return ticks


def test_a_head_above_its_usual_pitch_is_up() -> None:
    found = signals(_pitches(_bump(25.0, 40.0, 2.0)), Family.HEAD_UP)
    assert strength(found[410]) > 0.9
    assert top(found[410]) == "N27"
    assert strength(found[430]) == 0.0


def test_looking_up_from_notes_is_not_a_raised_head() -> None:
    assert _strongest(signals(_pitches(lambda t_s: -25.0 if t_s % 4 < 2 else 0.0), Family.HEAD_UP)) == 0.0


def test_a_nod_is_not_a_raised_head() -> None:
    assert _strongest(signals(_pitches(lambda t_s: 8.0 * math.sin(6.0 * t_s)), Family.HEAD_UP)) == 0.0


def test_a_head_that_stays_up_is_held_so() -> None:
    found = signals(_pitches(_bump(25.0, 35.0, 20.0), seconds=50.0), Family.HEAD_UP)
    assert strength(found[370]) > 0.9
    assert strength(found[450]) == 0.0


def test_a_hand_before_the_face_hides_its_pitch() -> None:
    assert not any(signals(_pitches(_bump(25.0, 40.0, 2.0), right_hand=at(0.0, 0.4)), Family.HEAD_UP))


def test_posture_is_blind_without_shoulders() -> None:
    assert blind(made_features(made_body(0.0, pose=False)))[Group.POSTURE] == "no body"
    features = made_features(made_body(0.0))
    torso = features.torso
    assert torso is not None
    hidden = replace(torso, left=replace(torso.left, shoulder_visible=0.1))
    assert blind(replace(features, torso=hidden))[Group.POSTURE] == "shoulders out of view"


def _gesture(speed: float, speaking: float | None, tips: tuple[float, float] = (-1.0, 1.6)) -> Features:
    body = made_body(0.0, right_hand=at(*tips))
    return made_features(body, speeds=(0.0, speed), speaking=speaking)


def test_a_free_hand_that_moves_while_somebody_speaks_illustrates() -> None:
    signal = signals([_gesture(2.0, 1.0)], Family.ILLUSTRATIVE)[0]
    assert strength(signal) == 1.0
    assert top(signal) == "N31"
    assert signal is not None
    assert signal.group is Group.ILLUSTRATIVE
    assert signal.side is Side.RIGHT


@pytest.mark.parametrize(
    "features",
    [_gesture(0.3, 1.0), _gesture(2.0, 0.0), _gesture(0.8, 1.0, (0.0, 0.3))],
    ids=["at rest", "nobody speaks", "at the face"],
)
def test_other_hands_do_not_illustrate(features: Features) -> None:
    assert strength(signals([features], Family.ILLUSTRATIVE)[0]) < 0.3


def test_a_gesture_without_knowledge_of_speech_is_of_lower_quality() -> None:
    signal = signals([_gesture(2.0, None)], Family.ILLUSTRATIVE)[0]
    assert strength(signal) == 1.0
    assert signal is not None
    assert signal.quality < 0.7


def test_hands_at_each_other_do_not_illustrate() -> None:
    body = made_body(0.0, right_hand=at(0.05, 1.8), left_hand=at(-0.05, 1.8))
    sights = looks([made_features(body, speeds=(2.0, 2.0), speaking=1.0)])[0]
    assert {signal.family for sight in sights for signal in sight.signals} == {Family.TOGETHER}
