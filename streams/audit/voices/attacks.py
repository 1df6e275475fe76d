"""What an attacker does with altered voices before recognising them: alters his own alike, or undoes the altering.

Draws λ here, in the open, because an attack that knows λ must be tried and the product never reveals its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from configs.settings import VoiceSettings
from streams.audit.voices import mfcc
from streams.audit.voices.gmm import Mixture
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import FRAME, HOP, Level, McAdams
from streams.deidentify.vad import CHUNK, Pauses, SpeechTrack

GUESSES: Final = 9
"""Values of λ tried where it is not known: steps of 0.05 over the product's range, finer than a guess can tell."""

_MARGIN: Final = 1e-3
"""Frames less than 30 dB below the loud ones are speech; quieter ones tell of the room."""

_LOUD: Final = 0.95
"""Share of frames that are quieter than the loud ones: robust against clicks."""

_FAINTEST: Final = 1e-10
"""Mean square under which nothing is speech (-100 dBFS)."""

Segments = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Altered:
    """A recording altered in known ways.

    `samples` float64[n]; for each McAdams frame its λ in `coefficients` float64[frame] and the number of its segment
    in `segments` int64[frame].
    """

    samples: Reals
    coefficients: Reals
    segments: Segments


class LoudnessGate:
    """Tells speech from pauses by level alone, so that the audit needs no model: see `VoiceActivity`."""

    def __init__(self, samples: Reals) -> None:
        """Speech is what comes less than 30 dB below the loud parts of `samples`, float64[n]."""
        self._from = max(_FAINTEST, _MARGIN * _loud(mfcc.frame_power(samples)))

    def process(self, samples: NDArray[np.float32]) -> float:
        """1 for speech, 0 for a pause."""
        return float(np.square(samples, dtype=np.float64).mean() >= self._from)

    def reset(self) -> None:
        """Nothing is remembered."""


def altered(samples: Reals, settings: VoiceSettings, level: Level, rng: np.random.Generator) -> Altered:
    """A recording altered as the product does it: λ anew after each pause, or always the same.

    Args:
        samples: float64[n] mono at 16 kHz.
        settings: λ or its range, and the pause that ends a segment.
        level: What happens to each frame's energy.
        rng: Draws λ.
    """
    stream = McAdams(level)
    segments = _segments(samples, settings.pause_s, stream.frames_after(len(samples)))
    drawn = rng.uniform(*settings.coefficient_range, size=int(segments.max(initial=0)) + 1)
    if settings.coefficient is not None:
        drawn[:] = settings.coefficient
    coefficients = drawn[segments]
    return Altered(_through(stream, samples, coefficients), coefficients, segments)


def undone(samples: Reals, coefficients: Reals | float) -> Reals:
    """An altered recording with its pole angles raised to 1/λ: the inverse, but for what moved poles blur.

    Args:
        samples: float64[n].
        coefficients: λ of each frame, float64[frame], or of all.
    """
    return _through(McAdams(Level.MATCHED), samples, 1.0 / np.asarray(coefficients, np.float64))


def features(samples: Reals) -> tuple[Reals, NDArray[np.int64]]:
    """Cepstra and slopes of the frames of speech, and which frames these are.

    Args:
        samples: float64[n] mono at 16 kHz.

    Returns:
        float64[speech, 2 * COEFFICIENTS], each column with mean 0, and int64[speech], numbers of frames.
    """
    spoken = _spoken(samples)
    cepstra = mfcc.cepstra(samples)
    both = np.concatenate([cepstra, mfcc.slopes(cepstra)], axis=1)[spoken]
    return both - (both.mean(axis=0) if len(both) else 0.0), spoken


def seconds(spoken: NDArray[np.int64]) -> float:
    """How long that many frames of speech last (s)."""
    return len(spoken) * mfcc.HOP / AUDIO_RATE_HZ


def timbre(samples: Reals) -> tuple[Reals, NDArray[np.int64]]:
    """What betrays λ: the cepstra of speech as they are, level left out, and the numbers of their frames.

    The mean is kept: the formants' usual place is what moved. With it taken away, as `features` do, guesses of λ
    are off by 0.16 on average, with it by 0.02, also for a speaker the background model never heard.

    Args:
        samples: float64[n] mono at 16 kHz.

    Returns:
        float64[speech, COEFFICIENTS - 1] and int64[speech].
    """
    spoken = _spoken(samples)
    return mfcc.cepstra(samples)[spoken, 1:], spoken


def guessed(recording: Altered, usual: Mixture, grid: Reals) -> Reals:
    """λ of each frame as an attacker guesses it who does not know it, float64[frame].

    Each segment gets the guess that, undone, sounds most like plain speech. The attacker is given where segments end:
    pauses can be heard in altered speech too.

    Args:
        recording: Its `coefficients` are not looked at.
        usual: Background model of the `timbre` of plain speech.
        grid: The guesses, float64[guess].
    """
    likely = np.full((len(grid), int(recording.segments.max(initial=0)) + 1), -np.inf)
    for row, guess in zip(likely, grid, strict=True):
        values, spoken = timbre(undone(recording.samples, float(guess)))
        density = usual.log_likelihoods(values)
        segments = recording.segments[np.minimum(spoken, len(recording.segments) - 1)]
        for segment in np.unique(segments):
            row[segment] = density[segments == segment].mean()
    return np.asarray(grid[likely.argmax(axis=0)][recording.segments], np.float64)


def _segments(samples: Reals, pause_s: float, frames: int) -> Segments:
    """The number of the segment of each McAdams frame, int64[frame]: a frame belongs to what it ends in."""
    track, pauses = SpeechTrack(LoudnessGate(samples)), Pauses(pause_s)
    ends = [(index + 1) * CHUNK for index, speech in enumerate(track.push(samples)) if pauses.push(speech)]
    return np.searchsorted(ends, FRAME + HOP * np.arange(frames), side="right").astype(np.int64)


def _through(stream: McAdams, samples: Reals, coefficients: Reals) -> Reals:
    return np.concatenate([stream.push(samples, coefficients), stream.flush()])


def _spoken(samples: Reals) -> NDArray[np.int64]:
    """The numbers of the frames of speech, int64[speech]."""
    power = mfcc.frame_power(samples)
    return np.flatnonzero(power >= max(_FAINTEST, _MARGIN * _loud(power)))


def _loud(power: Reals) -> float:
    return float(np.quantile(power, _LOUD)) if len(power) else 0.0
