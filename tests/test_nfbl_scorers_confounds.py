from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Side
from streams.nfbl.scorers.confounds import grip
from streams.nfbl.signals import Family
from tests.made_body import FACE, made_body, made_features, made_hand
from tests.made_looks import at, closed, fist, held, last, looks, scorers, share, signals, strength, top

pytestmark = pytest.mark.unit

AT_CHIN, BELOW_CHIN = (0.0, 0.60), (0.05, 0.85)


def _talking(ticks: list[Features], start: int = 0) -> list[Features]:
    """The same with lips that open and close, heard."""
    spoken = []
    for number, features in enumerate(ticks, start):
        mesh = features.body.mesh
        assert mesh is not None
        mesh = mesh.copy()
        mesh[14, 1] += 0.12 * FACE[2] * (number % 3) / 2
        spoken.append(replace(features, body=replace(features.body, mesh=mesh), speaking=1.0))
    return spoken


def test_a_grip_is_told_from_an_open_and_a_pointing_hand() -> None:
    hand = made_hand(at(0.0, 0.5), Side.RIGHT)
    assert grip(hand.points) < 0.1
    assert grip(closed(hand).points) > 0.9
    assert grip(closed(hand, but=(1,)).points) < 0.1


def test_a_thinkers_fist_at_the_chin_is_a_touch_however_long() -> None:
    found = signals(held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=6.0), Family.TOUCH)
    assert all(strength(signal) > 0.5 for signal in found)
    assert top(found[-1]) == "N10"


def test_an_open_hand_at_the_chin_is_a_touch_while_speaking() -> None:
    found = signals(_talking(held(right=at(0.0, 0.57), seconds=4.0)), Family.TOUCH)
    assert all(strength(signal) > 0.5 for signal in found)


def test_a_fist_at_the_chin_is_doubted_and_an_open_hand_is_not() -> None:
    doubted = last(held(right=fist(at(*AT_CHIN), Side.RIGHT)), Family.TOUCH)
    clear = last(held(right=at(0.0, 0.57)), Family.TOUCH)
    assert doubted is not None
    assert clear is not None
    assert doubted.quality < clear.quality


def test_a_microphone_before_the_neck_is_never_a_touch() -> None:
    for speaking in (None, 0.0, 1.0):
        ticks = held(right=fist(at(*BELOW_CHIN), Side.RIGHT), seconds=3.0, speaking=speaking)
        assert all(strength(signal) < 0.3 for signal in signals(ticks, Family.TOUCH))


def test_a_microphone_brought_to_the_mouth_is_no_touch() -> None:
    before = held(right=fist(at(*BELOW_CHIN), Side.RIGHT), seconds=1.5, speaking=None)
    after = held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=3.0, speaking=None, start_s=1.5)
    assert all(strength(signal) < 0.3 for signal in signals(before + after, Family.TOUCH))


def test_who_speaks_with_a_fist_at_the_mouth_for_a_second_holds_something() -> None:
    found = signals(_talking(held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=3.0)), Family.TOUCH)
    seconds = sum(strength(signal) >= 0.5 for signal in found) / 10
    assert seconds <= 1.5
    assert all(strength(signal) < 0.3 for signal in found[15:])


def test_who_listens_with_a_fist_at_the_chin_touches_it() -> None:
    found = signals(held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=3.0, speaking=1.0), Family.TOUCH)
    assert all(strength(signal) > 0.5 for signal in found)


def test_a_hand_that_opens_holds_nothing_any_more() -> None:
    gripped = held(right=fist(at(*BELOW_CHIN), Side.RIGHT), seconds=3.0)
    opened = held(right=at(*BELOW_CHIN), seconds=2.0, start_s=3.0)
    again = held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=0.5, start_s=5.0)
    assert strength(last(gripped + opened + again, Family.TOUCH)) > 0.5


def test_who_holds_something_can_still_wipe_the_brow() -> None:
    before = held(right=fist(at(*BELOW_CHIN), Side.RIGHT), seconds=1.5)
    hand = fist(at(0.0, -0.3), Side.RIGHT, pointing=(1.0, -0.4))
    signal = last(before + held(right=hand, seconds=0.5, start_s=1.5), Family.TOUCH)
    assert strength(signal) > 0.5
    assert share(signal, "N4") > 0.5


def test_the_user_may_say_that_something_is_held() -> None:
    ticks = held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=1.0)
    assert all(strength(signal) < 0.3 for signal in signals(ticks, Family.TOUCH, holding_object=True))
    bare = held(right=at(0.0, 0.57), seconds=1.0)
    assert all(strength(signal) > 0.5 for signal in signals(bare, Family.TOUCH, holding_object=True))


def test_what_was_held_is_forgotten_with_the_shot() -> None:
    asked = scorers()
    for features in held(right=fist(at(*BELOW_CHIN), Side.RIGHT), seconds=2.0):
        for scorer in asked:
            scorer.look(features)
    for scorer in asked:
        scorer.reset()
    after = held(right=fist(at(*AT_CHIN), Side.RIGHT), seconds=0.1, start_s=2.0)[0]
    found = [s for scorer in asked for s in scorer.look(after).signals if s.family is Family.TOUCH]
    assert strength(found[0] if found else None) > 0.5


def test_a_fist_that_gestures_before_the_chest_touches_neither_neck_nor_chest() -> None:
    ticks = []
    for number in range(20):
        hand = fist(at(0.1 + 0.1 * np.sin(number), 0.9), Side.RIGHT)
        ticks.append(made_features(made_body(number / 10, right_hand=hand), speeds=(None, 0.4), speaking=1.0))
    for sights in looks(ticks):
        found = [s for sight in sights for s in sight.signals if s.family in {Family.TOUCH, Family.CHEST}]
        assert all(signal.activation < 0.3 for signal in found)
