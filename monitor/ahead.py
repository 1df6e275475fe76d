"""Has a describer encode frames and clips as they arrive, so that a window finds nearly all of them done."""

from __future__ import annotations

import logging
import math

from buffers.horizon import Horizon
from configs.errors import ModelUnavailable
from monitor.describers.base import Encoder

logger = logging.getLogger("emotion_monitor.ahead")


class Ahead:
    """Hands the horizon's media on the encoding grid to an encoder, each piece once, in batches."""

    def __init__(self, encoder: Encoder, horizon: Horizon) -> None:
        """Begin with what the horizon holds."""
        self._encoder = encoder
        self._horizon = horizon
        self._frames_until_s = self._clips_until_s = -math.inf
        self._next_s = 0.0

    def due(self, media_s: float) -> bool:
        """Whether another batch may have come together by `media_s`: the grid has at most one frame a second."""
        return media_s >= self._next_s

    async def encode(self, media_s: float) -> None:
        """Encode everything that came since the last time. A failure is only told: the window will try again."""
        self._next_s = media_s + self._encoder.batch
        frames = self._horizon.grid_frames_after(self._frames_until_s)
        clips = self._horizon.grid_clips_after(self._clips_until_s)
        if frames:
            self._frames_until_s = frames[-1].t_s
        if clips:
            self._clips_until_s = clips[-1].t_s
        try:
            if frames or clips:
                await self._encoder.encode(frames, clips)
        except ModelUnavailable as error:
            logger.warning("encoding ahead: %s", error)
