from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from buffers.records import Group
from streams.nfbl.features.types import Arm, Features, Torso
from streams.nfbl.landmarks import Side
from streams.nfbl.signals import Family
from tests.made_body import Place, made_body, made_features, made_hand
from tests.made_looks import blind, last, strength, top

pytestmark = pytest.mark.unit

SMALL = (320.0, 60.0, 40.0)
"""A face so small that arms and hips lie in the picture."""


def _torso(features: Features) -> Torso:
    assert features.torso is not None
    return features.torso


def _body(left: Place | None, right: Place | None, *, elbow_out: float = 0.15) -> Features:
    """A person whose wrists lie at places given in shoulder widths from between the shoulders, own left positive."""
    plain = _torso(made_features(made_body(0.0, face=SMALL), face=SMALL))
    x, y, width = float(plain.middle[0]), float(plain.middle[1]), plain.width_px

    def pixel(place: Place | None) -> Place | None:
        return place and (x + place[0] * width, y + place[1] * width)

    elbows = (pixel((0.5 + elbow_out, 0.7)), pixel((-0.5 - elbow_out, 0.7)))
    body = made_body(0.0, face=SMALL, wrists=(pixel(left), pixel(right)), elbows=elbows)
    return made_features(body, face=SMALL)


def _with_arms(features: Features, **changes: float | bool) -> Features:
    torso = _torso(features)

    def changed(arm: Arm) -> Arm:
        return replace(arm, **changes)  # type: ignore[arg-type]

    return replace(features, torso=replace(torso, left=changed(torso.left), right=changed(torso.right)))


def test_folded_arms_are_found() -> None:
    signal = last([_body((-0.4, 0.6), (0.4, 0.6))], Family.FOLD)
    assert strength(signal) > 0.9
    assert top(signal) == "N16"
    assert signal is not None
    assert signal.side is Side.BOTH
    assert signal.group is Group.ARMS


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ((0.03, 0.9), (-0.03, 0.9), "hands laid together in the lap"),
        ((0.4, 0.6), (-0.4, 0.6), "each hand near its own elbow"),
        ((-0.4, 0.6), (-0.5, 1.2), "one arm across"),
        (None, None, "hanging arms"),
    ],
)
def test_other_arms_are_not_folded(left: Place | None, right: Place | None, reason: str) -> None:
    assert strength(last([_body(left, right)], Family.FOLD)) < 0.3, reason


def test_arms_seen_from_the_side_are_not_folded() -> None:
    features = _body((-0.4, 0.6), (0.4, 0.6))
    narrow = replace(_torso(features), width_px=2.5 * _torso(features).width_px)
    assert strength(last([replace(features, torso=narrow)], Family.FOLD)) == 0.0


def test_folded_arms_may_hide_a_wrist_but_not_both_elbows() -> None:
    features = _body((-0.4, 0.6), (0.4, 0.6))
    assert strength(last([_with_arms(features, wrist_visible=0.4)], Family.FOLD)) > 0.9
    guessed = _with_arms(features, elbow_visible=0.2)
    assert strength(last([guessed], Family.FOLD)) == 0.0
    assert blind(guessed)[Group.ARMS] == "elbows out of view"


def test_hands_on_hips_with_the_elbows_out_are_akimbo() -> None:
    signal = last([_body((0.4, 1.1), (-0.4, 1.1), elbow_out=0.5)], Family.AKIMBO)
    assert strength(signal) > 0.9
    assert top(signal) == "N29"


def test_arms_that_hang_away_from_the_body_are_not_akimbo() -> None:
    assert strength(last([_body((0.8, 1.25), (-0.8, 1.25), elbow_out=0.28)], Family.AKIMBO)) < 0.1


def test_a_hanging_arm_is_not_akimbo() -> None:
    assert strength(last([_body((0.4, 1.1), (-0.4, 1.1), elbow_out=0.05)], Family.AKIMBO)) == 0.0


def test_hips_out_of_the_picture_or_guessed_hold_no_hands() -> None:
    features = _body((0.4, 1.1), (-0.4, 1.1), elbow_out=0.5)
    torso = _torso(features)
    unseen = replace(features, torso=replace(torso, hips=(None, None)))
    assert strength(last([unseen], Family.AKIMBO)) == 0.0
    left, right = torso.hips
    assert left is not None
    assert right is not None
    lift = np.asarray((torso.middle - (left + right) / 2) * 0.4, np.float32)
    hips = (np.asarray(left + lift, np.float32), np.asarray(right + lift, np.float32))
    guessed = replace(features, torso=replace(torso, hips=hips))
    assert strength(last([guessed], Family.AKIMBO)) == 0.0


def test_a_hand_resting_on_the_other_upper_arm_is_found() -> None:
    signal = last([_right_hand_at_left_arm(speed=0.1)], Family.ARM)
    assert strength(signal) > 0.5
    assert top(signal) == "N21"
    assert signal is not None
    assert signal.side is Side.RIGHT


def test_a_hand_that_passes_before_the_other_arm_is_not_on_it() -> None:
    assert strength(last([_right_hand_at_left_arm(speed=1.5)], Family.ARM)) == 0.0


def test_without_a_body_the_arms_are_blind() -> None:
    features = made_features(made_body(0.0, pose=False))
    assert blind(features)[Group.ARMS] == "no body"


def test_wrists_out_of_view_blind_the_arms() -> None:
    features = _with_arms(_body(None, None), wrist_inside=False)
    assert blind(features)[Group.ARMS] == "wrists out of view"


def _right_hand_at_left_arm(*, speed: float) -> Features:
    plain = _torso(_body(None, None))
    on = plain.left.shoulder + 0.6 * (plain.left.elbow - plain.left.shoulder)
    hand = made_hand((float(on[0]), float(on[1])), Side.RIGHT, size_px=20.0, pointing=(1.0, -0.2))
    body = made_body(0.0, face=SMALL, right_hand=hand)
    return made_features(body, face=SMALL, speeds=(0.0, speed))
