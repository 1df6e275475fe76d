"""Libraries of the system that wheels expect and pip cannot bring."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library of Linux, the packages that bring it, and what does not work without."""

    file: str
    debian: str
    fedora: str
    lacks: str


LIBRARIES: Final = (
    Library("libGL.so.1", "libgl1", "mesa-libGL", "OpenCV may not load"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2", "OpenCV may not load"),
    Library("libEGL.so.1", "libegl1", "mesa-libEGL", "MediaPipe (body language) does not load"),
    Library("libGLESv2.so.2", "libgles2", "mesa-libGLES", "MediaPipe (body language) does not load"),
    Library("libportaudio.so.2", "libportaudio2", "portaudio", "no microphones"),
)

_findings = Findings("system libraries")


def _library(library: Library, _: Asked) -> Iterator[Check]:
    if platform.system() != "Linux":
        return
    try:
        ctypes.CDLL(library.file)
    except OSError as error:
        # What is there and does not load says why; what is missing says only that.
        said = " ".join(str(error).split())
        why = "not found" if said.startswith(f"{library.file}: cannot open shared object") else said[:200]
        remedy = f"apt-get install {library.debian} (Fedora: dnf install {library.fedora})"
        yield _findings.warn(library.file, f"{why}: {library.lacks}", remedy)
    else:
        yield _findings.ok(library.file, "loads")


def _elsewhere(_: Asked) -> Iterator[Check]:
    if platform.system() != "Linux":
        yield _findings.ok("libraries", "all inside the wheels on this system")


SECTION: Final = Section(
    "system libraries",
    __name__,
    (
        *(Probe(library.file, partial(_library, library), vital=False) for library in LIBRARIES),
        Probe("libraries", _elsewhere),
    ),
)
