"""What altering a voice kept and what it changed, in figures taken from the two files alone.

Knows nothing of the settings that were used, so that it judges other tools' files too. Gives figures only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from streams.audit.voices.mfcc import BANDS, cepstra
from streams.audit.voices.waveform import STEP, found_offset_ms, similarities
from streams.deidentify.lpc import Reals
from streams.deidentify.pitch import CONTEXT, pitch_hz
from streams.media import RawAudio, RawItem
from streams.sources.file import FileSource

ORIGINAL_FROM: Final = 0.95
"""Similarity of one second of speech from which it counts as the original voice.

Source: the likest second of 40 recordings altered with λ 0.9, the mildest the product draws, reaches 0.930 (0.747 with
0.8); the likest of recordings that are unaltered but went through AAC, MP3 or Opus at 12-48 kbit/s, or have noise
15 dB below, 0.994-1.000, the middle one 0.957-0.998. λ 0.98, which hardly alters a voice, reaches 0.990 and is meant to
be told.
"""

_FRAME: Final = AUDIO_RATE_HZ // 50
"""Samples of a frame of the energy contour: 20 ms."""

_FAINTEST: Final = 1e-10
"""Mean square under which frames differ no more (-100 dBFS): rounding noise would decide a correlation of levels."""

_MARGIN: Final = 10.0**-1.59
"""Speech is what lies less than 15.9 dB below the level of speech. Source: ITU-T P.56, method B."""

_SILENT: Final = 2.0**-15
"""Largest sample of digital silence: one 16-bit step, what dither adds."""

_FULL_SCALE: Final = 1.0 - 2.0**-15
"""Smallest sample that counts as clipped: the largest of 16 bits."""

_SAME_PITCH: Final = 0.05
"""Relative difference up to which a pitch counts as kept: about a semitone."""

_PITCH_PIECE: Final = 30 * AUDIO_RATE_HZ
"""Samples whose pitch is tracked at once: bounds the memory that an hour of sound takes."""

_PITCH_HOP: Final = AUDIO_RATE_HZ // 100

_FEWEST: Final = 3
"""Values below which a correlation says nothing."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sound:
    """A whole track, raw: float32[n] mono at `AUDIO_RATE_HZ` from media time `start_s` on, holes as zeros."""

    start_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VoiceFigures:
    """The comparison. Shares and correlations are None where there is nothing to take them over."""

    source_duration_s: float
    output_duration_s: float
    speech_s: float
    """How much of the source is speech (within 15.9 dB of the active level, ITU-T P.56)."""
    source_level_dbfs: float | None
    """Active level of the source; None without speech."""
    output_level_dbfs: float | None
    """Level of the output where the source is active; None where it is digitally silent there."""
    energy_correlation: float | None
    """Of the levels (dB) of 20 ms frames, over the whole file."""
    energy_correlation_speech: float | None
    """The same over speech only."""
    pitch_kept_share: float | None
    """Share of the frames (10 ms) voiced in both whose pitch is within 5 % of the source's."""
    pitch_correlation: float | None
    """Of the pitch in semitones over the frames voiced in both."""
    voicing_agreement: float | None
    """Share of the frames of speech that are voiced in both or in neither."""
    waveform_similarity: float | None
    """Largest normalised cross-correlation of one second of speech with the source, within 50 ms: 1 is the original."""
    original_share: float | None
    """Share of the seconds of speech at or above `ORIGINAL_FROM`."""
    offset_ms: float | None
    """How much later the output's envelope is than the source's; None where the two are not alike."""
    silence_kept_share: float | None
    """Share of the source's digitally silent frames, those beside sound left out, that are silent in the output."""
    source_clipped_samples: int
    output_clipped_samples: int
    """Samples at full scale, at 16 kHz."""
    envelope_distance_db: float | None
    """Root mean square difference of the spectral envelopes (20 cepstra) of speech, level left out: how altered."""

    @property
    def level_change_db(self) -> float | None:
        """Output minus source; None where either level is."""
        if self.source_level_dbfs is None or self.output_level_dbfs is None:
            return None
        return self.output_level_dbfs - self.source_level_dbfs

    @property
    def original_voice(self) -> bool:
        """Whether some second of the output is the source's own voice. Shorter leaks may be missed."""
        return self.waveform_similarity is not None and self.waveform_similarity >= ORIGINAL_FROM


