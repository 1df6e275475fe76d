"""Stage 2 of EALD-MLLM: a describer puts what the evidence shows and sounds like into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from buffers.records import Evidence


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a describer or judge is. `heuristic` and `calibrated` are shown wherever its numbers are.

    `temper` and `cap_logit` are for a judge whose probabilities are bounded by published evidence instead of stated
    by a model: the factor on its log-odds (None: the setting `estimate.temper`), and the most that all its verdicts
    of a session may add up to (None: no bound of its own).
    """

    name: str
    heuristic: bool
    calibrated: bool
    notice: str
    deterministic: bool = False
    temper: float | None = None
    cap_logit: float | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A describer's answer: `text` is data, never trusted. `insufficient` says the evidence shows too little."""

    text: str
    describer: str
    insufficient: bool = False


class Describer(Protocol):
    """A multimodal model, or what stands in for one."""

    @property
    def info(self) -> ModelInfo:
        """What this describer is."""

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window. Raises `ModelUnavailable` when the model cannot answer."""

    async def close(self) -> None:
        """Release the model."""
