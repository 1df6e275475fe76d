"""Whether somebody speaks or has just spoken: some movements can only be read beside speech."""

from __future__ import annotations

from typing import Final

from streams.nfbl.features.types import Features

HEARD: Final = 0.5
"""Share of the last half second with speech from which somebody speaks."""

UNHEARD_QUALITY: Final = 0.6
"""Quality of what is read beside speech where nobody knows whether there is any."""


class Speech:
    """Remembers when somebody last spoke."""

    def __init__(self, after_s: float) -> None:
        """`after_s`: how long speech is thought to go on."""
        self._after_s = after_s
        self._spoke_s: float | None = None

    def reset(self) -> None:
        """Forget."""
        self._spoke_s = None

    def hear(self, features: Features) -> bool | None:
        """Whether there is or just was speech; None where that is not known."""
        if features.speaking is None:
            return None
        if features.speaking >= HEARD:
            self._spoke_s = features.t_s
        return self._spoke_s is not None and features.t_s - self._spoke_s <= self._after_s