def compare(original: Path, deidentified: Path) -> VoiceFigures | None:
    """Compare the sound of two files.

    Returns:
        The figures; None where one of the files has no sound.

    Raises:
        ConfigError: A file is missing or forbidden.
        SourceUnreadable: A file holds nothing that can be played.
    """
    source = sound_of(original)
    output = sound_of(deidentified) if source is not None else None
    return figures(source, output) if source is not None and output is not None else None


def sound_of(path: Path) -> Sound | None:
    """All sound of a file, None where it has none; errors as for `compare`."""
    opened = FileSource(path)
    try:
        return gathered(opened.items())
    finally:
        opened.close()


def gathered(items: Iterable[RawItem]) -> Sound | None:
    """The sound among the items of a source at its media times, None where there is none."""
    blocks = [item for item in items if isinstance(item, RawAudio)]
    if not blocks:
        return None
    start_s = blocks[0].t_s
    starts = [round((block.t_s - start_s) * AUDIO_RATE_HZ) for block in blocks]
    samples = np.zeros(max(at + len(block.samples) for at, block in zip(starts, blocks, strict=True)), np.float32)
    for at, block in zip(starts, blocks, strict=True):
        samples[at : at + len(block.samples)] = block.samples
    return Sound(start_s, samples)


def figures(source: Sound, output: Sound) -> VoiceFigures:
    """The comparison of two tracks whose media times share one epoch."""
    late = round((output.start_s - source.start_s) * AUDIO_RATE_HZ)
    placed = _shifted(output.samples, late, max(0, late + len(output.samples)))
    offset_ms = found_offset_ms(source.samples, placed)
    # Contours are compared in step: a delay is a figure of its own and must not spoil the others.
    altered = _shifted(placed, -round(offset_ms or 0.0) * STEP, len(source.samples))
    plain = source.samples
    powers, made = _powers(plain), _powers(altered)
    speech = active(powers)
    source_pitch, output_pitch = _pitch(plain), _pitch(altered)
    both = np.isfinite(source_pitch) & np.isfinite(output_pitch)
    semitones = [12.0 * np.log2(pitch[both]) for pitch in (source_pitch, output_pitch)]
    kept = np.abs(output_pitch[both] / source_pitch[both] - 1.0) <= _SAME_PITCH
    spoken = np.repeat(speech, _FRAME // _PITCH_HOP)
    same_voicing = (np.isfinite(source_pitch) == np.isfinite(output_pitch))[: len(spoken)]
    similar = similarities(plain, altered, np.repeat(speech, _FRAME))
    return VoiceFigures(
        source_duration_s=len(source.samples) / AUDIO_RATE_HZ,
        output_duration_s=len(output.samples) / AUDIO_RATE_HZ,
        speech_s=float(speech.sum()) * _FRAME / AUDIO_RATE_HZ,
        source_level_dbfs=_level_dbfs(powers[speech]),
        output_level_dbfs=_level_dbfs(made[speech]),
        energy_correlation=_correlation(_db(powers), _db(made)),
        energy_correlation_speech=_correlation(_db(powers[speech]), _db(made[speech])),
        pitch_kept_share=_share(kept),
        pitch_correlation=_correlation(*semitones),
        voicing_agreement=_share(same_voicing[spoken[: len(same_voicing)]]),
        waveform_similarity=float(similar.max()) if len(similar) else None,
        original_share=_share(similar >= ORIGINAL_FROM),
        offset_ms=offset_ms,
        silence_kept_share=_silence_kept(plain, altered),
        source_clipped_samples=_clipped(plain),
        output_clipped_samples=_clipped(output.samples),
        envelope_distance_db=_envelope_distance_db(plain, altered, spoken),
    )


def active(powers: Reals) -> NDArray[np.bool_]:
    """Which frames are speech, bool[frame]: those less than 15.9 dB below the mean of all such (ITU-T P.56).

    Args:
        powers: float64[frame], mean squares.
    """
    loud = powers > _FAINTEST
    while loud.any():
        # The threshold only rises, so this ends.
        louder = loud & (powers > powers[loud].mean() * _MARGIN)
        if louder.sum() == loud.sum():
            break
        loud = louder
    return np.asarray(loud, np.bool_)


def _shifted(samples: NDArray[np.float32], later: int, length: int) -> NDArray[np.float32]:
    """The samples `later` places later (earlier where negative), cut or filled with zeros to `length`."""
    out = np.zeros(length, np.float32)
    kept = samples[max(0, -later) :][: max(0, length - max(0, later))]
    out[max(0, later) :][: len(kept)] = kept
    return out


def _powers(samples: NDArray[np.float32]) -> Reals:
    """Mean square of each whole 20 ms frame, float64[frame]."""
    whole = len(samples) // _FRAME * _FRAME
    return np.asarray(np.square(samples[:whole], dtype=np.float64).reshape(-1, _FRAME).mean(axis=1), np.float64)


def _db(powers: Reals) -> Reals:
    return np.asarray(10.0 * np.log10(np.maximum(powers, _FAINTEST)), np.float64)


def _level_dbfs(powers: Reals) -> float | None:
    mean = float(powers.mean()) if len(powers) else 0.0
    return 10.0 * float(np.log10(mean)) if mean > 0.0 else None


def _share(flags: NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _correlation(one: Reals, other: Reals) -> float | None:
    """Pearson's; None for too few values or where one does not vary."""
    if len(one) < _FEWEST:
        return None
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread > np.finfo(np.float64).eps * len(one) else None


def _pitch(samples: NDArray[np.float32]) -> Reals:
    """Pitch every 10 ms, float64[frame], NaN where unvoiced."""
    whole = len(samples) // _PITCH_HOP * _PITCH_HOP
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), samples[:whole]])
    pieces = [
        pitch_hz(padded[start : min(start + _PITCH_PIECE, whole) + CONTEXT].astype(np.float64))
        for start in range(0, whole, _PITCH_PIECE)
    ]
    return np.concatenate([np.zeros(0), *pieces])


