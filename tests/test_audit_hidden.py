"""What a pair of pictures says of what is hidden: bounds, boxes, and masks drawn on made textures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box
from configs.settings import MaskStyle
from streams.audit.faces.hidden import CELL_PX, area_hidden, cells_in, cells_of, filled, hidden, share_hidden
from streams.deidentify.masks import Masker
from tests.made_masks import face

pytestmark = pytest.mark.unit

FACE = Box(80, 60, 200, 200)


def textured(width_px: int = 320, height_px: int = 240, seed: int = 1) -> Picture:
    """A picture with detail of every size, as faces and rooms have it."""
    random = np.random.default_rng(seed)
    luma = np.full((height_px, width_px), 120.0)
    for side in (4, 12, 40):
        grid = random.normal(0, 14, (height_px // side + 2, width_px // side + 2))
        luma += cv2.resize(grid, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    chroma = np.full(((height_px + 1) // 2, (width_px + 1) // 2), 128, np.uint8)
    return Picture(np.clip(luma, 16, 235).astype(np.uint8), chroma - 12, chroma + 15)


def noisy(picture: Picture, sigma: float, seed: int = 2) -> Picture:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.y.shape)
    return Picture(np.clip(picture.y + noise, 0, 255).astype(np.uint8), picture.u, picture.v)


def test_nothing_of_an_unchanged_picture_is_hidden() -> None:
    picture = textured()
    assert not hidden(picture, picture).any()
    assert hidden(picture, noisy(picture, 3.0)).mean() < 0.01


@pytest.mark.parametrize("style", list(MaskStyle))
def test_masks_of_every_style_are_found_and_end_where_they_end(style: MaskStyle) -> None:
    picture = textured()
    clean, _ = Masker(style, seed=1).masked(picture, [face(1, FACE)], 0.0)
    cells = hidden(picture, noisy(clean, 2.0))
    assert share_hidden(cells, FACE) >= 0.95
    inside = cells_in(cells.shape, Box(FACE.x0 - 16, FACE.y0 - 16, FACE.x1 + 16, FACE.y1 + 16))
    assert cells[~inside].mean() < 0.02


def test_a_mask_over_half_a_face_leaves_half_of_it() -> None:
    picture = textured()
    left = Box(FACE.x0, FACE.y0, (FACE.x0 + FACE.x1) / 2, FACE.y1)
    clean, _ = Masker(MaskStyle.SOLID).masked(picture, [face(1, left)], 0.0)
    assert share_hidden(hidden(picture, clean), FACE) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("style", list(MaskStyle))
def test_the_area_of_masks_ends_where_they_end_also_before_a_flat_wall(style: MaskStyle) -> None:
    room = textured()
    room.y[:, 200:], room.u[:, 100:], room.v[:, 100:] = 90, 120, 140
    room.y[:60] = 30
    clean, drawn = Masker(style, seed=1).masked(room, [face(1, FACE)], 0.0)
    truth = sum(mask.box.area for mask in drawn) / (320 * 240)
    output = noisy(clean, 1.0)
    cells = hidden(room, output)
    area = area_hidden(room, output, cells)
    assert area == pytest.approx(truth, abs=0.02)
    assert area <= cells.mean()


def test_no_area_is_hidden_in_an_unchanged_picture_and_all_of_it_in_another() -> None:
    picture, other = textured(seed=1), textured(seed=9)
    assert area_hidden(picture, picture, hidden(picture, picture)) == 0.0
    assert area_hidden(picture, other, hidden(picture, other)) > 0.9


def test_a_grey_mask_over_grey_skin_is_hidden_as_its_surroundings_are() -> None:
    picture = textured()
    flat = picture.copy()
    flat.y[110:150, 120:160] = 64
    flat.u[55:75, 60:80] = 128
    flat.v[55:75, 60:80] = 128
    clean, _ = Masker(MaskStyle.SOLID).masked(flat, [face(1, FACE)], 0.0)
    assert share_hidden(hidden(flat, clean), FACE) >= 0.95


def test_a_picture_made_brighter_shows_what_it_showed() -> None:
    picture = textured()
    brighter = Picture(np.clip(picture.y.astype(np.int16) + 30, 0, 255).astype(np.uint8), picture.u, picture.v)
    assert share_hidden(hidden(picture, brighter), FACE) < 0.1


def test_a_small_place_left_bare_in_a_wholly_masked_picture_is_seen() -> None:
    picture = textured()
    clean, _ = Masker(MaskStyle.SOLID).masked(picture, [face(1, Box(0, 0, 320, 240))], 0.0)
    bare = (slice(100, 132), slice(140, 172))
    clean.y[bare] = picture.y[bare]
    clean.u[50:66, 70:86], clean.v[50:66, 70:86] = picture.u[50:66, 70:86], picture.v[50:66, 70:86]
    assert share_hidden(hidden(picture, noisy(clean, 2.0)), Box(140, 100, 172, 132)) < 0.5


def test_another_picture_hides_all_of_this_one() -> None:
    assert hidden(textured(seed=1), textured(seed=9)).mean() > 0.9


def test_pictures_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        hidden(textured(320, 240), textured(322, 240))


@given(st.integers(1, 70), st.integers(1, 70))
def test_every_size_has_its_cells(width_px: int, height_px: int) -> None:
    picture = Picture.blank(width_px, height_px)
    cells = hidden(picture, picture)
    assert cells.shape == cells_of(picture)
    assert not cells.any()
    covered = filled(picture, ~cells, luma=200)
    assert (covered.y == 200).all()


@given(
    st.floats(-50, 150),
    st.floats(-50, 150),
    st.floats(0.5, 200),
    st.floats(0.5, 200),
    st.integers(0, 2**32 - 1),
)
def test_the_share_hidden_is_the_share_of_the_boxs_pixels_in_the_picture(
    x: float, y: float, width: float, height: float, seed: int
) -> None:
    cells = np.random.default_rng(seed).random((20, 25)) < 0.5
    box = Box(round(x), round(y), round(x + width), round(y + height))
    pixels = np.kron(cells, np.ones((CELL_PX, CELL_PX), bool))
    part = pixels[max(0, int(box.y0)) : max(0, int(box.y1)), max(0, int(box.x0)) : max(0, int(box.x1))]
    assert share_hidden(cells, box) == pytest.approx(part.mean() if part.size else 1.0)
