"""Frames and clips with something in them, for models that really look and listen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from buffers.evidence import AudioClip, StoredFrame
from buffers.records import AUDIO_RATE_HZ, CLIP_S, MaskState


def seen_frames(times_s: Sequence[float], *, width_px: int = 112, height_px: int = 84) -> tuple[StoredFrame, ...]:
    """Frames that hold real JPEGs: one soft pattern that moves."""
    return tuple(
        StoredFrame(
            t_s=t_s,
            index=place,
            jpeg=jpeg(place, width_px=width_px, height_px=height_px),
            width_px=width_px,
            height_px=height_px,
            thumbnail=np.full((36, 64), 90, np.uint8),
            state=MaskState.CLEAR,
            masked=(),
        )
        for place, t_s in enumerate(times_s)
    )


def heard_clips(times_s: Sequence[float]) -> tuple[AudioClip, ...]:
    """Clips of two seconds with a tone each, higher from clip to clip."""
    seconds = np.arange(round(CLIP_S * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    return tuple(
        AudioClip(
            t_s=t_s, samples=(0.2 * np.sin(2 * np.pi * (200 + 60 * place) * seconds)).astype(np.float32), coverage=1.0
        )
        for place, t_s in enumerate(times_s)
    )


@cache
def jpeg(shift: int, *, width_px: int = 112, height_px: int = 84) -> bytes:
    """One image of coloured waves, moved by `shift` pixels."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    waves = [127 + 100 * np.sin((x + shift * 3 + 40 * channel) / 17 + y / (9 + channel)) for channel in range(3)]
    done, data = cv2.imencode(".jpg", np.stack(waves, axis=-1).astype(np.uint8))
    assert done
    return data.tobytes()
