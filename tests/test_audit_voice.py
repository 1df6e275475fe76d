"""Figures of an altered voice: each tells what it is named after, and the original voice is never taken for another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import wavfile

from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError
from streams.audit.voices import mfcc
from streams.audit.voices.compare import Sound, VoiceFigures, active, compare, figures, gathered, sound_of
from streams.audit.voices.waveform import similarities
from streams.deidentify.mcadams import Level, McAdams
from streams.media import RawAudio
from streams.speechlike import plan_utterances, speak
from tests.clips import Moving, write

pytestmark = pytest.mark.unit

Samples = NDArray[np.float32]


def voice(seconds: float = 6.0, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return speak(plan_utterances(seconds, seconds, rng), seconds, rng)


SPEECH = voice()


def altered(samples: Samples, coefficient: float, level: Level = Level.MATCHED) -> Samples:
    stream = McAdams(level)
    out = [stream.push(samples.astype(np.float64), coefficient), stream.flush()]
    return np.concatenate(out).astype(np.float32)


def judged(output: Samples, source: Samples = SPEECH, start_s: float = 0.0) -> VoiceFigures:
    return figures(Sound(0.0, source), Sound(start_s, output))


def test_a_voice_compared_with_itself_is_the_original_in_every_figure() -> None:
    found = judged(SPEECH)
    assert found.original_voice
    assert found.original_share == 1.0
    assert found.waveform_similarity == pytest.approx(1.0, abs=1e-6)
    assert found.pitch_kept_share == 1.0
    assert found.voicing_agreement == 1.0
    assert found.energy_correlation == pytest.approx(1.0)
    assert found.pitch_correlation == pytest.approx(1.0)
    assert found.envelope_distance_db == 0.0
    assert found.level_change_db == 0.0
    assert found.offset_ms == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("coefficient", [0.5, 0.65, 0.8, 0.9])
def test_an_altered_voice_keeps_its_energy_and_is_not_the_original(coefficient: float) -> None:
    found = judged(altered(SPEECH, coefficient))
    assert not found.original_voice
    assert found.original_share == 0.0
    assert found.energy_correlation is not None
    assert found.energy_correlation > 0.97
    assert found.level_change_db == pytest.approx(0.0, abs=1.0)
    assert found.offset_ms == pytest.approx(0.0, abs=2.0)


def test_the_more_a_voice_is_altered_the_further_its_envelope_moves() -> None:
    distances = [judged(altered(SPEECH, each)).envelope_distance_db or 0.0 for each in (0.95, 0.8, 0.65, 0.5)]
    assert distances == sorted(distances)
    assert distances[0] > 1.0


@pytest.mark.parametrize("spoil", ["quieter", "upside down", "noisy", "later", "16-bit"])
def test_the_original_voice_is_known_again_through_what_a_file_may_do_to_it(spoil: str) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, float(SPEECH.std()) / 10.0, len(SPEECH)).astype(np.float32)
    outputs = {
        "quieter": SPEECH * np.float32(0.05),
        "upside down": -SPEECH,
        "noisy": SPEECH + noise,
        "later": np.concatenate([np.zeros(7777, np.float32), SPEECH]),
        "16-bit": np.round(SPEECH * 32767).astype(np.int16).astype(np.float32) / 32768,
    }
    assert judged(outputs[spoil]).original_voice


def test_two_seconds_of_the_original_inside_an_altered_voice_are_found() -> None:
    output = altered(SPEECH, 0.7)
    running = np.cumsum(np.square(SPEECH))
    loudest = int(np.argmax(running[2 * AUDIO_RATE_HZ :] - running[: -2 * AUDIO_RATE_HZ]))
    output[loudest : loudest + 2 * AUDIO_RATE_HZ] = SPEECH[loudest : loudest + 2 * AUDIO_RATE_HZ]
    found = judged(output)
    assert found.original_voice
    assert found.original_share is not None
    assert 0.0 < found.original_share < 1.0


def test_another_voice_is_not_the_original() -> None:
    assert not judged(voice(seed=8)).original_voice


@given(late=st.integers(-9000, 9000))
@settings(max_examples=8)
def test_a_delay_is_measured_and_spoils_no_other_figure(late: int) -> None:
    lead = np.zeros(AUDIO_RATE_HZ, np.float32)
    source = np.concatenate([lead, SPEECH, lead])
    found = judged(np.roll(altered(source, 0.8), late), source)
    assert found.offset_ms == pytest.approx(late / 16.0, abs=2.0)
    assert found.energy_correlation is not None
    assert found.energy_correlation > 0.97


def test_a_track_that_starts_later_in_its_file_counts_as_late() -> None:
    assert judged(SPEECH, start_s=0.25).offset_ms == pytest.approx(250.0, abs=0.1)
    assert judged(SPEECH[1600:], start_s=0.1).offset_ms == pytest.approx(0.0, abs=0.1)


def test_levels_are_those_of_speech_whatever_the_pauses() -> None:
    pause = np.zeros(10 * AUDIO_RATE_HZ, np.float32)
    with_pause = np.concatenate([SPEECH, pause])
    short, long = judged(SPEECH * np.float32(0.5)), judged(with_pause * np.float32(0.5), with_pause)
    assert short.source_level_dbfs == pytest.approx(long.source_level_dbfs, abs=0.2)
    assert long.level_change_db == pytest.approx(-6.02, abs=0.01)


def test_a_shifted_pitch_is_not_kept_but_still_correlates() -> None:
    rng = np.random.default_rng(2)
    pitch_hz = np.repeat(np.clip(130 + np.cumsum(rng.normal(0, 1.0, 400)), 100, 180), 160)
    tones = [
        sum(np.sin(np.cumsum(2 * np.pi * factor * pitch_hz * h / AUDIO_RATE_HZ)) / h for h in range(1, 8)) * 0.1
        for factor in (1.0, 1.3)
    ]
    found = judged(np.asarray(tones[1], np.float32), np.asarray(tones[0], np.float32))
    assert found.pitch_kept_share is not None
    assert found.pitch_kept_share < 0.1
    assert found.pitch_correlation is not None
    assert found.pitch_correlation > 0.9


def test_silence_that_is_kept_and_silence_that_is_filled_are_told_apart() -> None:
    silence = np.zeros(2 * AUDIO_RATE_HZ, np.float32)
    source = np.concatenate([SPEECH, silence])
    assert judged(altered(source, 0.8), source).silence_kept_share == 1.0
    hum = np.full(len(silence), 0.001, np.float32)
    assert judged(np.concatenate([SPEECH, hum]), source).silence_kept_share == 0.0
    assert judged(SPEECH, SPEECH + np.float32(0.01)).silence_kept_share is None


def test_clipped_samples_are_counted_on_both_sides() -> None:
    loud = np.clip(SPEECH * np.float32(4.0), -1.0, 1.0)
    found = judged(loud)
    assert found.source_clipped_samples == 0
    assert found.output_clipped_samples == int((np.abs(loud) == 1.0).sum()) > 0


@pytest.mark.parametrize("length", [0, 1, 159, 320, 399, 400, 8000])
def test_silent_and_short_sound_gives_figures_without_values(length: int) -> None:
    found = judged(np.zeros(length, np.float32), np.zeros(length, np.float32))
    assert not found.original_voice
    assert found.waveform_similarity is None
    assert found.pitch_kept_share is None
    assert found.source_level_dbfs is None
    assert found.offset_ms is None
    assert found.envelope_distance_db is None


@given(cut=st.integers(0, 30000), seed=st.integers(0, 9))
@settings(max_examples=20)
def test_every_share_lies_between_0_and_1_and_every_correlation_between_minus_1_and_1(cut: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 0.1, 30000 - cut).astype(np.float32)
    found = judged(noise, SPEECH[:cut])
    shares = (found.pitch_kept_share, found.voicing_agreement, found.original_share, found.waveform_similarity)
    assert all(0.0 <= each <= 1.0 for each in (*shares, found.silence_kept_share) if each is not None)
    correlations = (found.energy_correlation, found.energy_correlation_speech, found.pitch_correlation)
    assert all(-1.0001 <= each <= 1.0001 for each in correlations if each is not None)


def test_a_silenced_output_is_no_original_and_has_no_level() -> None:
    found = judged(np.zeros(len(SPEECH), np.float32))
    assert found.waveform_similarity == 0.0
    assert found.output_level_dbfs is None
    assert found.level_change_db is None


def test_a_second_shorter_than_a_window_is_compared_too() -> None:
    start = int(np.argmax(np.abs(SPEECH))) // 160 * 160
    short = SPEECH[start : start + 4000]
    assert similarities(short, short, np.ones(4000, np.bool_)) == pytest.approx([1.0], abs=1e-6)


def test_frames_far_below_the_speech_are_not_active() -> None:
    powers = np.array([1e-2, 2e-2, 1.5e-2, 1e-4, 1e-6, 0.0])
    assert active(powers).tolist() == [True, True, True, False, False, False]


def test_blocks_are_put_at_their_times_and_holes_are_silence() -> None:
    blocks = [RawAudio(2.0, np.ones(160, np.float32)), RawAudio(2.02, np.ones(160, np.float32))]
    sound = gathered(blocks)
    assert sound is not None
    assert sound.start_s == 2.0
    assert sound.samples.tolist() == [1.0] * 160 + [0.0] * 160 + [1.0] * 160
    assert gathered([]) is None


def test_two_files_are_compared_from_disk(tmp_path: Path) -> None:
    for name, samples in (("in.wav", SPEECH), ("out.wav", altered(SPEECH, 0.6))):
        wavfile.write(tmp_path / name, AUDIO_RATE_HZ, np.round(samples * 32767).astype(np.int16))
    found = compare(tmp_path / "in.wav", tmp_path / "out.wav")
    assert found is not None
    assert not found.original_voice
    same = compare(tmp_path / "in.wav", tmp_path / "in.wav")
    assert same is not None
    assert same.original_voice


def test_a_file_without_sound_gives_no_figures(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "in.wav", AUDIO_RATE_HZ, np.round(SPEECH * 32767).astype(np.int16))
    write(tmp_path / "mute.mp4", Moving())
    assert compare(tmp_path / "in.wav", tmp_path / "mute.mp4") is None
    assert compare(tmp_path / "mute.mp4", tmp_path / "in.wav") is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.wav"):
        compare(tmp_path / "nowhere.wav", tmp_path / "nowhere.wav")


def test_a_tone_is_loudest_in_the_mel_band_that_holds_it() -> None:
    time = np.arange(4000) / AUDIO_RATE_HZ
    for tone_hz in (300.0, 1000.0, 3400.0):
        mel = 2595 * np.log10(1 + tone_hz / 700)
        width = 2595 * np.log10(1 + 8000 / 700) / (mfcc.BANDS + 1)
        bands = mfcc.log_bands(0.5 * np.sin(2 * np.pi * tone_hz * time))
        assert set(bands.argmax(axis=1)) <= {round(mel / width) - 1}


@given(frames=st.integers(0, 40), skipped=st.integers(0, 12))
def test_cepstra_of_a_part_are_those_of_the_whole(frames: int, skipped: int) -> None:
    sound = SPEECH.astype(np.float64)[8000 : 8000 + 60 * mfcc.HOP]
    start = skipped * mfcc.HOP
    part = mfcc.cepstra(sound[start : start + (frames - 1) * mfcc.HOP + mfcc.FRAME if frames else start])
    assert part == pytest.approx(mfcc.cepstra(sound)[skipped : skipped + frames], abs=1e-9)


def test_silence_has_finite_cepstra_and_a_louder_voice_moves_the_zeroth_only() -> None:
    assert np.isfinite(mfcc.cepstra(np.zeros(1600))).all()
    rng = np.random.default_rng(3)
    noise = rng.normal(0.0, 0.1, 8000)
    moved = mfcc.cepstra(2.0 * noise) - mfcc.cepstra(noise)
    assert moved[:, 0] == pytest.approx(np.sqrt(mfcc.BANDS) * np.log(4.0))
    assert moved[:, 1:] == pytest.approx(0.0, abs=1e-9)


def test_the_slope_of_a_ramp_is_its_rise_and_of_nothing_nothing() -> None:
    ramp = np.arange(20.0)[:, np.newaxis] * [[0.5, -2.0]]
    assert mfcc.slopes(ramp)[2:-2] == pytest.approx(np.tile([0.5, -2.0], (16, 1)))
    assert mfcc.slopes(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.media
def test_real_speech_is_told_from_itself_altered(media_dir: Path) -> None:
    sound = sound_of(media_dir / "speech" / "whisper_jfk.flac")
    assert sound is not None
    assert judged(sound.samples, sound.samples).original_voice
    for coefficient in (0.5, 0.9):
        found = judged(altered(sound.samples, coefficient), sound.samples)
        assert not found.original_voice
        assert found.energy_correlation is not None
        assert found.energy_correlation > 0.97
