"""Undoing a blur: a weak one comes off, the product's does not, and nothing outside of the box is touched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from buffers.picture import Plane
from buffers.records import Box
from streams.audit.faces.restoring import blurred, restored
from streams.deidentify.masks import SIGMA_WIDTH

pytestmark = pytest.mark.unit

BOX = Box(20, 10, 120, 130)


def scene() -> Plane:
    """Patches of colour, as smooth as a face."""
    coarse = np.random.default_rng(0).integers(0, 255, (14, 14, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (140, 140), interpolation=cv2.INTER_CUBIC), np.uint8)


def error(image: Plane) -> float:
    inside = (slice(10, 130), slice(20, 120))
    return float(np.abs(image[inside].astype(int) - scene()[inside]).mean())


def test_a_weak_blur_comes_off_and_the_products_does_not() -> None:
    weak, strong = 3.0, SIGMA_WIDTH * BOX.width
    hidden = blurred(scene(), BOX, weak)
    assert error(restored(hidden, BOX, weak)) < error(hidden) / 3
    gone = blurred(scene(), BOX, strong)
    assert error(restored(gone, BOX, strong)) > 0.8 * error(gone)


def test_outside_of_the_box_and_in_the_original_nothing_changes() -> None:
    source = scene()
    both = (blurred(source, BOX, 9.0), restored(source, BOX, 9.0))
    for image in both:
        outside = np.ones(image.shape[:2], bool)
        outside[10:130, 20:120] = False
        assert (image[outside] == scene()[outside]).all()
    assert (source == scene()).all()


def test_a_box_that_leaves_the_picture_is_cut() -> None:
    beyond = Box(-30, 100, 60, 300)
    image = restored(blurred(scene(), beyond, 4.0), beyond, 4.0)
    assert image.shape == scene().shape
