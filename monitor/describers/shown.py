"""Which frames and clips of a window a model is shown, where it cannot be shown all, and frames as pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.evidence import AudioClip, Evidence, StoredFrame
from buffers.records import MaskState

Item = TypeVar("Item")


def seen(evidence: Evidence, most: int) -> Sequence[StoredFrame]:
    """At most `most` pictures that show anything, spread evenly over those there are."""
    return spread([frame for frame in evidence.frames if frame.state is not MaskState.WHOLE_FRAME], most)


def heard(evidence: Evidence, most: int) -> Sequence[AudioClip]:
    """At most `most` clips that hold any sound, spread evenly over those there are."""
    return spread([clip for clip in evidence.clips if clip.coverage > 0], most)


def spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most `most` of the items: the middle one of each of `most` equal parts."""
    if len(items) <= most:
        return items
    return [items[(2 * place + 1) * len(items) // (2 * most)] for place in range(most)]


def decoded(jpeg: bytes) -> NDArray[np.uint8] | None:
    """uint8[H, W, 3] RGB of a stored frame, None where it is no image."""
    # OpenCV answers None to bytes that are no image, and raises where there are none at all.
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) if jpeg else None
    return None if image is None else np.asarray(image, np.uint8)
