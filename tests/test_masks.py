"""Masks on the planes: what is under a solid one is gone, and no box makes the drawing fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box
from configs.settings import MaskStyle
from streams.deidentify.masks import MASK_CHROMA, MASK_LUMA, Masker, whole
from tests.made_masks import face

pytestmark = pytest.mark.unit

FACE = face(1, Box(20, 10, 80, 90))
STYLES = list(MaskStyle)


def noisy(width_px: int = 121, height_px: int = 99, seed: int = 0) -> Picture:
    """A picture of noise that holds neither the mask's luma nor its chroma."""
    rng = np.random.default_rng(seed)
    luma = rng.integers(100, 236, (height_px, width_px), np.uint8)
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    return Picture(luma, rng.integers(140, 240, half, np.uint8), rng.integers(140, 240, half, np.uint8))


def draw(picture: Picture, style: MaskStyle, *boxes: Box, t_s: float = 0.0) -> tuple[Picture, tuple[Box, ...]]:
    clean, masks = Masker(style, seed=1).masked(picture, [face(*item) for item in enumerate(boxes)], t_s)
    return clean, tuple(mask.box for mask in masks)


def test_nothing_of_the_source_is_left_under_a_solid_mask() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, FACE.box)
    assert box == FACE.box
    assert (clean.y[10:90, 20:80] == MASK_LUMA).all()
    assert (clean.u[5:45, 10:40] == MASK_CHROMA).all()
    assert (clean.v[5:45, 10:40] == MASK_CHROMA).all()


@pytest.mark.parametrize("style", STYLES)
def test_outside_the_mask_nothing_changes_and_the_source_is_not_written_to(style: MaskStyle) -> None:
    picture, untouched = noisy(), noisy()
    clean, _ = draw(picture, style, FACE.box)
    for before, now, same in zip(
        (picture.y, picture.u, picture.v),
        (clean.y, clean.u, clean.v),
        (untouched.y, untouched.u, untouched.v),
        strict=True,
    ):
        assert (before == same).all()
        assert not np.shares_memory(before, now)
    outside = np.ones(picture.y.shape, bool)
    outside[10:90, 20:80] = False
    assert (clean.y[outside] == picture.y[outside]).all()
    assert (clean.y[~outside] != picture.y[~outside]).mean() > 0.9


def test_odd_edges_are_widened_so_that_luma_and_chroma_end_together() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, Box(21.4, 11.2, 79.1, 88.7))
    assert box == Box(20, 10, 80, 90)
    assert (clean.y == MASK_LUMA).sum() == 60 * 80
    assert (clean.u == MASK_CHROMA).sum() == 30 * 40


def test_a_mask_over_the_odd_last_row_and_column_covers_their_chroma_too() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, Box(50, 50, 500, 500))
    assert box == Box(50, 50, 121, 99)
    assert (clean.y[50:, 50:] == MASK_LUMA).all()
    assert (clean.u[25:, 25:] == MASK_CHROMA).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "box", [Box(5, 5, 6, 6), Box(3, 3, 3, 3), Box(-50, -50, -10, -10), Box(500, 0, 600, 50), Box(-1e300, -5, 1e300, 5)]
)
def test_boxes_of_one_pixel_none_or_beyond_the_picture_are_survived(box: Box, style: MaskStyle) -> None:
    picture = noisy()
    clean, drawn = draw(picture, style, box)
    assert clean.y.shape == picture.y.shape
    assert all(each.area > 0 for each in drawn)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_box_that_is_no_number_hides_the_whole_picture(bad: float, style: MaskStyle) -> None:
    clean, drawn = draw(noisy(), style, FACE.box, Box(0, bad, 10, 10))
    assert drawn == (Box(0, 0, 121, 99),)
    assert (clean.y == MASK_LUMA).all()


@pytest.mark.parametrize("style", STYLES)
def test_two_hundred_faces_are_survived(style: MaskStyle) -> None:
    boxes = [Box(3 * n % 110, 7 * n % 90, 3 * n % 110 + 12, 7 * n % 90 + 14) for n in range(200)]
    _, drawn = draw(noisy(), style, *boxes)
    assert len(drawn) == 200


def test_a_hidden_picture_shows_nothing_and_keeps_its_size() -> None:
    clean, (box,) = whole(noisy())
    assert (clean.y == MASK_LUMA).all()
    assert (clean.u == MASK_CHROMA).all()
    assert (clean.width_px, clean.height_px, box.box.area) == (121, 99, 121 * 99)


def test_soft_cells_do_not_move_with_the_source_within_a_second() -> None:
    masker = Masker(MaskStyle.SOFT, seed=1)
    looks = [masker.masked(noisy(seed=n), [FACE], n / 10)[0].y[10:90, 20:80] for n in range(10)]
    assert all((look == looks[0]).all() for look in looks)


def test_soft_cells_are_refreshed_after_a_second_under_the_same_noise() -> None:
    masker = Masker(MaskStyle.SOFT, seed=1)
    first = masker.masked(noisy(seed=0), [FACE], 0.0)[0].y[10:90, 20:80]
    dark = Picture.blank(121, 99, 40)
    later = masker.masked(dark, [FACE], 1.0)[0].y[10:90, 20:80]
    again = masker.masked(noisy(seed=0), [FACE], 2.0)[0].y[10:90, 20:80]
    assert (first != later).mean() > 0.9
    assert (first == again).all()


def test_two_faces_get_different_noise_and_another_key_another_one() -> None:
    grey = Picture.blank(121, 99, 120)
    one = Masker(MaskStyle.SOFT, seed=1).masked(grey, [FACE], 0.0)[0].y
    other_face = Masker(MaskStyle.SOFT, seed=1).masked(grey, [face(2, FACE.box)], 0.0)[0].y
    other_key = Masker(MaskStyle.SOFT).masked(grey, [FACE], 0.0)[0].y
    assert (one != other_face).any()
    assert (one != other_key).any()


def test_any_whole_number_is_a_seed() -> None:
    _, drawn = Masker(MaskStyle.SOFT, seed=-1).masked(noisy(), [FACE], 0.0)
    assert len(drawn) == 1


def test_coarse_masks_keep_at_most_six_cells_a_side() -> None:
    clean, _ = draw(noisy(), MaskStyle.MOSAIC, Box(0, 0, 96, 96))
    assert len(np.unique(clean.y[:96, :96])) <= 36


def test_the_gaussian_leaves_no_detail_finer_than_a_third_of_the_face() -> None:
    stripes = np.tile(np.repeat(np.array([16, 235], np.uint8), 12), (96, 4))
    picture = Picture(stripes, np.full((48, 48), 128, np.uint8), np.full((48, 48), 128, np.uint8))
    clean, _ = draw(picture, MaskStyle.GAUSSIAN, Box(0, 0, 96, 96))
    # Eight stripes went in; what is left is one slope, from the dark edge to the bright one.
    assert (np.diff(clean.y.astype(int), axis=1) >= 0).all()


numbers = st.floats(-300, 300) | st.sampled_from([math.nan, math.inf, -math.inf, 1e30, 0.0])


@settings(max_examples=60)
@given(st.lists(st.builds(Box, numbers, numbers, numbers, numbers), max_size=5), st.sampled_from(STYLES))
def test_no_box_whatever_makes_the_drawing_fail(boxes: list[Box], style: MaskStyle) -> None:
    picture = noisy(33, 21)
    clean, drawn = draw(picture, style, *boxes)
    covered = np.zeros(picture.y.shape, bool)
    for box in drawn:
        covered[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert (clean.y[~covered] == picture.y[~covered]).all()
