"""The only module that may ask for the time. Everything else is told media time or given a `Clock`.

Media time is float seconds since the session's epoch. Replay at real speed paces on `PacedClock`, max speed
runs on `VirtualClock` (time is whatever was last slept to), live sources on `LiveClock`.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Media time as the session sees it."""

    @property
    def paced(self) -> bool:
        """Whether time passes by itself (live, paced replay); False for the virtual clock."""

    def now_s(self) -> float:
        """Seconds since the epoch."""

    def sleep_until(self, t_s: float) -> None:
        """Block until `now_s() >= t_s`, or until `interrupt()`."""

    def interrupt(self) -> None:
        """Wake every sleeper for good; later sleeps return at once."""

    def restart(self) -> None:
        """Media time 0 is now; called before anybody else uses the clock."""


class LiveClock:
    """Monotonic wall clock, zero at construction."""

    paced = True

    def __init__(self, speed: float = 1.0) -> None:
        """Start the clock; `speed` is media seconds per wall second (> 0, else ValueError)."""
        if not speed > 0:
            msg = f"speed must be above 0, not {speed}"
            raise ValueError(msg)
        self._speed = speed
        self._start_s = time.monotonic()
        self._interrupted = threading.Event()

    def now_s(self) -> float:
        """Media seconds since construction."""
        return (time.monotonic() - self._start_s) * self._speed

    def sleep_until(self, t_s: float) -> None:
        """Sleep until media time `t_s`."""
        remaining = (t_s - self.now_s()) / self._speed
        if remaining > 0:
            self._interrupted.wait(remaining)

    def interrupt(self) -> None:
        """Wake every sleeper for good."""
        self._interrupted.set()

    def restart(self) -> None:
        """Media time 0 is now."""
        self._start_s = time.monotonic()


class PacedClock(LiveClock):
    """Replay at a given multiple of real time."""


class VirtualClock:
    """Time that passes only when somebody sleeps: max-speed replay and tests."""

    paced = False

    def __init__(self) -> None:
        """Start at 0."""
        self._now_s = 0.0
        self._lock = threading.Lock()

    def now_s(self) -> float:
        """The latest time anybody slept to."""
        with self._lock:
            return self._now_s

    def sleep_until(self, t_s: float) -> None:
        """Move time forward to `t_s` at once; never backwards."""
        with self._lock:
            self._now_s = max(self._now_s, t_s)

    def restart(self) -> None:
        """Media time is 0 again."""
        with self._lock:
            self._now_s = 0.0

    def interrupt(self) -> None:
        """Nothing ever blocks on a virtual clock."""


def monotonic_s() -> float:
    """Monotonic seconds, for measuring how long work takes (never for media time)."""
    return time.monotonic()


def stamp_age_s(stamp_s: float, *, most_s: float = 10.0) -> float | None:
    """Seconds since a time stamp of the kernel or a sound server, which count on the monotonic or on the wall clock.

    None where the stamp is of neither: not within the last `most_s` seconds of one.
    """
    for now_s in (time.monotonic(), time.time()):
        if 0.0 <= now_s - stamp_s <= most_s:
            return now_s - stamp_s
    return None


def cpu_s() -> float:
    """CPU seconds of this process, for measuring work on a machine that others use too."""
    return time.process_time()


class CpuMeter:
    """CPU time of this process per wall time since the meter was made; 1.0 is one core."""

    def __init__(self) -> None:
        """Start measuring."""
        self._wall_s, self._cpu_s = monotonic_s(), cpu_s()

    def share(self) -> float:
        """Cores used on average so far."""
        return (cpu_s() - self._cpu_s) / max(1e-6, monotonic_s() - self._wall_s)


def utc_now() -> str:
    """Wall time as ISO 8601 in UTC, milliseconds. Written to journals of live and paced sessions only."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