def _silence_kept(source: NDArray[np.float32], output: NDArray[np.float32]) -> float | None:
    whole = len(source) // _FRAME * _FRAME
    silent, kept = (
        np.abs(samples[:whole]).reshape(-1, _FRAME).max(axis=1, initial=0.0) <= _SILENT for samples in (source, output)
    )
    # A codec smears sound into the frame beside it; what lies deeper in the silence has no such excuse.
    deep = silent.copy()
    deep[1:] &= silent[:-1]
    deep[:-1] &= silent[1:]
    return _share(kept[deep])


def _clipped(samples: NDArray[np.float32]) -> int:
    return int((np.abs(samples) >= _FULL_SCALE).sum())


def _envelope_distance_db(
    source: NDArray[np.float32], output: NDArray[np.float32], spoken: NDArray[np.bool_]
) -> float | None:
    """Root mean square difference in dB of the envelopes that all cepstra but the zeroth describe, over speech."""
    difference = cepstra(source.astype(np.float64))[:, 1:] - cepstra(output.astype(np.float64))[:, 1:]
    difference = difference[: len(spoken)][spoken[: len(difference)]]
    if not len(difference):
        return None
    # The DCT is orthonormal: the cepstra's squares add up to those of the bands (Parseval).
    return 10.0 / float(np.log(10.0)) * float(np.sqrt(np.square(difference).sum(axis=1).mean() / BANDS))
