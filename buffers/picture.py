"""An image as three planes (I420), the form in which video is decoded, masked and encoded.

Masks are drawn on the planes, so the expensive trip through RGB is made only by those who need it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Planar 4:2:0 image, BT.601 limited range.

    `y` is uint8[H, W]; `u` and `v` are uint8[ceil(H/2), ceil(W/2)]. The planes are C-contiguous and owned
    by the picture. Equality is identity: pictures are large.
    """

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        """Refuse planes whose shapes do not belong together (ValueError)."""
        height, width = self.y.shape
        chroma = ((height + 1) // 2, (width + 1) // 2)
        if height < 1 or width < 1 or self.u.shape != chroma or self.v.shape != chroma:
            msg = f"planes {self.y.shape}, {self.u.shape}, {self.v.shape} are no 4:2:0 picture"
            raise ValueError(msg)

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.y.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.y.shape[0])

    @property
    def nbytes(self) -> int:
        """Bytes held by the three planes."""
        return self.y.nbytes + self.u.nbytes + self.v.nbytes

    @classmethod
    def blank(cls, width_px: int, height_px: int, luma: int = 16) -> Picture:
        """A grey picture of one luma value."""
        chroma = ((height_px + 1) // 2, (width_px + 1) // 2)
        return cls(
            np.full((height_px, width_px), luma, np.uint8),
            np.full(chroma, 128, np.uint8),
            np.full(chroma, 128, np.uint8),
        )

    @classmethod
    def from_rgb(cls, rgb: NDArray[np.uint8]) -> Picture:
        """Convert uint8[H, W, 3] RGB; odd sides are padded for the conversion only."""
        height, width = rgb.shape[:2]
        padded = cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        rows, cols = padded.shape[:2]
        i420 = np.asarray(cv2.cvtColor(padded, cv2.COLOR_RGB2YUV_I420), np.uint8)
        flat = i420.reshape(-1)
        quarter = (rows // 2) * (cols // 2)
        luma = flat[: rows * cols].reshape(rows, cols)[:height, :width]
        u = flat[rows * cols : rows * cols + quarter].reshape(rows // 2, cols // 2)
        v = flat[rows * cols + quarter :].reshape(rows // 2, cols // 2)
        return cls(np.ascontiguousarray(luma), u.copy(), v.copy())

    def resized(self, width_px: int, height_px: int) -> Picture:
        """A scaled copy, each plane as by `resized_plane`."""
        chroma = ((width_px + 1) // 2, (height_px + 1) // 2)
        return Picture(
            resized_plane(self.y, width_px, height_px), resized_plane(self.u, *chroma), resized_plane(self.v, *chroma)
        )

    def copy(self) -> Picture:
        """A picture with planes of its own."""
        return Picture(self.y.copy(), self.u.copy(), self.v.copy())

    def to_rgb(self) -> NDArray[np.uint8]:
        """Convert to uint8[H, W, 3] RGB."""
        return self._convert(cv2.COLOR_YUV2RGB_I420)

    def to_bgr(self) -> NDArray[np.uint8]:
        """Convert to uint8[H, W, 3] BGR (what OpenCV's encoders and networks take)."""
        return self._convert(cv2.COLOR_YUV2BGR_I420)

    def _convert(self, code: int) -> NDArray[np.uint8]:
        height, width = self.y.shape
        # OpenCV's I420 conversion takes even sides only; chroma planes already cover the odd row and column.
        luma = cv2.copyMakeBorder(self.y, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        rows, cols = luma.shape
        packed = np.concatenate([luma.reshape(-1), self.u.reshape(-1), self.v.reshape(-1)])
        image = cv2.cvtColor(packed.reshape(rows * 3 // 2, cols), code)
        return np.asarray(image[:height, :width], np.uint8)


def resized_plane(plane: Plane, width_px: int, height_px: int) -> Plane:
    """A scaled copy of uint8[H, W]: area averaging when shrinking (no aliasing), bilinear when enlarging."""
    height, width = plane.shape
    if width_px > width or height_px > height:
        return np.asarray(cv2.resize(plane, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.uint8)
    # OpenCV averages areas of any size slowly, halves quickly: from 720p to 320 px in two steps takes a third.
    while width % 2 == 0 and height % 2 == 0 and width >= 2 * width_px and height >= 2 * height_px:
        width, height = width // 2, height // 2
        plane = np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(plane, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def fit_within(width_px: int, height_px: int, long_side_px: int) -> tuple[int, int]:
    """Width and height scaled so that the longer side is at most `long_side_px`, never enlarged, at least 1."""
    scale = min(1.0, long_side_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))
