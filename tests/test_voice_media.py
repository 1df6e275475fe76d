"""The altered voice on real speech: its loudness goes up and down as the speaker's, and silence is silence."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from buffers.records import AUDIO_RATE_HZ, CleanAudio
from configs.settings import VoiceMode, VoiceSettings
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import FRAME, HOP
from streams.deidentify.voice import VoiceDeidentifier
from streams.media import RawAudio
from streams.sources.file import FileSource

pytestmark = pytest.mark.media

SPEECH = (
    "musetalk_eng.wav",
    "librispeech/1688/1688-142285-0002.flac",  # at λ 0.65 one pulse comes at 1.3 of full scale, for the limiter
    "librispeech/2033",
    "librispeech/3005/3005-163389-0002.flac",
    "librispeech/3080",
    "librispeech/533",
)
LISTENED_S = 8.0


class NeverSpeech:
    """A voice activity that hears no speech, so that λ stays as it is."""

    def process(self, samples: object) -> float:
        del samples
        return 0.0

    def reset(self) -> None:
        """Nothing is remembered."""


def heard(media: Path, name: str) -> Reals:
    """The first seconds of a file, or of the first file of a folder."""
    path = media / "speech" / name
    source = FileSource(path if path.is_file() else min(path.rglob("*.flac")))
    blocks = takewhile(lambda item: isinstance(item, RawAudio) and item.t_s < LISTENED_S, source.items())
    samples = [block.samples for block in blocks if isinstance(block, RawAudio)]
    source.close()
    return np.concatenate(samples).astype(np.float64)


def altered(samples: Reals, mode: VoiceMode, coefficient: float) -> Reals:
    """What the product makes of it in blocks of 100 ms."""
    settings = VoiceSettings(mode=mode, coefficient=coefficient)
    voice, block = VoiceDeidentifier(settings, seed=None, vad=NeverSpeech()), AUDIO_RATE_HZ // 10
    out: list[CleanAudio] = []
    for start in range(0, len(samples), block):
        part = samples[start : start + block].astype(np.float32)
        out += voice.push(RawAudio(start / AUDIO_RATE_HZ, part)).audio
    return np.concatenate([item.samples for item in (*out, *voice.flush().audio)]).astype(np.float64)


def contour(samples: Reals) -> Reals:
    """Mean square of 20 ms every 10 ms."""
    return np.asarray(np.square(sliding_window_view(samples, FRAME)[::HOP]).mean(axis=1))


def decibels(energy: Reals) -> Reals:
    """Quiet speech counts as much as loud speech; below -60 dB of full scale it is the room."""
    return np.asarray(10 * np.log10(energy + 1e-6))


def correlation(first: Reals, second: Reals) -> float:
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("coefficient", [0.5, 0.65, 0.8, 0.9])
@pytest.mark.parametrize("name", SPEECH)
def test_the_energy_contour_is_the_speakers(media_dir: Path, name: str, coefficient: float) -> None:
    samples = heard(media_dir, name)
    out = altered(samples, VoiceMode.LEVEL_MATCHED, coefficient)
    assert len(out) == len(samples)
    before, after = contour(samples), contour(out)
    assert correlation(before, after) >= 0.97
    assert correlation(np.sqrt(before), np.sqrt(after)) >= 0.97
    assert correlation(decibels(before), decibels(after)) >= 0.97
    assert 10 * np.log10(after.mean() / before.mean()) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("mode", [VoiceMode.LEVEL_MATCHED, VoiceMode.REFERENCE])
def test_no_voice_passes_full_scale_even_when_spoken_at_it(media_dir: Path, mode: VoiceMode) -> None:
    samples = heard(media_dir, "musetalk_eng.wav")
    samples /= np.abs(samples).max()
    assert 0.3 < np.abs(altered(samples, mode, 0.5)).max() < 1.0


def test_digital_silence_within_speech_stays_digital_silence(media_dir: Path) -> None:
    speech = heard(media_dir, "musetalk_eng.wav")[: 2 * AUDIO_RATE_HZ]
    out = altered(np.concatenate([speech, np.zeros(AUDIO_RATE_HZ), speech]), VoiceMode.LEVEL_MATCHED, 0.6)
    # A frame that reaches into the silence rings until its own end, no longer.
    assert not out[len(speech) + FRAME : len(speech) + AUDIO_RATE_HZ - FRAME].any()
    assert out[: len(speech)].any()
