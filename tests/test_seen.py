"""What the masker tells of the faces in the newest frame: its own boxes and numbers, and nothing it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from buffers.picture import Picture
from buffers.records import Box
from configs.settings import FaceSettings
from streams.deidentify.boxes import moved
from streams.deidentify.detectors.base import Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.policy import MaskPolicy, SeenFace
from tests.made_faces import FACE_PX, Looking, Reply, broken, frame, look, missed

pytestmark = pytest.mark.unit

FACE = Box(200, 100, 320, 240)


def in_turn(*replies: Reply) -> Reply:
    """Replies one after the other."""
    rest = iter(replies)

    def reply(picture: Picture) -> list[Detection]:
        return next(rest)(picture)

    return reply


def observed(*answers: Sequence[Detection] | None, cuts: tuple[int, ...] = ()) -> MaskPolicy:
    policy = MaskPolicy(FaceSettings(), 640, 360)
    for place, answer in enumerate(answers):
        policy.observe(place / 30, answer, cut=place in cuts)
    return policy


def test_nothing_is_said_before_a_frame_was_looked_at() -> None:
    assert MaskPolicy(FaceSettings(), 640, 360).seen is None


def test_a_face_is_told_of_with_its_box_as_detected() -> None:
    assert observed([Detection(FACE, 0.9)]).seen == (SeenFace(1, FACE, 0.9),)


def test_a_face_that_was_missed_in_the_newest_frame_is_not_told_of() -> None:
    assert observed([Detection(FACE, 0.9)], []).seen == ()


def test_a_frame_without_an_answer_is_not_one_without_faces() -> None:
    assert observed([Detection(FACE, 0.9)], None).seen is None


def test_a_suspicion_is_no_face() -> None:
    assert observed([Detection(FACE, 0.3)]).seen == ()


def test_a_face_keeps_its_number_as_long_as_the_masker_follows_it() -> None:
    policy = observed([Detection(FACE, 0.9)], [], [Detection(moved(FACE, 8, 0), 0.3)])
    assert policy.seen == (SeenFace(1, moved(FACE, 8, 0), 0.3),)


def test_after_a_cut_every_face_has_a_new_number() -> None:
    policy = observed([Detection(FACE, 0.9)], [Detection(FACE, 0.9)], cuts=(1,))
    assert policy.seen == (SeenFace(2, FACE, 0.9),)


def test_asking_changes_no_mask() -> None:
    answers = [[Detection(moved(FACE, 3 * place, 0), 0.9)] if place % 3 else [] for place in range(30)]
    asked, unasked = MaskPolicy(FaceSettings(), 640, 360), MaskPolicy(FaceSettings(), 640, 360)
    for place, answer in enumerate(answers):
        asked.observe(place / 30, answer)
        unasked.observe(place / 30, answer)
        assert asked.seen is not None
    assert [asked.decide() for _ in answers] == [unasked.decide() for _ in answers]


def told(faces: FaceDeidentifier) -> list[tuple[int, int | None]]:
    """What was looked at in the last call: each frame's number, and how many faces were in it."""
    return [(looked.frame.index, None if looked.faces is None else len(looked.faces)) for looked in faces.looked]


def test_the_deidentifier_tells_of_the_frame_just_pushed() -> None:
    faces = FaceDeidentifier(FaceSettings(), lambda: Looking(in_turn(look, missed, broken)))
    assert told(faces) == []
    faces.push(frame(0, 30))
    (looked,) = faces.looked
    assert looked.faces == (SeenFace(1, Box(30, 22, 30 + FACE_PX[0], 22 + FACE_PX[1]), 0.9),)
    faces.push(frame(1, 31))
    assert told(faces) == [(1, 0)]
    faces.push(frame(2, 32))
    assert told(faces) == [(2, None)]
    faces.close()


def test_a_detector_that_is_ahead_tells_of_the_frame_before() -> None:
    faces = FaceDeidentifier(FaceSettings(), Looking, ahead=1)
    faces.push(frame(0, 30))
    assert told(faces) == []
    faces.push(frame(1, 31))
    assert told(faces) == [(0, 1)]
    faces.settle()
    assert told(faces) == [(1, 1)]
    faces.settle()
    assert told(faces) == []
    faces.close()


def test_every_frame_is_told_of_once_and_in_order_however_many_detectors_look() -> None:
    faces = FaceDeidentifier(FaceSettings(), Looking, detectors=2)
    found = []
    for place in range(8):
        faces.push(frame(place, 30))
        found += told(faces)
    faces.flush()
    assert found + told(faces) == [(place, 1) for place in range(8)]
    faces.close()
