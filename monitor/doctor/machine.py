"""Processors, memory, disk and clocks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section
from streams.clock import monotonic_s, utc_now

_GIB: Final = 2**30

LEAST_DISK_BYTES: Final = _GIB
"""Journals grow by a few MB an hour, recordings by a GB."""

LEAST_MEMORY_BYTES: Final = _GIB
"""A session with body language takes about 0.7 GiB."""

LEAST_YEAR: Final = 2024
"""A clock that is before it was never set: certificates are then refused and journals misdated."""

MOST_STEP_S: Final = 0.5
"""How far the wall clock may run from the monotonic one while we look."""

_findings = Findings("machine")


def _processors(_: Asked) -> Iterator[Check]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    found = f"{usable} usable{load}"
    if usable < 2:
        yield _findings.warn("processors", f"{found}; two keep up with 720p30", "--profile low-power")
    elif load and os.getloadavg()[0] > usable:
        yield _findings.warn("processors", f"{found}: others use them now", "end other programs before a live session")
    else:
        yield _findings.ok("processors", found)


def _memory(_: Asked) -> Iterator[Check]:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / _GIB:.1f} GiB of {memory.total / _GIB:.1f} free"
    if memory.available < LEAST_MEMORY_BYTES:
        yield _findings.warn("memory", found, "end other programs, or --profile low-power")
    else:
        yield _findings.ok("memory", found)


def _journals(_: Asked) -> Iterator[Check]:
    from monitor.journal import default_path

    yield room("journals", default_path("x").parent, "--journal PATH names another place")


def _models(_: Asked) -> Iterator[Check]:
    from streams.models.cache import FOLDER_VARIABLE, cache_folder

    # Once the files are there a session only reads them.
    yield room("models", cache_folder(), f"{FOLDER_VARIABLE} names another folder", vital=False)


def room(name: str, folder: Path, elsewhere: str, *, vital: bool = True) -> Check:
    """Whether `folder`, or what it will be made in, can be written and has room; `elsewhere` is the way round.

    `vital`: without it no session runs.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        told = _findings.fail if vital else _findings.warn
        return told(name, f"{folder} cannot be written: {error.strerror}", elsewhere)
    found = f"{free / _GIB:.1f} GiB free in {folder}"
    if free < LEAST_DISK_BYTES:
        return _findings.warn(name, found, f"free some, or {elsewhere}")
    return _findings.ok(name, found)


def _clock(asked: Asked) -> Iterator[Check]:
    spent_s = monotonic_s() - asked.began_s
    yield clock(asked.began_at, utc_now(), spent_s, resolution_s())


def clock(began_at: str, ended_at: str, spent_s: float, finest_s: float) -> Check:
    """Judge the wall clock by two looks at it `spent_s` apart, and the monotonic clock by its finest step (s)."""
    began, ended = datetime.fromisoformat(began_at), datetime.fromisoformat(ended_at)
    step_s = (ended - began).total_seconds() - spent_s
    found = f"{ended:%Y-%m-%d %H:%M} UTC, monotonic to {1e6 * finest_s:.2g} us"
    if ended.year < LEAST_YEAR:
        return _findings.warn("clock", f"{found}: it was never set", "set the clock (NTP)")
    if abs(step_s) > MOST_STEP_S:
        return _findings.warn("clock", f"{found}; the wall clock stepped by {step_s:+.1f} s just now", "look at NTP")
    if finest_s > 0.001:
        return _findings.warn("clock", f"{found}: too coarse to time frames", "another clock source of the system")
    return _findings.ok("clock", found)


def resolution_s() -> float:
    """The smallest step seen of the monotonic clock (s), at most 0.1."""
    smallest_s = 0.1
    for _ in range(20):
        first_s = monotonic_s()
        for _ in range(1_000_000):
            later_s = monotonic_s()
            if later_s > first_s:
                smallest_s = min(smallest_s, later_s - first_s)
                break
    return smallest_s


SECTION: Final = Section(
    "machine",
    __name__,
    (
        Probe("processors", _processors),
        Probe("memory", _memory),
        Probe("journals", _journals, remedy="is its disk there? --journal PATH names another place"),
        Probe("models", _models, remedy="is its disk there? EMOTION_MONITOR_MODELS names another folder"),
        Probe("clock", _clock),
    ),
)
