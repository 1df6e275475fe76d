"""What is asked, who asks it and how long it may take; and how a fault of a probe becomes a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from configs.errors import MonitorError
from configs.settings import Settings
from monitor.doctor.check import Check, Findings

LIMIT_S: Final = 6.0
"""Wall time of a probe unless it says otherwise: imports of a second take several on a busy machine or a cold disk."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked about. `fault` says what is wrong with the settings; `settings` are then the defaults.

    `began_s` and `began_at` are the monotonic and the wall clock (ISO 8601) when the examination began.
    """

    settings: Settings
    profile: str = "default"
    fault: str | None = None
    source: str | None = None
    began_s: float = 0.0
    began_at: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. `remedy` is for the case that it crashes or hangs, where it cannot say so itself.

    `vital`: without what it looks at no session runs, so that a fault of it is a failure, else a warning.
    """

    name: str
    run: Callable[[Asked], Iterable[Check]]
    limit_s: float = LIMIT_S
    remedy: str = "please report this line"
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """Probes that share a title, asked one after another. `module` is where it is found again in another process."""

    title: str
    module: str
    probes: tuple[Probe, ...]


def answer(section: Section, probe: Probe, asked: Asked) -> list[Check]:
    """Ask; whatever the probe raises becomes a check."""
    try:
        return list(probe.run(asked))
    except MonitorError as error:
        return [fault(section, probe, str(error), "")]
    except Exception as error:  # noqa: BLE001 - the supervisor: a probe that breaks is what a doctor is there to tell
        said = " ".join(str(error).split())[:300]
        return [fault(section, probe, f"{type(error).__name__}: {said}", probe.remedy)]


def fault(section: Section, probe: Probe, found: str, remedy: str) -> Check:
    """What a probe that could not answer comes to."""
    findings = Findings(section.title)
    return findings.fail(probe.name, found, remedy) if probe.vital else findings.warn(probe.name, found, remedy)
