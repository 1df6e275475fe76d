"""Masked pictures as small as a broker should be asked to carry."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

MOST_BYTES: Final = 100_000
"""Largest picture that is published: brokers keep a queue for every reader, and readers may be phones."""

_QUALITY: Final = 70
_SMALLEST: Final = 64
"""Width below which nothing would be seen (px)."""


def fitted(jpeg: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    """The same picture in at most so many bytes, smaller by halves until it is.

    Raises:
        ValueError: it is no picture, or nothing would be seen of it any more.
    """
    try:
        return _fitted(jpeg, most_bytes)
    except cv2.error as error:
        raise ValueError(f"no picture ({error.code})") from error


def _fitted(jpeg: bytes, most_bytes: int) -> bytes:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("no picture")
    while True:
        _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if coded.nbytes <= most_bytes:
            return coded.tobytes()
        if pixels.shape[1] <= _SMALLEST:
            raise ValueError(f"not to be had in {most_bytes} bytes")
        pixels = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
