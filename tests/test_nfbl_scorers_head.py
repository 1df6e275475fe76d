from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from buffers.records import Group
from streams.nfbl.features.types import FaceSource, Features
from streams.nfbl.landmarks import Side
from streams.nfbl.signals import Family, Signal
from tests.made_body import FACE, made_body, made_features, made_hand
from tests.made_looks import at, blind, closed, held, last, looks, moved, share, signals, strength, top

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("u", "v", "expected"),
    [
        (0.0, -0.68, "N3"),
        (0.0, -0.33, "N4"),
        (-0.17, -0.05, "N6"),
        (-0.2, 0.32, "N7"),
        (0.0, 0.57, "N10"),
        (0.0, 0.76, "N11"),
    ],
)
def test_fingers_in_a_zone_touch_it(u: float, v: float, expected: str) -> None:
    hand = made_hand(at(u, v), Side.RIGHT, pointing=(1.0, -0.4))
    signal = last(held(right=hand), Family.TOUCH)
    assert signal is not None
    assert signal.group is Group.HEAD
    assert signal.side is Side.RIGHT
    assert signal.activation > 0.5
    assert top(signal) == expected


def test_a_finger_at_the_ear_touches_the_ear() -> None:
    hand = moved(closed(made_hand(at(-0.5, 0.1), Side.RIGHT), but=(1,)), at(0.0, 0.0))
    index = hand.points[8]
    hand = replace(hand, points=hand.points + (np.array(at(-0.47, 0.08)) - index).astype(np.float32))
    assert top(last(held(right=hand), Family.TOUCH)) == "N8"


def test_the_stretched_finger_says_what_is_touched() -> None:
    hand = closed(made_hand(at(0.0, 0.2), Side.RIGHT), but=(1,))
    hand = replace(hand, points=hand.points + (np.array(at(0.0, 0.19)) - hand.points[8]).astype(np.float32))
    signal = last(held(right=hand), Family.TOUCH)
    assert top(signal) == "N34"
    assert strength(signal) > 0.5


def test_a_point_near_a_border_votes_for_both_sides_of_it() -> None:
    signal = last(held(right=at(0.0, 0.55)), Family.TOUCH)
    assert share(signal, "N10") > 0.1
    assert share(signal, "N11") > 0.1


@pytest.mark.parametrize(
    ("tips", "reason"),
    [((-0.8, 0.2), "beside the head"), ((0.0, 1.7), "before the chest"), ((0.0, -1.1), "above the head")],
)
def test_a_hand_near_the_head_does_not_touch_it(tips: tuple[float, float], reason: str) -> None:
    hand = made_hand(at(*tips), Side.RIGHT, pointing=(1.0, -0.4))
    assert strength(last(held(right=hand), Family.TOUCH)) < 0.3, reason


def test_a_hand_that_passes_by_does_not_touch() -> None:
    ticks = []
    for number in range(10):
        body = made_body(number / 10, right_hand=at(-1.0 + 0.2 * number, 0.2))
        ticks.append(made_features(body, speeds=(None, 2.0)))
    assert all(strength(signal) < 0.3 for signal in signals(ticks, Family.TOUCH))


def test_a_hand_that_rubs_touches() -> None:
    ticks = []
    for number in range(12):
        body = made_body(number / 10, right_hand=at(-0.17 + (0.06 if number % 2 else -0.06), 0.0))
        ticks.append(made_features(body, speeds=(None, 1.2)))
    rubbing, resting = last(ticks, Family.TOUCH), last(held(right=at(-0.17, 0.0)), Family.TOUCH)
    assert strength(rubbing) > 0.5
    assert share(rubbing, "N6") / share(rubbing, "N7") > share(resting, "N6") / share(resting, "N7")


@pytest.mark.parametrize("size", [0.18, 1.4])
def test_a_hand_of_impossible_size_touches_nothing(size: float) -> None:
    hand = made_hand(at(0.0, 0.2), Side.RIGHT, size_px=size * FACE[2])
    assert strength(last(held(right=hand), Family.TOUCH)) == 0.0


def test_a_doubtful_hand_touches_nothing() -> None:
    hand = made_hand(at(0.0, 0.2), Side.RIGHT, score=0.5)
    assert strength(last(held(right=hand), Family.TOUCH)) == 0.0


def test_both_hands_on_the_face_cover_it() -> None:
    ticks = held(right=at(-0.18, 0.0), left=at(0.18, 0.0))
    signal = last(ticks, Family.TOUCH)
    assert top(signal) == "N5"


def test_one_hand_over_the_face_covers_it_once_the_mesh_is_lost() -> None:
    hand = made_hand(at(0.0, -0.2), Side.RIGHT, size_px=0.45 * FACE[2])
    body = made_body(0.0, right_hand=hand, mesh=False)
    features = made_features(body, source=FaceSource.HELD, mesh_lost_s=0.3)
    assert top(last([features], Family.TOUCH)) == "N5"


def test_a_hand_at_the_cheek_does_not_cover_the_face() -> None:
    signal = last(held(right=at(-0.3, 0.25)), Family.TOUCH)
    assert share(signal, "N5") < 0.2


def test_biting_nails_is_never_more_than_an_alternative() -> None:
    hand = closed(made_hand(at(0.0, 0.4), Side.RIGHT), but=(1,))
    hand = replace(hand, points=hand.points + (np.array(at(0.0, 0.38)) - hand.points[8]).astype(np.float32))
    signal = last(held(right=hand), Family.TOUCH)
    assert share(signal, "N9") > 0.0
    assert top(signal) != "N9"


def test_each_hand_is_followed_on_its_own() -> None:
    body = made_body(0.0, right_hand=at(-0.3, 0.3), left_hand=at(0.3, 0.3))
    assert {signal.side for signal in _touches(made_features(body))} == {Side.LEFT, Side.RIGHT}


def test_a_coarse_face_frame_lowers_the_quality() -> None:
    body = made_body(0.0, right_hand=at(0.0, 0.5), mesh=False)
    mesh = last([made_features(made_body(0.0, right_hand=at(0.0, 0.5)))], Family.TOUCH)
    pose = last([made_features(body, source=FaceSource.POSE)], Family.TOUCH)
    assert mesh is not None
    assert pose is not None
    assert pose.quality < mesh.quality


def test_without_a_face_nothing_is_said_of_the_head() -> None:
    features = made_features(made_body(0.0, mesh=False, right_hand=at(0.0, 0.2)), face=None)
    assert blind(features)[Group.HEAD] == "no face"
    assert not _touches(features)


def test_a_person_turned_away_is_told_from_none() -> None:
    body = made_body(0.0, mesh=False)
    assert body.pose is not None
    pose = body.pose.copy()
    pose[0, 0] = pose[8, 0] - 10.0
    features = made_features(replace(body, pose=pose), face=None)
    assert blind(features)[Group.HEAD] == "turned away"


def _touches(features: Features) -> list[Signal]:
    return [signal for sight in looks([features])[0] for signal in sight.signals if signal.family is Family.TOUCH]


def test_a_hand_whose_score_dips_stays_a_hand_and_one_that_never_was_sure_is_none() -> None:
    sure, doubtful = (held(right=made_hand(at(0.0, 0.4), Side.RIGHT, score=score))[-1] for score in (0.95, 0.5))
    assert strength(last([doubtful], Family.TOUCH)) == 0.0
    assert strength(last([sure, doubtful], Family.TOUCH)) > 0.5
    assert strength(last([sure, replace(doubtful, t_s=sure.t_s + 1.0)], Family.TOUCH)) == 0.0
