"""Sound that a voice activity detector takes for speech and that says nothing: syllables without words.

A source-filter synthesiser after Fant: pulses of the glottis (or noise) through resonances that glide from
syllable to syllable. For tests and the demonstration, which must hold nobody's voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, sosfilt

from buffers.records import AUDIO_RATE_HZ

Samples = NDArray[np.float32]
_Reals = NDArray[np.float64]

VOWELS_HZ: Final = (
    (270.0, 2290.0, 3010.0),  # heed
    (530.0, 1840.0, 2480.0),  # head
    (660.0, 1720.0, 2410.0),  # had
    (730.0, 1090.0, 2440.0),  # hod
    (570.0, 840.0, 2410.0),  # hawed
    (300.0, 870.0, 2240.0),  # who'd
    (640.0, 1190.0, 2390.0),  # hud
)
"""First three formants of seven vowels. Source: Peterson and Barney 1952, men."""

NASAL_HZ: Final = (250.0, 1200.0, 2200.0)
"""Formants of a murmur such as m or n; the first is low because the mouth is closed."""

BANDWIDTHS_HZ: Final = (70.0, 110.0, 160.0)
"""Widths of the resonances; narrower ones whistle, wider ones hum."""

STEP_S: Final = 0.01
"""Interval at which pitch, loudness and formants move (s); speech moves more slowly."""

_STEP: Final = round(STEP_S * AUDIO_RATE_HZ)


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody speaks: pitch and its spread (Hz), pauses [shortest, longest] (s) and syllables a second."""

    pitch_hz: float
    spread_hz: float
    pause_s: tuple[float, float]
    syllables_hz: float


LIVELY: Final = Manner(pitch_hz=135.0, spread_hz=30.0, pause_s=(0.5, 1.0), syllables_hz=4.6)
"""Wide melody, short pauses."""

SUBDUED: Final = Manner(pitch_hz=112.0, spread_hz=7.0, pause_s=(1.1, 2.0), syllables_hz=3.4)
"""Flat melody, long pauses: the turn of mood in the demonstration."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech between two pauses, [start_s, end_s), and its manner."""

    start_s: float
    end_s: float
    manner: Manner


def plan_utterances(seconds: float, turn_s: float, rng: np.random.Generator) -> tuple[Utterance, ...]:
    """Utterances and pauses over `seconds`; lively before `turn_s`, subdued after it."""
    utterances: list[Utterance] = []
    start_s = 0.4
    while start_s < seconds - 0.5:
        manner = LIVELY if start_s < turn_s else SUBDUED
        end_s = min(start_s + rng.uniform(2.0, 4.5), seconds - 0.2)
        utterances.append(Utterance(start_s, end_s, manner))
        start_s = end_s + rng.uniform(*manner.pause_s)
    return tuple(utterances)


def speak(utterances: tuple[Utterance, ...], seconds: float, rng: np.random.Generator) -> Samples:
    """The sound of the utterances: float32[n] mono at `AUDIO_RATE_HZ`, peak 0.6, over faint room noise."""
    total = round(seconds * AUDIO_RATE_HZ)
    voice = np.zeros(total)
    for utterance in utterances:
        sound = _utter(utterance, rng)
        at = round(utterance.start_s * AUDIO_RATE_HZ)
        sound = sound[: total - at]
        voice[at : at + len(sound)] += sound
    voice *= 0.6 / max(1e-9, float(np.max(np.abs(voice))))
    # A dead silent pause is rare in recordings and would make the level baseline meaningless.
    return (voice + rng.normal(0.0, 8e-4, total)).astype(np.float32)


def _utter(utterance: Utterance, rng: np.random.Generator) -> _Reals:
    """One utterance, float64[n], unscaled."""
    steps = max(1, round((utterance.end_s - utterance.start_s) / STEP_S))
    voicing, hiss, formants = _articulate(steps, utterance.manner, rng)
    pitch = _melody(steps, utterance.manner, rng)
    total = steps * _STEP
    loudness = np.interp(np.arange(total) / _STEP, np.arange(steps), voicing)
    frication = np.interp(np.arange(total) / _STEP, np.arange(steps), hiss)
    source = _glottis(np.repeat(pitch, _STEP), rng) * loudness
    breath = rng.normal(0.0, 1.0, total)
    mouth = _resonate(source + 0.02 * breath * loudness, formants)
    # Fricatives are shaped in front of the mouth: noise above about 3 kHz, through no vowel resonance.
    sharp = lfilter([1.0, -1.6, 0.64], [1.0], breath)
    return np.asarray(mouth / max(1e-9, float(np.std(mouth))) + 0.12 * sharp * frication, np.float64)


