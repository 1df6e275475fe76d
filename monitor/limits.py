"""The bounds of a horizon, out of its settings."""

from __future__ import annotations

from buffers.evidence import HorizonLimits
from buffers.records import Track
from configs.settings import HorizonSettings


def limits_of(settings: HorizonSettings, tracks: tuple[Track, ...]) -> HorizonLimits:
    """The bounds that the settings ask for, of a stream with these tracks."""
    same = settings.model_dump(exclude={"max_mbytes"})
    return HorizonLimits(max_bytes=settings.max_mbytes * 1024 * 1024, tracks=tracks, **same)
