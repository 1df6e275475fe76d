"""How things were said, summed into bins: one second each lately, wider ones for the whole session."""

from __future__ import annotations

import math
from dataclasses import dataclass

from buffers.evidence import HorizonLimits, ProsodyBin
from buffers.records import Prosody
from buffers.thinning import MARGIN_S, Bin, History

SUM_BYTES = 350
"""Size of one bin with its sums (measured, rounded up)."""


@dataclass(frozen=True, slots=True)
class ProsodySum:
    """What adds up over blocks. Weights are seconds of speech: a block's length times its voice activity 0-1."""

    observed_s: float = 0.0
    speech_s: float = 0.0
    pitched: int = 0
    pitch_weight_s: float = 0.0
    pitch: float = 0.0
    pitch_squared: float = 0.0
    level_weight_s: float = 0.0
    level: float = 0.0

    @classmethod
    def of(cls, block: Prosody) -> ProsodySum:
        """The sums of a single block."""
        weight_s = block.duration_s * block.speech
        pitch = block.pitch_st if weight_s > 0 else None
        level = block.intensity_db if weight_s > 0 else None
        return cls(
            observed_s=block.duration_s,
            speech_s=weight_s,
            pitched=0 if pitch is None else 1,
            pitch_weight_s=0.0 if pitch is None else weight_s,
            pitch=0.0 if pitch is None else weight_s * pitch,
            pitch_squared=0.0 if pitch is None else weight_s * pitch * pitch,
            level_weight_s=0.0 if level is None else weight_s,
            level=0.0 if level is None else weight_s * level,
        )

    def plus(self, other: ProsodySum) -> ProsodySum:
        """Both together."""
        return ProsodySum(
            self.observed_s + other.observed_s,
            self.speech_s + other.speech_s,
            self.pitched + other.pitched,
            self.pitch_weight_s + other.pitch_weight_s,
            self.pitch + other.pitch,
            self.pitch_squared + other.pitch_squared,
            self.level_weight_s + other.level_weight_s,
            self.level + other.level,
        )

    @property
    def pitch_st(self) -> float | None:
        """Mean pitch in semitones, None where nothing was voiced."""
        return self.pitch / self.pitch_weight_s if self.pitched else None

    @property
    def pitch_spread_st(self) -> float | None:
        """Standard deviation of the pitch in semitones, None with fewer than two voiced blocks."""
        if self.pitched < 2:
            return None
        mean = self.pitch / self.pitch_weight_s
        return math.sqrt(max(0.0, self.pitch_squared / self.pitch_weight_s - mean * mean))

    @property
    def intensity_db(self) -> float | None:
        """Mean level in dB, None where there was no speech."""
        return self.level / self.level_weight_s if self.level_weight_s > 0 else None


class ProsodyStore:
    """The prosody of one stream."""

    def __init__(self, limits: HorizonLimits) -> None:
        """Start empty."""
        self._sums: History[ProsodySum] = History(
            ProsodySum.plus, recent_s=limits.dense_s + MARGIN_S, capacity=limits.session_bins
        )

    def add(self, block: Prosody) -> None:
        """Add a block to the bin in which it begins."""
        self._sums.add(block.t_s, ProsodySum.of(block))

    def bins(self, start_s: float, end_s: float) -> tuple[ProsodyBin, ...]:
        """The bins that begin in [start_s, end_s)."""
        return tuple(_as_record(found) for found in self._sums.between(start_s, end_s))

    def total(self, start_s: float, end_s: float) -> ProsodySum:
        """The sums over the same bins."""
        total = ProsodySum()
        for found in self._sums.between(start_s, end_s):
            total = total.plus(found.value)
        return total

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated."""
        return len(self._sums) * SUM_BYTES


def _as_record(found: Bin[ProsodySum]) -> ProsodyBin:
    sums = found.value
    return ProsodyBin(
        t_s=found.t_s,
        duration_s=found.duration_s,
        observed_s=sums.observed_s,
        speech_s=sums.speech_s,
        pitch_st=sums.pitch_st,
        pitch_spread_st=sums.pitch_spread_st,
        intensity_db=sums.intensity_db,
    )
