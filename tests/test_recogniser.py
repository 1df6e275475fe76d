"""The attacker's eye: it tells people apart where it is installed, and says what is missing where it is not."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from buffers.picture import Plane
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.audit.faces.recogniser import SAME_PERSON_DISTANCE, FaceRecogniser, distance

pytestmark = pytest.mark.media

TIGHT = Box(15, 5, 135, 140)


@pytest.fixture(scope="module")
def recogniser() -> FaceRecogniser:
    try:
        return FaceRecogniser()
    except ModelUnavailable as error:
        pytest.skip(str(error))


def faces(folder: Path, person: int) -> list[Plane]:
    home = sorted(path for path in folder.iterdir() if path.is_dir())[person]
    read = (cv2.imread(str(path)) for path in sorted(home.iterdir())[:2])
    return [np.asarray(image[:, :, ::-1], np.uint8) for image in read if image is not None]


def test_one_person_is_near_and_another_is_far(recogniser: FaceRecogniser, media_dir: Path) -> None:
    people = media_dir / "faces" / "dlib_johns"
    one, same = (recogniser.embed(each, TIGHT) for each in faces(people, 0))
    other = recogniser.embed(faces(people, 1)[0], TIGHT)
    assert one.shape == (128,)
    assert one.dtype == np.float32
    assert distance(one, same) < SAME_PERSON_DISTANCE < distance(one, other)


def test_the_same_face_twice_is_at_no_distance(recogniser: FaceRecogniser) -> None:
    image = np.random.default_rng(0).integers(0, 255, (150, 150, 3), np.uint8)
    assert distance(recogniser.embed(image, TIGHT), recogniser.embed(image, TIGHT)) == 0


def test_a_place_without_a_face_or_partly_outside_is_embedded_all_the_same(recogniser: FaceRecogniser) -> None:
    grey = np.full((100, 100, 3), 64, np.uint8)
    for box in (Box(10, 10, 60, 70), Box(-30, -30, 20, 20), Box(90, 90, 200, 200), Box(10, 10, 11, 11)):
        assert np.isfinite(recogniser.embed(grey, box)).all()


@pytest.mark.parametrize("box", [Box(0, 0, 0, 10), Box(5, 5, 1, 1), Box(math.nan, 0, 5, 5), Box(0, 0, math.inf, 5)])
def test_a_box_without_pixels_is_refused(recogniser: FaceRecogniser, box: Box) -> None:
    with pytest.raises(ValueError, match="holds no face"):
        recogniser.embed(np.zeros((20, 20, 3), np.uint8), box)


def test_without_the_package_or_the_weights_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as blocked:
        blocked.setitem(sys.modules, "dlib", None)
        with pytest.raises(ModelUnavailable, match=r"pip install 'emotion-monitor\[audit\]'"):
            FaceRecogniser()
    pytest.importorskip("dlib")
    monkeypatch.setenv("EMOTION_MONITOR_MODELS", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="models fetch face-points"):
        FaceRecogniser()
