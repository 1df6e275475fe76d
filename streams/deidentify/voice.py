"""The only way sound leaves `streams/`: altered voice as `CleanAudio`, and prosody as numbers.

Fail-closed: what cannot be altered is released as silence of the same length, never plain. λ is drawn anew for
each segment of speech, lives no longer than that segment, and is never shown to anybody.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from buffers.records import AUDIO_RATE_HZ, DEIDENTIFIER_SEAL, CleanAudio, Prosody, Track
from configs.settings import VoiceMode, VoiceSettings
from streams.deidentify.limiter import Limiter
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import FRAME, HOP, Level, McAdams, finite
from streams.deidentify.prosody import ProsodyMeter
from streams.deidentify.vad import CHUNK, Pauses, SpeechTrack, VoiceActivity
from streams.media import RawAudio, RawGap

_log = logging.getLogger(__name__)

_HEADROOM: Final = 2.0
"""Largest sample that is believed: lossy codecs overshoot full scale by less than 6 dB."""

_SLIP_S: Final = 0.05
"""How far a block may lie from the end of the one before (s); more is a hole that nobody reported."""

_LEVELS: Final = {VoiceMode.LEVEL_MATCHED: Level.MATCHED, VoiceMode.REFERENCE: Level.FREE}
"""Of the modes that keep sound. The others have no level, and nothing that could make sound is built for them."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceOutput:
    """What a call released, in order of media time; both may be empty."""

    audio: tuple[CleanAudio, ...] = ()
    prosody: tuple[Prosody, ...] = ()

    def __add__(self, other: VoiceOutput) -> VoiceOutput:
        """This, then the other."""
        return VoiceOutput(self.audio + other.audio, self.prosody + other.prosody)


class VoiceDeidentifier:
    """Alters one audio track. Every sample pushed comes out once, at its own media time, less than 33 ms later.

    The outcome does not depend on how the track is cut into blocks, and nothing goes beyond full scale. In
    `reference` mode the moved poles raise the level up to tens of times; the baseline then scales whole files by their
    peak, a stream turns down what is too loud and lets the rest be. In `features-only` mode prosody is all that comes
    out, and sound is never altered at all.
    """

    def __init__(self, settings: VoiceSettings, *, seed: int | None, vad: VoiceActivity) -> None:
        """Make a de-identifier.

        Args:
            settings: Mode, λ or its range, and the pause that ends a segment. Not `drop`: who wants no sound must
                not read it.
            seed: Makes the draws of λ repeatable, which also lets an attacker repeat them; None draws from the
                operating system's generator.
            vad: Tells speech from silence; used by this object alone.

        Raises:
            ValueError: The mode is `drop`.
        """
        if settings.mode is VoiceMode.DROP:
            raise ValueError("a dropped audio track has no voice to de-identify")
        self._settings = settings
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - asked to repeat
        self._vad = vad
        self._meter = ProsodyMeter()
        self._stretch: _Stretch | None = None
        self._failures = 0

    @property
    def keeps_sound(self) -> bool:
        """Whether altered sound comes out at all; if not, prosody alone tells how far the track has come."""
        return self._settings.mode in _LEVELS

    @property
    def failures(self) -> int:
        """How many times sound was released as silence because it could not be altered."""
        return self._failures + (self._stretch.failures if self._stretch is not None else 0)

    def push(self, audio: RawAudio) -> VoiceOutput:
        """Take a block and give what is finished."""
        ended = VoiceOutput()
        if self._stretch is not None and abs(self._stretch.end_s - audio.t_s) > _SLIP_S:
            ended = self.flush()
        if self._stretch is None:
            self._meter.start(audio.t_s)
            self._stretch = _Stretch(
                audio.t_s,
                voice=self._altered_voice(),
                speech=SpeechTrack(self._vad),
                meter=self._meter,
            )
        samples = np.clip(finite(audio.samples.astype(np.float64)), -_HEADROOM, _HEADROOM)
        return ended + self._stretch.push(samples)

    def gap(self, gap: RawGap) -> VoiceOutput:
        """Nothing is known for a while: give what is left, and join nothing across the hole."""
        return self.flush() if gap.track is Track.AUDIO else VoiceOutput()

    def flush(self) -> VoiceOutput:
        """Give what is left; the next block starts anew, with a λ of its own."""
        if self._stretch is None:
            return VoiceOutput()
        left = self._stretch.flush()
        self._failures += self._stretch.failures
        self._stretch = None
        return left

    def _altered_voice(self) -> _AlteredVoice | None:
        level = _LEVELS.get(self._settings.mode)
        return None if level is None else _AlteredVoice(level, self._draw, Pauses(self._settings.pause_s))

    def _draw(self) -> float:
        fixed = self._settings.coefficient
        return self._random.uniform(*self._settings.coefficient_range) if fixed is None else fixed


