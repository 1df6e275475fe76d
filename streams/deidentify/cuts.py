"""Where one shot ends and the next begins: a jump of the whole picture between two neighbouring frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture

THUMBNAIL_PX = (64, 36)
"""Size of the compared thumbnails: small enough that movement of things averages out."""

CUT_DIFFERENCE = 24.0
"""Mean grey difference (full range, 0-255) above which it is a cut: true cuts measured from 27.3 up, fast
movement up to 20.3. The margin is thin, so masks are held over a cut all the same (policy A2)."""

FULL_RANGE = 255 / 219
"""Luma is coded in 16-235; the threshold was measured on full-range grey."""


class CutFinder:
    """Compares each frame with the one before it."""

    def __init__(self) -> None:
        """No frame seen yet."""
        self._before: NDArray[np.int16] | None = None

    def is_cut(self, picture: Picture) -> bool:
        """Whether this picture starts a new shot; False for the first one."""
        thumbnail = np.asarray(cv2.resize(picture.y, THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.int16)
        before, self._before = self._before, thumbnail
        return before is not None and float(np.abs(thumbnail - before).mean()) * FULL_RANGE > CUT_DIFFERENCE
