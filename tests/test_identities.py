"""The attack on masks: rates with their intervals, ties that nobody wins, and attackers that really attack."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture, Plane
from buffers.records import Box
from configs.errors import ConfigError
from configs.settings import FaceSettings, MaskStyle
from streams.audit.faces.identities import (
    Linked,
    Portrait,
    Rate,
    chance,
    clear,
    embedded,
    linked,
    masked,
    nearest,
    read_portraits,
)
from streams.audit.faces.recogniser import Embedding
from streams.deidentify.detectors.base import Detection
from tests.made_masks import face

pytestmark = pytest.mark.unit

FACE = Box(60, 60, 140, 160)


class Averages:
    """A recogniser that looks at the brightness of 16 x 8 places of the face."""

    def embed(self, rgb: Plane, box: Box) -> Embedding:
        inside = rgb[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)].mean(axis=2)
        small = cv2.resize(inside, (8, 16), interpolation=cv2.INTER_AREA)
        return np.asarray(np.ravel(small) / 255, np.float32)


class OneFace:
    """A detector that is sure of one face in the middle of bright pictures."""

    name = "one"

    def detect(self, picture: Picture) -> list[Detection]:
        sure = float(picture.y.mean()) > 60
        side = picture.width_px
        return [Detection(Box(0.3 * side, 0.3 * side, 0.7 * side, 0.7 * side), 0.9 if sure else 0.2)]

    def close(self) -> None:
        return


def portrait(person: str, pattern: int, noise: int) -> Portrait:
    """Somebody with a pattern for a face, each picture a little different."""
    rng = np.random.default_rng(pattern)
    coarse = rng.integers(40, 216, (10, 10), np.uint8)
    face_luma = cv2.resize(coarse, (100, 120), interpolation=cv2.INTER_NEAREST).astype(int)
    face_luma += np.random.default_rng(1000 + noise).integers(-8, 9, face_luma.shape)
    luma = np.full((220, 200), 120, np.uint8)
    luma[50:170, 50:150] = np.clip(face_luma, 16, 235)
    half = np.full((110, 100), 128, np.uint8)
    return Portrait(person, Picture(luma, half, half.copy()), FACE, face(1, Box(44, 25, 156, 172)))


@pytest.fixture(scope="module")
def crowd() -> list[Portrait]:
    return [portrait(f"person {n}", n, 10 * n + copy) for n in range(6) for copy in range(5)]


def row(crowd: list[Portrait], style: MaskStyle | None) -> Linked:
    recogniser = Averages()
    known = embedded(crowd, [clear(each, number) for number, each in enumerate(crowd)], recogniser)
    shown, gallery = (clear, [clear]) if style is None else (masked(style), [masked(style, 1), masked(style, 2)])
    return linked(str(style), crowd, known=known, shown=shown, gallery=gallery, recogniser=recogniser)


def test_everybody_is_recognised_without_a_mask_and_nobody_under_a_solid_one(crowd: list[Portrait]) -> None:
    bare, solid = row(crowd, None), row(crowd, MaskStyle.SOLID)
    assert bare.naive.share == bare.parrot.share == bare.pixels.share == bare.same_image.share == 1
    guess = chance([each.person for each in crowd])
    assert solid.parrot.share == pytest.approx(guess)
    assert solid.pixels.share == pytest.approx(guess)
    assert solid.above(solid) == ()
    assert bare.above(solid)[:3] == ("naive", "parrot", "pixels")


def test_a_parrot_sees_through_a_blur_and_not_through_the_soft_mask(crowd: list[Portrait]) -> None:
    solid = row(crowd, MaskStyle.SOLID)
    assert "parrot" in row(crowd, MaskStyle.GAUSSIAN).above(solid)
    soft = row(crowd, MaskStyle.SOFT)
    assert soft.parrot.share < row(crowd, MaskStyle.GAUSSIAN).parrot.share


def test_what_is_equally_near_to_all_is_a_guess() -> None:
    people = ["a", "a", "b", "b", "b"]
    same = np.zeros((5, 3))
    assert nearest(same, same, people).share == pytest.approx(chance(people))


def test_the_own_picture_is_no_match() -> None:
    points = np.array([[0.0], [10.0], [1.0], [11.0]])
    assert nearest(points, points, ["a", "a", "b", "b"]).hits == 0


def test_the_interval_is_wilsons() -> None:
    low, high = Rate(10, 50).interval
    assert low == pytest.approx(0.1124, abs=1e-4)
    assert high == pytest.approx(0.3304, abs=1e-4)
    assert Rate(0, 55).interval[0] == 0
    assert 0.06 < Rate(0, 55).interval[1] < 0.07


@given(st.integers(1, 500).flatmap(lambda tries: st.tuples(st.floats(0, tries), st.just(tries))))
def test_every_interval_holds_its_share(counted: tuple[float, int]) -> None:
    rate = Rate(*counted)
    low, high = rate.interval
    assert 0 <= low <= rate.share + 1e-12
    assert rate.share - 1e-12 <= high <= 1


def written(folder: Path, *names: str, level: int = 150) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((60, 50, 3), level, np.uint8))


def test_a_folder_of_people_is_read_and_pictures_without_a_face_are_left_out(tmp_path: Path) -> None:
    written(tmp_path, "ann/1.png", "ann/2.png", "bob/1.png", "bob/2.png")
    written(tmp_path, "bob/dark.png", level=10)
    (tmp_path / "bob" / "notes.txt").write_text("no picture")
    found = read_portraits(tmp_path, OneFace(), FaceSettings())
    assert [each.person for each in found] == ["ann", "ann", "bob", "bob"]
    settings = FaceSettings()
    for each in found:
        assert each.mask.box.width == pytest.approx(each.face.width * (1 + 2 * settings.grow_side))
        assert each.mask.box.y0 == pytest.approx(each.face.y0 - settings.grow_up * each.face.height)


def test_one_person_alone_cannot_be_told_from_others(tmp_path: Path) -> None:
    written(tmp_path, "ann/1.png", "ann/2.png", "bob/1.png")
    with pytest.raises(ConfigError, match="give one folder to each person"):
        read_portraits(tmp_path, OneFace(), FaceSettings())