def _articulate(steps: int, manner: Manner, rng: np.random.Generator) -> tuple[_Reals, _Reals, _Reals]:
    """Voicing [steps], hiss [steps] and formants [steps, 3] of consonant-vowel syllables."""
    voicing = np.zeros(steps)
    hiss = np.zeros(steps)
    formants = np.full((steps, 3), NASAL_HZ)
    at = 0
    while at < steps:
        length = max(8, round(rng.uniform(0.75, 1.25) / manner.syllables_hz / STEP_S))
        onset = max(2, length // 4)
        vowel = VOWELS_HZ[rng.integers(len(VOWELS_HZ))]
        kind = rng.integers(3)  # fricative, stop or nasal
        end = min(at + length, steps)
        body = np.arange(min(at + onset, end), end)
        formants[at:end] = vowel
        voicing[body] = 0.35 + 0.65 * np.sin(np.pi * (np.arange(len(body)) + 1) / (len(body) + 1))
        if kind == 0:
            hiss[at : at + onset] = 1.0
        elif kind == 1:
            hiss[at + onset - 1 : at + onset] = 1.6
        else:
            formants[at : at + onset] = NASAL_HZ
            voicing[at : at + onset] = 0.3
        at = end
    glide = np.hanning(9) / np.hanning(9).sum()
    smooth = [np.convolve(np.pad(track, 4, mode="edge"), glide, mode="valid") for track in formants.T]
    voicing[-12:] *= np.linspace(1.0, 0.0, min(12, steps))[-len(voicing[-12:]) :]
    return voicing, hiss, np.stack(smooth, axis=1)


def _melody(steps: int, manner: Manner, rng: np.random.Generator) -> _Reals:
    """Pitch [steps] in Hz: falls over the utterance, with an accent now and then and a slight tremor."""
    anchors = max(3, steps // 25)
    accents = rng.normal(0.0, manner.spread_hz, anchors)
    shape = np.interp(np.arange(steps), np.linspace(0, steps - 1, anchors), accents)
    fall = np.linspace(0.6, -0.8, steps) * manner.spread_hz
    return np.clip(manner.pitch_hz + shape + fall + rng.normal(0.0, 0.8, steps), 70.0, 300.0)


def _glottis(pitch_hz: _Reals, rng: np.random.Generator) -> _Reals:
    """Flow derivative of the glottis for a pitch track: a slow opening, a sharp closure (Rosenberg 1971)."""
    phase = np.cumsum(pitch_hz * (1.0 + rng.normal(0.0, 0.004, len(pitch_hz)))) / AUDIO_RATE_HZ % 1.0
    opening = phase / 0.6
    closing = (phase - 0.6) / 0.1
    flow = np.where(
        phase < 0.6,
        0.5 * (1.0 - np.cos(np.pi * opening)),
        np.where(phase < 0.7, np.cos(0.5 * np.pi * np.clip(closing, 0.0, 1.0)), 0.0),
    )
    return np.diff(flow, prepend=0.0)


def _resonate(source: _Reals, formants: _Reals) -> _Reals:
    """The source through three resonators in cascade whose centres follow `formants` [steps, 3] in Hz."""
    state = np.zeros((3, 2))
    radius = np.exp(-np.pi * np.array(BANDWIDTHS_HZ) / AUDIO_RATE_HZ)
    sections = np.zeros((3, 6))
    sections[:, 3] = 1.0
    sections[:, 5] = radius**2
    out = np.empty_like(source)
    for step, centres in enumerate(formants):
        sections[:, 4] = -2.0 * radius * np.cos(2.0 * np.pi * centres / AUDIO_RATE_HZ)
        sections[:, 0] = 1.0 + sections[:, 4] + sections[:, 5]  # unit gain at 0 Hz, as a tube has
        here = slice(step * _STEP, (step + 1) * _STEP)
        out[here], state = sosfilt(sections, source[here], zi=state)
    return out
