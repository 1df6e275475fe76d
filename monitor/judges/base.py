"""Stage 3 of EALD-MLLM: a judge turns a description into positive or negative with a confidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from buffers.evidence import Evidence
from buffers.records import Group
from monitor.describers.base import Description, ModelInfo


class Label(StrEnum):
    """A verdict's answer."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judged window.

    `p_positive` is the probability of positive (None when abstaining); `confidence` the paper's 0-10 score
    for the label (None when abstaining). `rationale` says in one line why, also why it abstained. `raw` is the model's
    reply as it came (None where there was none), `p_stated` its own probability where a calibration changed it.
    """

    label: Label
    p_positive: float | None
    confidence: float | None
    judge: str
    describer: str
    calibrated: bool
    rationale: str
    raw: str | None = None
    p_stated: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers out of range and a label that disagrees with its probability (ValueError)."""
        if (self.label is Label.ABSTAIN) != (self.p_positive is None) or (self.p_positive is None) != (
            self.confidence is None
        ):
            msg = f"a verdict has numbers exactly when it does not abstain: {self}"
            raise ValueError(msg)
        if self.p_positive is not None and self.confidence is not None:
            if not (0.0 <= self.p_positive <= 1.0 and 0.0 <= self.confidence <= 10.0):
                msg = f"p_positive must be 0-1 and confidence 0-10: {self}"
                raise ValueError(msg)
            if (self.label is Label.POSITIVE) != (self.p_positive >= 0.5):
                msg = f"label and probability disagree: {self}"
                raise ValueError(msg)

    @classmethod
    def abstain(cls, judge: ModelInfo, describer: str, why: str, raw: str | None = None) -> Verdict:
        """A verdict that says nothing, and why."""
        return cls(Label.ABSTAIN, None, None, judge.name, describer, judge.calibrated, why, raw)


MOST_REMEMBERED: Final = 480
"""Characters of a window's description that are remembered: 60 English words with room to spare, and a bound on words
of any length."""


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """One described window: its span (s), at most 60 words of its description, and its figures.

    `events` counts body-language reports, `speech` is the share 0-1 of the window with speech (None: unknown), and
    `p_positive` the probability as the judge stated it (None: it abstained): calibrating must not change the questions.
    """

    start_s: float
    end_s: float
    text: str
    events: int
    speech: float | None
    p_positive: float | None


@dataclass(frozen=True, slots=True)
class Memory:
    """The last windows, oldest first, and totals since the session's start."""

    lines: tuple[MemoryLine, ...] = ()
    windows: int = 0
    events: tuple[tuple[Group, int], ...] = ()


NO_MEMORY: Final = Memory()
"""Nothing came before, or nothing of it matters."""


class Judge(Protocol):
    """A language model with a schema, or what stands in for one."""

    @property
    def info(self) -> ModelInfo:
        """What this judge is; complete once it has started."""

    async def start(self) -> tuple[str, ...]:
        """Ask the server what it can do; what a person should know of it, one line each. Raises as a describer's."""

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        """Judge one window, with the `memory` of the windows before it where the whole session is judged.

        Abstains rather than guess. Raises `ModelUnavailable` when it cannot answer.
        """

    async def close(self) -> None:
        """Release the model."""
