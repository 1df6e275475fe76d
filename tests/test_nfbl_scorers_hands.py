from __future__ import annotations

from dataclasses import replace

import pytest

from buffers.records import Group
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Hand, Side
from streams.nfbl.signals import Family
from tests.made_body import FACE, made_body, made_features, made_hand
from tests.made_looks import at, blind, fist, held, last, looks, share, strength, top

pytestmark = pytest.mark.unit

SMALL = (320.0, 60.0, 40.0)


def _pair(gap_h: float, v: float = 2.0) -> tuple[Hand, Hand]:
    """Two flat hands that point at each other, their fingertips `gap_h` apart (negative: past each other)."""
    left = made_hand(at(gap_h / 2, v), Side.LEFT, pointing=(-1.0, 0.0))
    right = made_hand(at(-gap_h / 2, v), Side.RIGHT, pointing=(1.0, 0.0))
    return left, right


def _ticks(gap_h: float, *, v: float = 2.0, speed: float = 0.5) -> list[Features]:
    left, right = _pair(gap_h, v)
    return held(left=left, right=right, seconds=0.5, speed=speed)


def test_hands_at_each_other_are_found() -> None:
    signal = last(_ticks(-0.6), Family.TOGETHER)
    assert strength(signal) > 0.9
    assert top(signal) == "N22"
    assert signal is not None
    assert signal.side is Side.BOTH
    assert signal.group is Group.HANDS


def test_hands_a_hands_length_apart_are_not_at_each_other() -> None:
    assert strength(last(_ticks(0.6), Family.TOGETHER)) == 0.0


def test_hands_that_open_a_little_are_still_at_each_other_and_parted_ones_are_not() -> None:
    together, open_a_little, parted = (_ticks(gap)[-1] for gap in (-0.6, 0.38, 0.8))
    assert strength(last([open_a_little], Family.TOGETHER)) < 0.5
    assert strength(last([together, open_a_little], Family.TOGETHER)) > 0.9
    assert strength(last([together, parted], Family.TOGETHER)) == 0.0
    assert strength(last([together, parted, open_a_little], Family.TOGETHER)) < 0.5


def test_hands_at_each_other_before_the_face_are_a_touch_of_the_face() -> None:
    left, right = (made_hand(at(side * 0.15, 0.3), way) for side, way in ((1, Side.LEFT), (-1, Side.RIGHT)))
    ticks = held(left=left, right=right, seconds=0.5)
    assert strength(last(ticks, Family.TOGETHER)) == 0.0
    assert strength(last(ticks, Family.TOUCH)) > 0.5


def test_tips_that_meet_with_the_palms_apart_are_a_steeple() -> None:
    left = made_hand(at(0.05, 1.6), Side.LEFT, pointing=(-0.5, -1.0))
    right = made_hand(at(-0.05, 1.6), Side.RIGHT, pointing=(0.5, -1.0))
    assert top(last(held(left=left, right=right, seconds=0.5), Family.TOGETHER)) == "N24"


def test_still_interlaced_fingers_vote_more_for_crossed_fingers_than_rubbing_ones() -> None:
    still, rubbing = last(_ticks(-0.45, speed=0.0), Family.TOGETHER), last(_ticks(-0.45, speed=1.0), Family.TOGETHER)
    assert share(still, "N23") > share(rubbing, "N23")


def _clasped(*, wrists_apart: float, hand: bool = True, visible: float = 0.98) -> Features:
    """Wrists so many shoulder widths apart before the belly, and one hand found between them."""
    plain = made_features(made_body(0.0, face=SMALL), face=SMALL).torso
    assert plain is not None
    x, y, width = float(plain.middle[0]), float(plain.middle[1]) + plain.width_px, plain.width_px
    gap = wrists_apart * width / 2
    found = made_hand((x, y - 8.0), Side.LEFT, size_px=20.0)
    body = made_body(0.0, face=SMALL, left_hand=found if hand else None, wrists=((x + gap, y), (x - gap, y)))
    features = made_features(body, face=SMALL)
    torso = features.torso
    assert torso is not None
    arms = [replace(arm, wrist_visible=visible) for arm in (torso.left, torso.right)]
    return replace(features, torso=replace(torso, left=arms[0], right=arms[1]))


def test_two_clasped_hands_may_be_found_as_one() -> None:
    signal = last([_clasped(wrists_apart=0.3)], Family.TOGETHER)
    assert strength(signal) > 0.9
    assert signal is not None
    assert signal.quality < 0.7


@pytest.mark.parametrize(
    "features", [_clasped(wrists_apart=0.9), _clasped(wrists_apart=0.3, visible=0.3)], ids=["apart", "guessed"]
)
def test_one_hand_alone_is_not_two(features: Features) -> None:
    assert strength(last([features], Family.TOGETHER)) == 0.0


def test_hands_that_are_not_found_are_out_of_view_unless_their_wrists_are_seen_apart() -> None:
    assert blind(_clasped(wrists_apart=0.3, hand=False))[Group.HANDS] == "hands out of view"
    assert Group.HANDS not in blind(_clasped(wrists_apart=1.3, hand=False))
    assert blind(made_features(made_body(0.0, pose=False)))[Group.HANDS] == "no body"


def test_an_open_hand_that_rests_at_the_notch_is_found_after_a_while() -> None:
    hand = made_hand(at(0.0, 1.15), Side.RIGHT, pointing=(1.0, -0.3))
    assert strength(last(held(right=hand, seconds=0.4), Family.CHEST)) == 0.0
    signal = last(held(right=hand, seconds=0.8), Family.CHEST)
    assert strength(signal) > 0.5
    assert top(signal) == "N14"
    assert signal is not None
    assert signal.group is Group.HANDS
    assert signal.quality <= 0.5


def test_both_hands_at_the_collar_adjust_it() -> None:
    right = made_hand(at(-0.24, 1.15), Side.RIGHT, pointing=(0.2, -1.0), size_px=0.3 * FACE[2])
    left = made_hand(at(0.24, 1.15), Side.LEFT, pointing=(-0.2, -1.0), size_px=0.3 * FACE[2])
    ticks = held(right=right, left=left, seconds=0.8)
    signal = last(ticks, Family.CHEST)
    assert strength(signal) > 0.5
    assert top(signal) == "N13"


def test_a_closed_hand_at_the_chest_holds_something() -> None:
    ticks = held(right=fist(at(0.0, 1.15), Side.RIGHT, pointing=(1.0, -0.3)), seconds=1.5)
    assert strength(last(ticks, Family.CHEST)) == 0.0


def test_a_hand_that_gestures_before_the_chest_does_not_touch_it() -> None:
    ticks = []
    for number in range(20):
        hand = made_hand(at(0.0, 1.0 + 0.05 * (number % 8)), Side.RIGHT, pointing=(1.0, -0.3))
        ticks.append(made_features(made_body(number / 10, right_hand=hand), speeds=(None, 0.5)))
    assert all(s.family is not Family.CHEST for sights in looks(ticks) for sight in sights for s in sight.signals)
