"""Prosody on sound whose pitch and level are known, and voice activity on real speech."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import wavfile

from buffers.records import AUDIO_RATE_HZ, Prosody
from configs.errors import ModelUnavailable
from streams.deidentify.pitch import CONTEXT, pitch_hz
from streams.deidentify.prosody import BLOCK, ProsodyMeter, RunningMedian
from streams.deidentify.vad import CHUNK, SileroVad, SpeechTrack
from streams.models.cache import model_path

pytestmark = pytest.mark.unit

Reals = NDArray[np.float64]


class Always:
    """A voice activity that always says the same."""

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.resets = 0

    def process(self, samples: NDArray[np.float32]) -> float:
        assert samples.shape == (CHUNK,)
        assert samples.dtype == np.float32
        return self.probability

    def reset(self) -> None:
        self.resets += 1


def vowel(seconds: float, pitch: float, level: float = 0.1) -> Reals:
    time = np.arange(round(AUDIO_RATE_HZ * seconds)) / AUDIO_RATE_HZ
    return np.asarray(level * sum(np.cos(2 * np.pi * pitch * h * time) / h for h in range(1, 12)), np.float64)


def measure(sound: Reals, speech: float = 1.0, blocks: tuple[int, ...] = (), start_s: float = 0.0) -> list[Prosody]:
    meter, track = ProsodyMeter(), SpeechTrack(Always(speech))
    meter.start(start_s)
    records, start = [], 0
    for length in (*blocks, len(sound)):
        part = sound[start : start + length]
        records += meter.push(part, track.push(part))
        start += length
    return records + meter.flush(track.flush())


@pytest.mark.parametrize("pitch", [61.0, 95.0, 140.0, 220.0, 330.0, 390.0])
def test_the_pitch_of_a_vowel_is_found_within_one_percent(pitch: float) -> None:
    found = pitch_hz(vowel((CONTEXT + BLOCK) / AUDIO_RATE_HZ, pitch))
    assert found.shape == (10,)
    assert np.abs(found / pitch - 1).max() < 0.01


@pytest.mark.parametrize(
    "sound", [np.zeros(CONTEXT + BLOCK), np.ones(CONTEXT + BLOCK), np.linspace(0, 1e-6, CONTEXT + BLOCK)]
)
def test_silence_and_constant_sound_have_no_pitch(sound: Reals) -> None:
    assert np.isnan(pitch_hz(sound)).all()


def test_noise_has_hardly_any_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(CONTEXT + 20 * BLOCK)
    assert np.isnan(pitch_hz(noise)).mean() > 0.9


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_the_running_median_is_right_to_a_cell(values: list[float]) -> None:
    median = RunningMedian(-6, 6, 0.1)
    for value in values:
        median.add(np.array([value]))
    ordered = sorted(values)
    lower, upper = ordered[(len(values) - 1) // 2], ordered[len(values) // 2]
    assert lower - 0.1 <= median.value <= upper + 0.1
    assert median.count == len(values)


def test_there_is_a_record_for_every_tenth_of_a_second_and_a_short_one_at_the_end() -> None:
    records = measure(vowel(1.23, 120), start_s=7.0)
    assert len(records) == 13
    assert records[0].t_s == 7.0
    assert all(after.t_s == pytest.approx(before.end_s) for before, after in pairwise(records))
    assert records[-1].end_s == pytest.approx(8.23)


@given(st.lists(st.integers(0, 5000), max_size=10))
@settings(max_examples=30, deadline=None)
def test_no_cutting_into_blocks_changes_a_record(blocks: list[int]) -> None:
    sound = np.concatenate([vowel(2.5, 110), vowel(0.4, 150, 0.3)])
    assert measure(sound, blocks=tuple(blocks)) == measure(sound)


def test_pitch_and_level_are_told_against_the_speakers_own_usual() -> None:
    octave_up_and_louder = measure(np.concatenate([vowel(3.0, 110), vowel(0.5, 220, 0.2)]))
    before, after = octave_up_and_louder[28], octave_up_and_louder[33]
    assert before.pitch_st == pytest.approx(0.0, abs=0.2)
    assert before.intensity_db == pytest.approx(0.0, abs=0.3)
    assert after.pitch_st == pytest.approx(12.0, abs=0.3)
    assert after.intensity_db == pytest.approx(6.0, abs=0.4)


def test_there_is_no_baseline_before_two_seconds_of_voice() -> None:
    records = measure(vowel(3.0, 110))
    assert all(record.pitch_st is None and record.intensity_db is None for record in records[:20])
    assert all(record.pitch_st is not None and record.intensity_db is not None for record in records[21:])


def test_what_is_no_speech_has_no_pitch_and_makes_no_baseline() -> None:
    records = measure(vowel(4.0, 110), speech=0.2)
    assert all(record.speech == pytest.approx(0.2) for record in records)
    assert all(record.pitch_st is None and record.intensity_db is None for record in records)


def test_digital_silence_has_no_level() -> None:
    records = measure(np.concatenate([vowel(3.0, 110), np.zeros(8000)]))
    assert records[-1].intensity_db is None
    assert records[-1].pitch_st is None


def test_the_baseline_outlives_a_hole_and_time_does_not_join_over_it() -> None:
    meter = ProsodyMeter()
    meter.push(vowel(3.0, 110), [1.0] * 94)
    meter.flush([])
    meter.start(50.0)
    records = meter.push(vowel(0.5, 110), [1.0] * 16)
    assert records[0].t_s == 50.0
    assert records[2].pitch_st == pytest.approx(0.0, abs=0.2)


def test_the_voice_activity_starts_anew_after_a_hole_and_hears_the_last_short_chunk() -> None:
    always = Always(0.7)
    track = SpeechTrack(always)
    assert track.push(np.zeros(1300)) == [0.7, 0.7]
    assert track.flush() == [0.7]
    assert track.flush() == []
    assert always.resets == 3


def test_a_missing_or_wrong_model_file_says_what_to_do(tmp_path: Path) -> None:
    wrong = tmp_path / "vad.onnx"
    wrong.write_bytes(b"no model")
    for path in (wrong, tmp_path / "absent.onnx"):
        with pytest.raises(ModelUnavailable, match=r"fetch the models"):
            SileroVad(path)


def test_importing_the_voice_loads_no_model_runtime() -> None:
    code = "import sys, streams.deidentify.voice; sys.exit('onnxruntime' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])


@pytest.fixture
def silero() -> SileroVad:
    try:
        return SileroVad(model_path("silero-vad"))
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.media
def test_silero_hears_speech_and_no_speech_in_silence_and_noise(silero: SileroVad, media_dir: Path) -> None:
    _, sound = wavfile.read(media_dir / "speech" / "musetalk_eng.wav")
    speech = sound / 32768.0
    assert np.mean(np.array(SpeechTrack(silero).push(speech)) > 0.5) > 0.7
    noise = 0.01 * np.random.default_rng(0).standard_normal(5 * AUDIO_RATE_HZ)
    for quiet in (np.zeros(5 * AUDIO_RATE_HZ), noise):
        assert max(SpeechTrack(silero).push(quiet)) < 0.5


@pytest.mark.media
def test_silero_answers_the_same_after_a_reset(silero: SileroVad, media_dir: Path) -> None:
    _, sound = wavfile.read(media_dir / "speech" / "musetalk_eng.wav")
    speech = sound[: 2 * AUDIO_RATE_HZ] / 32768.0
    assert SpeechTrack(silero).push(speech) == SpeechTrack(silero).push(speech)
