"""Pictures as planes: scaled copies keep what was averaged, and own their memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture, resized_plane

pytestmark = pytest.mark.unit


def noise(width_px: int, height_px: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(width_px * height_px).integers(0, 256, (height_px, width_px), np.uint8)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 100), st.integers(1, 100))
def test_a_scaled_plane_has_the_size_asked_for(width: int, height: int, to_width: int, to_height: int) -> None:
    assert resized_plane(noise(width, height), to_width, to_height).shape == (to_height, to_width)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (1920, 1080), (608, 1080), (963, 541)])
def test_shrinking_in_steps_averages_the_same_areas(width: int, height: int) -> None:
    ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width)).astype(np.uint8)
    small = resized_plane(ramp, 64, 36)
    rows = np.linspace(0, height, 37).astype(int)
    columns = np.linspace(0, width, 65).astype(int)
    areas = [[ramp[a:b, c:d].mean() for c, d in itertools.pairwise(columns)] for a, b in itertools.pairwise(rows)]
    assert np.abs(small - np.array(areas)).max() < 2.5
    assert abs(resized_plane(noise(width, height), 64, 36).mean() - noise(width, height).mean()) < 1.0


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((720, 1280), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resized_plane(stripes, 320, 192).astype(int) - 127).max() <= 2


def test_a_scaled_picture_shares_no_memory_with_its_source() -> None:
    picture = Picture.blank(64, 48, 100)
    same = picture.resized(64, 48)
    same.y[:] = 0
    assert (picture.y == 100).all()
