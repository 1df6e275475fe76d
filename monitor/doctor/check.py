"""What a check says: one line about one thing, and where something is amiss the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a thing was found."""

    OK = "ok"
    WARN = "warn"
    """Something does less than it could; nothing that was asked for fails."""
    FAIL = "fail"
    """Something that was asked for cannot work."""
    SKIP = "skip"
    """Not asked for, or not there and not needed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing of this machine. `remedy` is a command or a short sentence, empty where nothing needs one."""

    section: str
    name: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Makes the checks of one section."""

    section: str

    def ok(self, name: str, found: str) -> Check:
        """It is as it should be."""
        return Check(self.section, name, Status.OK, found)

    def warn(self, name: str, found: str, remedy: str = "") -> Check:
        """It does less than it could."""
        return Check(self.section, name, Status.WARN, found, remedy)

    def fail(self, name: str, found: str, remedy: str = "") -> Check:
        """What was asked for cannot work."""
        return Check(self.section, name, Status.FAIL, found, remedy)

    def skip(self, name: str, found: str, remedy: str = "") -> Check:
        """Nobody asked for it."""
        return Check(self.section, name, Status.SKIP, found, remedy)
