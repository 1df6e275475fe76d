"""The modes a camera offers, and which format to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_ENOUGH: Final = 0.9
"""Share of the asked rate that a format must reach: 29.97 and 27.5 Hz do for 30, 24 does not."""

_PLAIN: Final = frozenset({"yuyv422", "uyvy422", "yuv420p", "yuv422p", "nv12", "nv21", "rgb24", "bgr24"})
"""Formats that cost nothing to decode."""

_COMPRESSED: Final = ("mjpeg",)
"""Compressed formats asked for by themselves. H.264 of a camera makes a picture wait for others, and hides losses."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One size of one format. `format` is libav's name, or the driver's four letters where libav has none.

    `rates_hz` is empty where the camera does not tell, else highest first.
    """

    format: str
    width_px: int
    height_px: int
    rates_hz: tuple[float, ...] = ()

    @property
    def size(self) -> str:
        """As it is written in settings."""
        return f"{self.width_px}x{self.height_px}"


def best_format(modes: Sequence[Mode], size: str | None, rate_hz: float | None) -> str | None:
    """The format that gives the asked size fast enough, plain pictures before compressed ones; None: no advice.

    Without it libav takes the first plain format, in which many cameras on USB 2 give 5 to 10 pictures a second.
    """
    if size is None or rate_hz is None:
        return None
    fast = [mode for mode in modes if mode.size == size and max(mode.rates_hz, default=0.0) >= _ENOUGH * rate_hz]
    plain = [mode.format for mode in fast if mode.format in _PLAIN]
    if plain:
        return plain[0]
    return next((mode.format for mode in fast if mode.format in _COMPRESSED), None)


def same_rate(one_hz: float, other_hz: float) -> bool:
    """Whether two rates are the same to a person: 29.97 and 30 Hz are."""
    return abs(one_hz - other_hz) <= 0.02 * max(one_hz, other_hz)
