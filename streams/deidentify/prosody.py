"""How something is said, measured before the voice is altered: speech, pitch and loudness, never the sound itself.

Pitch and loudness leave as differences from what is usual for this speaker; the absolute values, which help to
recognise a person, stay here.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from buffers.records import AUDIO_RATE_HZ, Prosody
from streams.deidentify.lpc import Reals
from streams.deidentify.pitch import CONTEXT, pitch_hz
from streams.deidentify.vad import CHUNK, SPEECH_FROM

BLOCK: Final = AUDIO_RATE_HZ // 10
"""Samples of one record: 0.1 s."""

_PITCH_FRAME: Final = AUDIO_RATE_HZ // 100
"""Samples between two pitch values: 10 ms."""

_VOICED_NEEDED: Final = 3
"""Voiced frames of ten that make a block voiced: fewer are mostly octave errors at onsets."""

_BASELINE_FRAMES: Final = 200
"""Voiced frames before there is a pitch baseline: 2 s."""

_BASELINE_BLOCKS: Final = 20
"""Blocks of speech before there is a loudness baseline: 2 s."""

_SILENT: Final = 1e-12
"""Mean square under which a block counts as digital silence (-120 dBFS)."""


class RunningMedian:
    """Median of everything added so far, in bounded memory: values are counted in cells of equal width."""

    def __init__(self, low: float, high: float, cell: float) -> None:
        """Count between `low` and `high` in cells of width `cell`; what is outside counts in the outermost."""
        self._low = low
        self._cell = cell
        self._counts = np.zeros(math.ceil((high - low) / cell), np.int64)

    @property
    def count(self) -> int:
        """How many values were added."""
        return int(self._counts.sum())

    def add(self, values: Reals) -> None:
        """Add float64[n], finite."""
        cells = np.clip((values - self._low) // self._cell, 0, len(self._counts) - 1).astype(np.int64)
        np.add.at(self._counts, cells, 1)

    @property
    def value(self) -> float:
        """The median, to half a cell; meaningless before the first value."""
        total = np.cumsum(self._counts)
        return self._low + (int(np.searchsorted(total, total[-1] / 2)) + 0.5) * self._cell


class ProsodyMeter:
    """Turns samples and voice activity into a record every 0.1 s, whatever the blocks they come in.

    The baselines last as long as the meter; `start` begins anew after a hole.
    """

    def __init__(self) -> None:
        """Start at media time 0 without a baseline."""
        self._semitones = RunningMedian(12 * math.log2(50), 12 * math.log2(450), 0.1)
        self._levels = RunningMedian(-120.0, 20.0, 0.25)
        self.start(0.0)

    def start(self, t_s: float) -> None:
        """The next sample is at media time `t_s` and does not follow on."""
        self._start_s = t_s
        self._done = 0
        self._heard = np.zeros(CONTEXT)
        self._speech: list[float] = []
        self._chunks_done = 0
        self._last_speech = 0.0

    def push(self, samples: Reals, speech: list[float]) -> list[Prosody]:
        """Take float64[n] and the probabilities of the chunks that became whole with them."""
        self._heard = np.concatenate([self._heard, samples])
        self._speech += speech
        records = []
        while len(self._heard) - CONTEXT >= BLOCK and self._chunks_within(BLOCK) < len(self._speech):
            records.append(self._record(BLOCK))
        return records

    def flush(self, speech: list[float]) -> list[Prosody]:
        """Give the records that are left, the last one as short as it is; `start` must follow."""
        self._speech += speech
        records = []
        while length := min(BLOCK, len(self._heard) - CONTEXT):
            records.append(self._record(length))
        return records

    def _chunks_within(self, length: int) -> int:
        """How many waiting chunks have their middle in the next `length` samples."""
        return (self._done + length - CHUNK // 2 + CHUNK - 1) // CHUNK - self._chunks_done

    def _record(self, length: int) -> Prosody:
        heard = self._heard[: CONTEXT + length]
        chunks = max(0, self._chunks_within(length))
        speech = float(np.mean(self._speech[:chunks] or [self._last_speech]))
        self._last_speech = speech
        record = Prosody(
            t_s=self._start_s + self._done / AUDIO_RATE_HZ,
            duration_s=length / AUDIO_RATE_HZ,
            speech=speech,
            pitch_st=self._pitch(heard[: CONTEXT + length // _PITCH_FRAME * _PITCH_FRAME], speech),
            intensity_db=self._intensity(heard[CONTEXT:], speech),
        )
        del self._speech[:chunks]
        self._chunks_done += chunks
        self._heard = self._heard[length:]
        self._done += length
        return record

    def _pitch(self, heard: Reals, speech: float) -> float | None:
        """Semitones above the baseline as it was before this block."""
        if speech < SPEECH_FROM or len(heard) == CONTEXT:
            return None
        pitch = pitch_hz(heard)
        semitones = 12.0 * np.log2(pitch[np.isfinite(pitch)])
        if len(semitones) < _VOICED_NEEDED:
            return None
        known = self._semitones.count >= _BASELINE_FRAMES
        above = float(np.median(semitones)) - self._semitones.value if known else None
        self._semitones.add(semitones)
        return above

    def _intensity(self, samples: Reals, speech: float) -> float | None:
        """Decibels above the speech level as it was before this block."""
        power = float(np.square(samples).mean())
        if power < _SILENT:
            return None
        level = 10.0 * math.log10(power)
        known = self._levels.count >= _BASELINE_BLOCKS
        above = level - self._levels.value if known else None
        if speech >= SPEECH_FROM:
            self._levels.add(np.array([level]))
        return above
