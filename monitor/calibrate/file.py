"""A calibration as it is kept: a small JSON file that belongs to one describer and one judge."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from configs.errors import ConfigError
from configs.yamlfile import printable
from monitor.describers.base import ModelInfo, identity
from monitor.odds import logistic, logit

FORMAT: Final = "emotion-monitor calibration"
VERSION: Final = 1

EXTREME_P: Final = 1e-4
"""Stated probabilities are moved this far from 0 and 1 before they are calibrated: a model's "certain" is a rounded
number, and one window of log-odds 20 would outweigh the labels of a whole session."""

MAX_BYTES: Final = 100_000
"""Larger files are no calibrations."""

_STRICT: Final = ConfigDict(strict=True, extra="forbid")


class Method(StrEnum):
    """How stated log-odds become calibrated ones: log-odds' = a * log-odds + b."""

    PLATT = "platt"
    """Slope and offset (Platt 1999)."""
    TEMPERATURE = "temperature"
    """Slope alone, b = 0 (Guo et al. 2017)."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model it was."""

    name: str
    model: str
    fingerprint: str

    @classmethod
    def of(cls, info: ModelInfo) -> ModelIdentity:
        """The part of what is known of a model that tells it from others."""
        return cls(info.name, info.model, info.fingerprint)

    def matches(self, info: ModelInfo) -> bool:
        """Whether this is the same model, asked in the same way."""
        return (self.name, self.fingerprint) == (info.name, info.fingerprint)

    def __str__(self) -> str:
        """For a message of one line."""
        return identity(self.name, self.model, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and, where there are enough recordings, what 95 % of redrawn sets of recordings give."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How far probabilities are off: Brier score, expected calibration error, log loss (nats). Less is better."""

    brier: Figure
    ece: Figure
    log_loss: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What `emotion-monitor calibrate` found. `data` (SHA-256, hex) is equal where the labelled windows are.

    `correlation` is the lag-1 correlation of the judge's errors between local windows. The three qualities are of the
    probabilities as stated, as tempered without a calibration, and as calibrated without the recording they are of.
    `forced` says in one line what was amiss when a person insisted, empty where nothing was.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    format: Literal["emotion-monitor calibration"] = FORMAT
    version: Literal[1] = VERSION
    method: Method
    a: float
    b: float
    correlation: float
    describer: ModelIdentity
    judge: ModelIdentity
    windows: int
    recordings: int
    positives: int
    stated: Quality
    tempered: Quality
    calibrated: Quality
    data: str
    forced: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that no fit can give (ValueError)."""
        if not (math.isfinite(self.a) and self.a >= 0 and math.isfinite(self.b)):
            raise ValueError("a must be a finite number from 0, b a finite number")
        if not (0 <= self.correlation < 1 and self.recordings >= 1 and 0 <= self.positives <= self.windows):
            raise ValueError("correlation must be 0-1 and the counts possible")

    @property
    def cap_logit(self) -> float:
        """The most that verdicts may add up to in a session, as log-odds: log(recordings + 1).

        Whoever saw n sessions and no surprise expects one in n + 2 (Laplace's rule of succession); a judge that is
        wrong about a person throughout can be no rarer than that for all anybody knows.
        """
        return math.log(self.recordings + 1)

    def apply(self, p_positive: float) -> float:
        """The calibrated probability of positive, with both labels equally likely beforehand."""
        return logistic(self.a * stated_logit(p_positive) + self.b)

    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


_FILE: Final[TypeAdapter[Calibration]] = TypeAdapter(Calibration)


def stated_logit(p_positive: float) -> float:
    """Log-odds of a stated probability, `EXTREME_P` away from where there are none."""
    return logit(min(max(p_positive, EXTREME_P), 1 - EXTREME_P))


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        ConfigError: the file cannot be read, or is none.
    """
    name = printable(path.name, 120)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise ConfigError(
            f"calibration {name} cannot be read: {error.strerror or error}; make it with `emotion-monitor calibrate`"
        ) from error
    try:
        return _FILE.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"calibration {name} is none of this version ({printable(where, 60)}: {printable(first['msg'], 120)}); "
            "make it with `emotion-monitor calibrate`"
        ) from error
