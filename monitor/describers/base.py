"""Stage 2 of EALD-MLLM: a describer puts what the evidence shows and sounds like into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from buffers.evidence import AudioClip, Evidence, StoredFrame
from configs.yamlfile import printable


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a describer or judge is. `heuristic` and `calibrated` are shown wherever its numbers are.

    `temper` and `cap_logit` are for a judge whose probabilities are bounded by published evidence instead of stated
    by a model: the factor on its log-odds (None: the setting `estimate.temper`), and the most that all its verdicts
    of a session may add up to (None: no bound of its own). `model` is the model behind it, as its server or folder
    names it. `fingerprint` is equal where equal evidence is answered by the same model asked in the same way
    (SHA-256, hex): calibrations and recorded answers belong to one fingerprint. `on_grid` asks for evidence on the
    horizon's grids, so that what is encoded once serves every window. `correlation` is the measured lag-1 correlation
    of a calibrated judge's errors from one local window to the next (None: not measured).
    """

    name: str
    heuristic: bool
    calibrated: bool
    notice: str
    deterministic: bool = False
    temper: float | None = None
    cap_logit: float | None = None
    model: str = ""
    fingerprint: str = ""
    on_grid: bool = False

    @property
    def identity(self) -> str:
        """Which model it is, for a message of one line."""
        return identity(self.name, self.model, self.fingerprint)

    correlation: float | None = None


def identity(name: str, model: str, fingerprint: str) -> str:
    """Which model it is, for a message of one line: its name, its model and the beginning of its fingerprint."""
    shown = f" {printable(model, 80)}" if model else ""
    return f"{name}{shown} ({fingerprint[:12] or 'no fingerprint'})"


@dataclass(frozen=True, slots=True)
class Description:
    """A describer's answer: `text` is data, never trusted. `insufficient` says the evidence shows too little.

    `describer` is the one that really answered; `note` says in one line what a person should know of it, such as that
    the model could not be reached and another describer stood in.
    """

    text: str
    describer: str
    insufficient: bool = False
    note: str | None = None


class Describer(Protocol):
    """A multimodal model, or what stands in for one."""

    @property
    def info(self) -> ModelInfo:
        """What this describer is; complete once it has started."""

    async def start(self) -> tuple[str, ...]:
        """Load the model or ask the server what it can do; what a person should know of it, one line each.

        Raises:
            ConfigError, ModelUnavailable: It cannot work as configured, now or later. A server that is only away does
                not raise: it may come back.
        """

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window. Raises `ModelUnavailable` when the model cannot answer."""

    async def close(self) -> None:
        """Release the model."""


@runtime_checkable
class Encoder(Protocol):
    """A describer that encodes frames and clips one by one and keeps what came of them as long as they are kept."""

    @property
    def batch(self) -> int:
        """Frames that are best encoded together."""

    @property
    def embedding_bytes(self) -> int:
        """Bytes that its embeddings hold."""

    async def encode(self, frames: Sequence[StoredFrame], clips: Sequence[AudioClip]) -> None:
        """Encode what has no embedding yet, ahead of the window that will need it; raises `ModelUnavailable`."""
