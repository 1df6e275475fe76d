"""A describer and a judge that count how often they are asked, for the tests of what stands around models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from buffers.evidence import Evidence
from configs.errors import ModelUnavailable
from monitor.describers.base import Description, ModelInfo
from monitor.judges.base import NO_MEMORY, Label, Memory, Verdict

DESCRIBER = ModelInfo("seer", heuristic=False, calibrated=False, notice="", model="seer-1", fingerprint="5ee5" * 16)
JUDGE = ModelInfo("sage", heuristic=False, calibrated=False, notice="", model="sage-1", fingerprint="5a6e" * 16)


def verdict(p_positive: float, describer: str = "seer") -> Verdict:
    """What `MadeJudge` says."""
    label = Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE
    confidence = 20 * abs(p_positive - 0.5)
    return Verdict(label, p_positive, confidence, "sage", describer, False, "so it seems", raw='{"emotion": "\ud83d"}')


def words(evidence: Evidence) -> str:
    """What `MadeDescriber` says unless told otherwise."""
    return f"seen from {evidence.window.start_s:g} s"


@dataclass
class MadeDescriber:
    """Describes by the window's start; `asked` holds the starts, `away` makes it fail, `as_whom` another's name."""

    info: ModelInfo = DESCRIBER
    says: Callable[[Evidence], str] = words
    as_whom: str | None = None
    away: bool = False
    asked: list[float] = field(default_factory=list)
    closed: bool = False

    async def start(self) -> tuple[str, ...]:
        return ("the seer is awake",)

    async def describe(self, evidence: Evidence) -> Description:
        if self.away:
            raise ModelUnavailable("the seer is away: wait for it")
        self.asked.append(evidence.window.start_s)
        return Description(self.says(evidence), self.as_whom or self.info.name)

    async def close(self) -> None:
        self.closed = True


@dataclass
class MadeJudge:
    """States `p_positive` of everything; `asked` holds what it was told."""

    info: ModelInfo = JUDGE
    p_positive: float = 0.8
    away: bool = False
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    async def start(self) -> tuple[str, ...]:
        return ()

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        if self.away:
            raise ModelUnavailable("the sage is away: wait for it")
        self.asked.append(description.text)
        return verdict(self.p_positive, description.describer)

    async def close(self) -> None:
        self.closed = True
