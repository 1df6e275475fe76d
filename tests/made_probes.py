"""Probes that behave badly, for whoever has to live with them: they crash, hang, print, raise and talk of homes."""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Iterator

from configs.errors import ModelUnavailable
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

_findings = Findings("made")


def _fine(asked: Asked) -> Iterator[Check]:
    yield _findings.ok("fine", asked.settings.faces.detector)


def _loud(_: Asked) -> Iterator[Check]:
    os.write(1, b"native words\n")
    yield _findings.ok("loud", "said")


def _crash(_: Asked) -> Iterator[Check]:
    faulthandler._sigsegv()  # type: ignore[attr-defined]
    yield _findings.ok("crash", "survived")


def _leave(_: Asked) -> Iterator[Check]:
    os._exit(3)
    yield _findings.ok("leave", "stayed")


def _hang(_: Asked) -> Iterator[Check]:
    threading.Event().wait()
    yield _findings.ok("hang", "came back")


def _refuse(_: Asked) -> Iterator[Check]:
    raise ModelUnavailable("model x is missing: fetch it")
    yield _findings.ok("refuse", "worked")


def _break(_: Asked) -> Iterator[Check]:
    raise ZeroDivisionError("one\nhalf")
    yield _findings.ok("break", "worked")


SECTION = Section(
    "made",
    __name__,
    (
        Probe("fine", _fine),
        Probe("loud", _loud),
        Probe("crash", _crash, remedy="mend it"),
        Probe("leave", _leave, vital=False),
        Probe("refuse", _refuse),
        Probe("break", _break),
        Probe("hang", _hang, limit_s=0.5, remedy="wake it"),
        Probe("last", _fine),
    ),
)
