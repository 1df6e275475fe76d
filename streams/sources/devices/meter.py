"""How loud a microphone is, and nothing else of what it hears."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from configs.errors import SourceUnreadable
from streams.clock import LiveClock
from streams.media import TrackInfo
from streams.sources.live.captor import Captor, CaptureEnded, CaptureFailed

FLOOR_DB: Final = -96.0
"""What silence counts as (dBFS): the quietest that 16 bits can tell."""

_HOLD_S: Final = 1.5
"""How long the highest level is held on a meter (s)."""

_RELEASE_S: Final = 2.0
"""How long a microphone has to let go when the meter ends (s); one that hangs is left behind."""


class Meter:
    """Listens to one microphone in a thread of its own; it is the `Post`: sound becomes a number and is gone."""

    def __init__(self, captor: Captor) -> None:
        """Start listening."""
        self.name = captor.name
        self.notices: tuple[str, ...] = ()
        self.overflows = 0
        self._clock = LiveClock()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._level_db: float | None = None
        self._peak_db, self._peak_at_s, self._highest_db = FLOOR_DB, 0.0, FLOOR_DB
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._listen, args=(captor,), name="meter", daemon=True)
        self._thread.start()

    def level_db(self) -> float | None:
        """Level of the newest block (dBFS, RMS), None before the first. `SourceUnreadable` where it cannot be heard."""
        with self._lock:
            if self._failure is not None:
                raise SourceUnreadable(f"{self.name}: {self._failure}")
            return self._level_db

    def peak_db(self) -> float:
        """Highest sample of the last moments (dBFS)."""
        with self._lock:
            return self._peak_db

    @property
    def heard_anything(self) -> bool:
        """Whether any sample was not zero: a muted or forbidden microphone gives nothing but zeros."""
        with self._lock:
            return self._highest_db > FLOOR_DB

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._thread.join(_RELEASE_S)

    @property
    def wanted(self) -> bool:
        """See `Post`."""
        return not self._over.is_set()

    def wait(self, timeout_s: float) -> bool:
        """See `Post`."""
        return self._over.wait(timeout_s)

    def now_s(self) -> float:
        """See `Post`."""
        return self._clock.now_s()

    def waiting(self, reason: str) -> None:
        """See `Post`."""

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:  # noqa: ARG002 - see `Post`
        """See `Post`."""
        self.notices = notices

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        """See `Post`."""

    def sound(
        self,
        samples: NDArray[np.float32],
        *,
        pts_s: float | None = None,  # noqa: ARG002 - see `Post`
        captured_s: float | None = None,  # noqa: ARG002 - see `Post`
    ) -> None:
        """See `Post`."""
        level, peak = decibels(float(np.sqrt(np.mean(samples**2)))), decibels(float(np.max(np.abs(samples))))
        now_s = self.now_s()
        with self._lock:
            self._level_db = level
            if peak >= self._peak_db or now_s - self._peak_at_s > _HOLD_S:
                self._peak_db, self._peak_at_s = peak, now_s
            self._highest_db = max(self._highest_db, peak)

    def overflow(self, reason: str) -> None:  # noqa: ARG002 - see `Post`
        """See `Post`."""
        self.overflows += 1

    def _listen(self, captor: Captor) -> None:
        try:
            captor.capture(self)
        except (CaptureFailed, CaptureEnded) as error:
            with self._lock:
                self._failure = str(error)
        finally:
            captor.close()


def decibels(amplitude: float) -> float:
    """In dB of full scale, never below `FLOOR_DB`."""
    return max(FLOOR_DB, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else FLOOR_DB
