"""Voice activity: how likely each 32 ms of sound is speech, and where pauses end a segment."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from streams.deidentify.lpc import Reals
from streams.models.runtime import open_onnx

CHUNK: Final = 512
"""Samples judged at once (32 ms): the only size Silero VAD 5 and 6 take at 16 kHz."""

SPEECH_FROM: Final = 0.5
"""Probability at which speech starts. Source: Silero's default."""

SILENCE_BELOW: Final = 0.35
"""Probability under which speech ends. Source: Silero's default, 0.15 below the start."""

_CONTEXT: Final = 64
"""Samples of the chunk before that the model wants to see again."""

_STATE_SHAPE: Final = (2, 1, 128)


class VoiceActivity(Protocol):
    """Something that tells speech from other sound, chunk by chunk and in order."""

    def process(self, samples: NDArray[np.float32]) -> float:
        """Probability 0-1 that float32[CHUNK] mono at 16 kHz is speech."""

    def reset(self) -> None:
        """Forget everything heard: what comes next does not follow on."""


class SileroVad:
    """Silero VAD through ONNX Runtime, on one thread that does not spin (0.12 ms a chunk)."""

    def __init__(self, path: Path) -> None:
        """Load the model file; ModelUnavailable when it is missing or no such model."""
        self._session = open_onnx(path)
        self._rate = np.array(AUDIO_RATE_HZ, np.int64)
        self._context: NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)
        self._state: NDArray[np.float32] = np.zeros(_STATE_SHAPE, np.float32)

    def process(self, samples: NDArray[np.float32]) -> float:
        """Probability 0-1 that float32[CHUNK] mono at 16 kHz is speech."""
        heard = np.concatenate([self._context, samples])
        self._context = heard[-_CONTEXT:]
        probability, self._state = self._session.run(
            None, {"input": heard[np.newaxis], "state": self._state, "sr": self._rate}
        )
        return float(probability[0, 0])

    def reset(self) -> None:
        """Forget everything heard."""
        self._context = np.zeros(_CONTEXT, np.float32)
        self._state = np.zeros(_STATE_SHAPE, np.float32)


class SpeechTrack:
    """Cuts a stream into chunks and asks for each whether it is speech."""

    def __init__(self, vad: VoiceActivity) -> None:
        """Listen with `vad` from its start."""
        self._vad = vad
        self._waiting = np.zeros(0)
        vad.reset()

    def push(self, samples: Reals) -> list[float]:
        """Take float64[n] and give the probability of each chunk that is now whole."""
        heard = np.concatenate([self._waiting, samples])
        whole = len(heard) // CHUNK * CHUNK
        self._waiting = heard[whole:]
        return [self._vad.process(chunk) for chunk in heard[:whole].astype(np.float32).reshape(-1, CHUNK)]

    def flush(self) -> list[float]:
        """Judge what is left, filled up with silence, and start anew."""
        left = len(self._waiting)
        probabilities = self.push(np.zeros(CHUNK - left)) if left else []
        self._waiting = np.zeros(0)
        self._vad.reset()
        return probabilities


class Pauses:
    """Finds the chunk at which a silence has become a pause."""

    def __init__(self, pause_s: float) -> None:
        """A pause is `pause_s` seconds without speech, rounded up to whole chunks."""
        self._needed = max(1, int(np.ceil(pause_s * AUDIO_RATE_HZ / CHUNK)))
        self._speaking = False
        self._silent = 0

    def push(self, probability: float) -> bool:
        """Whether this chunk completes a pause; once for each pause, and none before the first speech."""
        if probability >= SPEECH_FROM or (self._speaking and probability >= SILENCE_BELOW):
            self._speaking, self._silent = True, 0
            return False
        if not self._speaking:
            return False
        self._silent += 1
        if self._silent < self._needed:
            return False
        self._speaking, self._silent = False, 0
        return True
