"""A microphone of a real sound server: what is played is heard, on time, through stops and deaths of the server."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from configs.live_settings import LiveSettings, MicSettings
from streams.sources.devices.microphone import MicCaptor
from streams.sources.devices.portaudio import PORTAUDIO
from streams.sources.live.captor import CaptureFailed
from tests.made_devices import KeptPost
from tests.made_pulse import DEVICE, Pulse, made_pulse

pytestmark = pytest.mark.media

CLIP_S = 6.0
"""How much of the speech is looked for in what was heard."""


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    pytest.importorskip("sounddevice", exc_type=ImportError)
    with made_pulse() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        # What was listed before was listed of another server, or of none.
        PORTAUDIO._mark_stale()
        yield server
    PORTAUDIO._mark_stale()


def microphone(rate_hz: int | None = None) -> MicCaptor:
    return MicCaptor(DEVICE, MicSettings(rate_hz=rate_hz), LiveSettings())


class Attempt:
    """One attempt in a thread; `said` is what it failed with."""

    def __init__(self, captor: MicCaptor) -> None:
        self.post = KeptPost()
        self.said = ""
        self._captor = captor
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.post.is_open.wait(15), self.said

    def _run(self) -> None:
        try:
            self._captor.capture(self.post)
        except CaptureFailed as error:
            self.said = str(error)

    def listen(self, seconds: float) -> None:
        assert not self.post.over.wait(seconds)

    def end(self, timeout_s: float = 10.0) -> None:
        self.post.over.set()
        self.ended(timeout_s)

    def ended(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive()


def speech(path: Path) -> NDArray[np.float32]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (AUDIO_RATE_HZ, 1)
        samples = np.frombuffer(file.readframes(round(CLIP_S * AUDIO_RATE_HZ)), np.int16)
    return (samples / 32768.0).astype(np.float32)


def likeness(heard: NDArray[np.float32], played: NDArray[np.float32]) -> float:
    """Highest correlation at any delay, fractions of a sample included."""
    size = 1 << (len(heard) + len(played)).bit_length()
    spectrum = np.fft.rfft(played, size)
    products = np.fft.rfft(heard, size) * np.conj(spectrum)
    best = 0.0
    for part in np.linspace(0.0, 0.9, 10):
        turn = np.exp(2j * np.pi * np.arange(len(products)) * part / size)
        delay = int(np.argmax(np.fft.irfft(products * turn, size)[: len(heard) - len(played)]))
        moved = np.fft.irfft(spectrum / turn, size)[: len(played)]
        best = max(best, float(np.corrcoef(heard[delay : delay + len(played)], moved)[0, 1]))
    return best


@pytest.mark.parametrize("rate_hz", [None, 48000, 12345])
def test_speech_is_heard_as_it_was_played(pulse: Pulse, media_dir: Path, rate_hz: int | None) -> None:
    path = media_dir / "speech" / "musetalk_eng.wav"
    attempt = Attempt(microphone(rate_hz))
    pulse.play(path)
    attempt.listen(CLIP_S + 2.5)
    attempt.end()
    post = attempt.post
    heard = np.concatenate([samples for samples, _ in post.sounds])
    # At 12345 Hz what lies above 6 kHz is gone.
    assert likeness(heard, speech(path)) > (0.995 if rate_hz != 12345 else 0.98)
    counted_s = np.cumsum([0, *(len(samples) for samples, _ in post.sounds[:-1])]) / AUDIO_RATE_HZ
    told_s = np.array([captured_s for _, captured_s in post.sounds], np.float64)
    assert np.ptp(told_s - counted_s) < 0.06
    assert post.overflows == []


def test_a_server_that_stops_for_a_while_delivers_what_it_kept(pulse: Pulse) -> None:
    attempt = Attempt(microphone())
    attempt.listen(1.0)
    pulse.freeze()
    attempt.listen(3.0)
    pulse.thaw()
    attempt.listen(1.5)
    attempt.end()
    told_s = np.array([captured_s for _, captured_s in attempt.post.sounds], np.float64)
    assert told_s[-1] - told_s[0] > 4.5
    assert np.max(np.diff(told_s)) < 0.2


def test_a_server_that_dies_and_comes_back_is_found_again(pulse: Pulse) -> None:
    captor = microphone()
    attempt = Attempt(captor)
    pulse.kill()
    attempt.ended(3.0)
    assert attempt.said == "the microphone stopped; it was unplugged, or its sound server ended"
    with pytest.raises(CaptureFailed, match="is not there"):
        captor.capture(KeptPost())
    with made_pulse(pulse.folder):
        again = Attempt(captor)
        again.listen(0.5)
        again.end()
        assert again.post.sounds
