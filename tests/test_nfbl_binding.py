"""Which hands are the watched person's, and which side each is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.nfbl.landmarks import Body, Side
from tests.made_body import Place, built, made_body, made_hand, sides

pytestmark = pytest.mark.unit

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CHEEK: Place = (340.0, 130.0)
LAP: Place = (280.0, 300.0)


def test_hands_are_bound_to_their_sides() -> None:
    features = built(lambda t_s: made_body(t_s, left_hand=CHEEK, right_hand=LAP))[-1]
    assert sides(features) == [LEFT, RIGHT]
    left = features.hand(LEFT)
    assert left is not None
    assert left.points[[8, 12, 16, 20]].mean(axis=0) == pytest.approx(CHEEK, abs=0.1)
    assert left.size == pytest.approx(0.5, abs=0.01)
    assert left.speed == pytest.approx(0, abs=1e-3)
    assert built(lambda t_s: made_body(t_s, left_hand=CHEEK))[0].hands[0].speed is None


def test_a_neighbours_hand_is_refused() -> None:
    neighbour = made_hand((520, 250), LEFT, size_px=40)
    features = built(lambda t_s: made_body(t_s, left_hand=CHEEK, right_hand=LAP, others=(neighbour,)))[-1]
    assert [tuple(hand.points[0]) for hand in features.hands] == [
        tuple(hand.points[0]) for hand in features.body.hands[:2]
    ]
    alone = built(lambda t_s: made_body(t_s, wrists=(CHEEK, LAP), others=(neighbour,)))[-1]
    assert alone.hands == ()


def test_the_nearer_wrist_decides_the_side_against_the_engines_word() -> None:
    swapped = made_hand(CHEEK, RIGHT, size_px=40, score=0.99)
    root = (float(swapped.points[0, 0]), float(swapped.points[0, 1]))
    features = built(lambda t_s: made_body(t_s, wrists=(root, LAP), others=(swapped,)))[-1]
    assert sides(features) == [LEFT]


def test_the_engines_word_decides_between_wrists_as_near() -> None:
    for side in (LEFT, RIGHT):
        hand = made_hand((320, 240), side, size_px=40)
        wrists = ((330.0, 320.0), (310.0, 320.0))
        features = built(lambda t_s, hand=hand, wrists=wrists: made_body(t_s, wrists=wrists, others=(hand,)))[-1]  # type: ignore[misc]
        assert sides(features) == [side]


def test_two_hands_are_never_the_same_side() -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s, left_hand=(350, 240), right_hand=(290, 240))
        return replace(body, hands=tuple(replace(hand, side=RIGHT) for hand in body.hands))

    assert sides(built(script)[-1]) == [LEFT, RIGHT]


def test_two_detections_of_one_hand_are_one_hand() -> None:
    again = made_hand((CHEEK[0] + 4, CHEEK[1] - 3), RIGHT, size_px=42, score=0.7)
    features = built(lambda t_s: made_body(t_s, left_hand=CHEEK, others=(again,)))[-1]
    assert sides(features) == [LEFT]
    assert features.hands[0].score == 0.95


def test_a_second_guess_at_one_hand_is_none_but_two_hands_laid_together_are_two() -> None:
    near = made_hand((CHEEK[0] + 12, CHEEK[1] - 14), RIGHT, size_px=40, score=0.8)
    root = (float(near.points[0, 0]), float(near.points[0, 1]))
    assert sides(built(lambda t_s: made_body(t_s, left_hand=CHEEK, others=(near,)))[-1]) == [LEFT]
    together = built(lambda t_s: made_body(t_s, left_hand=CHEEK, wrists=((345, 195), root), others=(near,)))
    assert sides(together[-1]) == [LEFT, RIGHT]


def test_a_doubtful_word_of_the_engine_yields_to_the_nearer_arm() -> None:
    def script(t_s: float, score: float) -> Body:
        hand = made_hand((270, 130), LEFT, size_px=40, score=score)
        body = made_body(t_s, others=(hand,))
        if body.pose is not None:
            body.pose[[13, 14, 15, 16], 2] = 0.2
        return body

    assert sides(built(lambda t_s: script(t_s, 0.6))[-1]) == [RIGHT]
    assert sides(built(lambda t_s: script(t_s, 1.0))[-1]) == [LEFT]


def test_a_hand_whose_wrist_is_hidden_is_bound_by_the_arms_reach() -> None:
    def script(t_s: float, place: Place) -> Body:
        body = made_body(t_s, right_hand=place, others=())
        if body.pose is not None:
            body.pose[[13, 14, 15, 16], 2] = 0.2
            body.pose[[15, 16], :2] = (0, 0)
        return body

    assert sides(built(lambda t_s: script(t_s, (280, 140)))[-1]) == [RIGHT]
    assert built(lambda t_s: script(t_s, (10, 60)))[-1].hands == ()


@pytest.mark.parametrize("size_px", [8.0, 170.0])
def test_hands_of_impossible_size_are_refused(size_px: float) -> None:
    hand = made_hand(CHEEK, LEFT, size_px=size_px)
    assert built(lambda t_s: made_body(t_s, left_hand=hand))[-1].hands == ()


def test_in_a_close_up_hands_near_the_face_count_without_a_pose() -> None:
    face = (320.0, 150.0, 200.0)
    close = built(lambda t_s: made_body(t_s, face=face, pose=False, left_hand=(340.0, 200.0)))[-1]
    assert sides(close) == [LEFT]
    far = built(lambda t_s: made_body(t_s, face=(100, 60, 40), pose=False, left_hand=(600.0, 300.0)))[-1]
    assert far.hands == ()


def test_where_neither_face_nor_body_is_known_no_hand_is_anybodys() -> None:
    assert built(lambda t_s: made_body(t_s, mesh=False, pose=False, left_hand=CHEEK))[-1].hands == ()


def test_without_a_face_a_hand_is_measured_by_the_shoulders() -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s, mesh=False, left_hand=(340, 260))
        if body.pose is not None:
            body.pose[:11, 2] = 0.1
        return body

    features = built(script)[-1]
    assert features.face is None
    assert features.hands[0].size == pytest.approx(0.5, abs=0.01)


def test_a_hand_at_the_border_of_reach_does_not_flicker() -> None:
    def script(t_s: float, start: float) -> Body:
        # 0.6 shoulder widths of 128 px are 77 px; the wrist is guessed now inside, now outside.
        away = start if t_s < 0.35 else 74 + 8 * (round(t_s * 10) % 2)
        hand = made_hand((300, 260), RIGHT, size_px=40)
        root = (float(hand.points[0, 0]) - away, float(hand.points[0, 1]))
        return made_body(t_s, wrists=(None, root), others=(hand,))

    assert all(sides(each) == [RIGHT] for each in built(lambda t_s: script(t_s, 60)))
    assert all(sides(each) == [] for each in built(lambda t_s: script(t_s, 90))[:4])


def test_a_palm_that_points_at_the_camera_is_as_large_as_one_seen_from_the_front() -> None:
    flat = made_hand((300, 240), RIGHT, size_px=40)
    points = flat.points.copy()
    points[0] += (points[9] - points[0]) / 2
    short = replace(flat, points=points)
    front = built(lambda t_s: made_body(t_s, right_hand=flat))[-1].hands[0].size
    pointing = built(lambda t_s: made_body(t_s, right_hand=short))[-1].hands[0].size
    assert pointing == pytest.approx(front, rel=0.2)
