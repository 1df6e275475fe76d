"""Masks made by hand, for the tests of everything that draws, counts or keeps them."""

from __future__ import annotations

from buffers.records import Box, MaskedBox, MaskOrigin
from streams.deidentify.policy import FaceMask


def face(track: int, box: Box) -> FaceMask:
    """What the policy asks for where a face was detected for certain."""
    return FaceMask(track, box, MaskOrigin.DETECTED, 0.9)


def drawn(*boxes: Box) -> tuple[MaskedBox, ...]:
    """Masks of detected faces, as a clean frame carries them."""
    return tuple(MaskedBox(box, MaskOrigin.DETECTED, track, 0.9) for track, box in enumerate(boxes))