class _Stretch:
    """Sound without a hole, from the first sample after one to the last before the next."""

    def __init__(
        self, start_s: float, *, voice: _AlteredVoice | None, speech: SpeechTrack, meter: ProsodyMeter
    ) -> None:
        """Begin at media time `start_s`; without a voice, sound is measured and let go."""
        self._start_s = start_s
        self._voice = voice
        self._speech = speech
        self._meter = meter
        self._heard = self._released = 0

    @property
    def end_s(self) -> float:
        """Media time at which the next sample is expected."""
        return self._start_s + self._heard / AUDIO_RATE_HZ

    @property
    def failures(self) -> int:
        """How many times sound was released as silence because it could not be altered."""
        return 0 if self._voice is None else self._voice.failures

    def push(self, samples: Reals) -> VoiceOutput:
        """Take float64[n], finite, and give what is finished."""
        self._heard += len(samples)
        speech = self._speech.push(samples)
        prosody = self._meter.push(samples, speech)
        altered = None if self._voice is None else self._voice.push(samples, speech)
        return VoiceOutput(self._clean(altered), tuple(prosody))

    def flush(self) -> VoiceOutput:
        """Give what is left."""
        prosody = self._meter.flush(self._speech.flush())
        altered = None if self._voice is None else self._voice.flush()
        return VoiceOutput(self._clean(altered), tuple(prosody))

    def _clean(self, altered: Reals | None) -> tuple[CleanAudio, ...]:
        if altered is None or not len(altered):
            return ()
        t_s = self._start_s + self._released / AUDIO_RATE_HZ
        self._released += len(altered)
        return (CleanAudio(t_s=t_s, samples=altered.astype(np.float32), seal=DEIDENTIFIER_SEAL),)


class _AlteredVoice:
    """The altered sound of one stretch, limited to full scale, with λ drawn anew for each segment of speech.

    A pause is noticed with a chunk that ends at some sample; the frames that end there or later get the new λ. The
    λ of a frame so depends on nothing that comes after the frame, and on no cutting into blocks.
    """

    def __init__(self, level: Level, draw: Callable[[], float], pauses: Pauses) -> None:
        """Begin with a λ from `draw`."""
        self.failures = 0
        self._level = level
        self._draw = draw
        self._coefficient = draw()
        self._pauses = pauses
        self._core = McAdams(level)
        self._limiter = Limiter()
        self._heard = self._released = self._judged = 0
        self._next_frame_end = FRAME

    def push(self, samples: Reals, speech: list[float]) -> Reals:
        """Take float64[n] and the chunks that became whole with them; give float64[m] in order."""
        self._heard += len(samples)
        coefficients = self._coefficients(self._core.frames_after(len(samples)), speech)
        return self._given(lambda: self._limiter.push(self._core.push(samples, coefficients)))

    def flush(self) -> Reals:
        """Give all that is left, float64[n]."""
        return self._given(lambda: np.concatenate([self._limiter.push(self._core.flush()), self._limiter.flush()]))

    def _coefficients(self, frames: int, speech: list[float]) -> Reals:
        """λ for each of the next `frames` frames, given the chunks that were judged since the last ones."""
        coefficients = np.full(frames, self._coefficient)
        for probability in speech:
            self._judged += CHUNK
            if self._pauses.push(probability):
                self._coefficient = self._draw()
                first = max(0, -((self._next_frame_end - self._judged) // HOP))
                coefficients[first:] = self._coefficient
        self._next_frame_end += frames * HOP
        return coefficients

    def _given(self, alter: Callable[[], Reals]) -> Reals:
        """What `alter` gives, or silence for everything it owes when it fails in any way."""
        altered = self._attempt(alter)
        if altered is None:
            self.failures += 1
            altered = np.zeros(self._heard - self._released)
            self._core, self._limiter = McAdams(self._level), Limiter()
            self._next_frame_end = self._heard + FRAME
        self._released += len(altered)
        return altered

    def _attempt(self, alter: Callable[[], Reals]) -> Reals | None:
        try:
            altered = alter()
        except Exception as error:  # noqa: BLE001 - fail-closed: whatever went wrong, the voice must not get out plain
            _log.warning("voice not altered, released as silence: %s", type(error).__name__)
            return None
        if np.abs(altered).max(initial=0.0) <= 1.0:  # false for NaN as well
            return altered
        _log.warning("voice not altered, released as silence: not within full scale")
        return None
