"""The voice de-identifier at its door: time, number and level of samples, draws of λ, and failing closed."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ, CleanAudio, Track
from configs.settings import VoiceMode, VoiceSettings
from streams.deidentify import mcadams
from streams.deidentify.limiter import LOOK_AHEAD, Limiter
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import FRAME, HOP, Level, McAdams
from streams.deidentify.vad import CHUNK, Pauses
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.media import RawAudio, RawGap

pytestmark = pytest.mark.unit

Sound = NDArray[np.float32]

HEARD = [VoiceMode.LEVEL_MATCHED, VoiceMode.REFERENCE, VoiceMode.FEATURES_ONLY]
"""Modes in which sound is listened to; nothing may be made for the other."""


class EnergyGate:
    """Says speech where there is sound: all a test needs of a voice activity model."""

    def process(self, samples: NDArray[np.float32]) -> float:
        return float(np.abs(samples).max() > 0.01)

    def reset(self) -> None:
        """Nothing is remembered."""


def speech_like(seconds: float, seed: int = 3) -> Sound:
    rng = np.random.default_rng(seed)
    time = np.arange(round(AUDIO_RATE_HZ * seconds)) / AUDIO_RATE_HZ
    voice = sum(np.sin(2 * np.pi * 130 * h * time) / h for h in range(1, 20))
    return np.asarray(0.1 * voice + 0.003 * rng.standard_normal(len(time)), np.float32)


def silence(seconds: float) -> Sound:
    return np.zeros(round(AUDIO_RATE_HZ * seconds), np.float32)


TWO_SEGMENTS = np.concatenate([speech_like(0.8), silence(0.9), speech_like(0.8)])


def deidentifier(seed: int | None = 1, **changes: object) -> VoiceDeidentifier:
    return VoiceDeidentifier(VoiceSettings.model_validate(changes), seed=seed, vad=EnergyGate())


def run(voice: VoiceDeidentifier, sound: Sound, block: int = 1600, start_s: float = 0.0) -> VoiceOutput:
    """Everything released for `sound` pushed in equal blocks, then flushed."""
    out = VoiceOutput()
    for start in range(0, len(sound), block):
        out += voice.push(RawAudio(start_s + start / AUDIO_RATE_HZ, sound[start : start + block]))
    return out + voice.flush()


def joined(audio: tuple[CleanAudio, ...]) -> Sound:
    return np.concatenate([block.samples for block in audio]) if audio else np.zeros(0, np.float32)


def altered_by(coefficient: float, sound: Sound) -> Sound:
    stream, limiter = McAdams(Level.MATCHED), Limiter()
    whole = np.concatenate([stream.push(sound.astype(np.float64), coefficient), stream.flush()])
    return np.concatenate([limiter.push(whole), limiter.flush()]).astype(np.float32)


def test_samples_keep_their_number_and_their_media_time() -> None:
    out = run(deidentifier(), TWO_SEGMENTS, block=777, start_s=12.5)
    position = 0
    for block in out.audio:
        assert block.t_s == pytest.approx(12.5 + position / AUDIO_RATE_HZ, abs=1e-9)
        assert block.samples.dtype == np.float32
        position += len(block.samples)
    assert position == len(TWO_SEGMENTS)


def test_no_sample_comes_out_later_than_a_frame_a_hop_and_the_look_ahead() -> None:
    voice, pushed, released = deidentifier(), 0, 0
    for start in range(0, 8000, 100):
        out = voice.push(RawAudio(start / AUDIO_RATE_HZ, TWO_SEGMENTS[start : start + 100]))
        pushed += 100
        released += len(joined(out.audio))
        assert pushed - released < FRAME + HOP + LOOK_AHEAD == 520


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=12), st.sampled_from(HEARD))
@settings(max_examples=25, deadline=None)
def test_no_cutting_into_blocks_changes_sound_or_prosody(cuts: list[int], mode: VoiceMode) -> None:
    whole = run(deidentifier(mode=mode), TWO_SEGMENTS, block=len(TWO_SEGMENTS))
    voice, cut, start = deidentifier(mode=mode), VoiceOutput(), 0
    for length in (*cuts, len(TWO_SEGMENTS)):
        cut += voice.push(RawAudio(start / AUDIO_RATE_HZ, TWO_SEGMENTS[start : start + length]))
        start = min(start + length, len(TWO_SEGMENTS))
    cut += voice.flush()
    assert np.array_equal(joined(cut.audio), joined(whole.audio))
    assert cut.prosody == whole.prosody


def test_a_fixed_coefficient_alters_everything_by_it() -> None:
    out = run(deidentifier(coefficient=0.7), TWO_SEGMENTS)
    assert np.array_equal(joined(out.audio), altered_by(0.7, TWO_SEGMENTS))


def test_each_pause_delimited_segment_gets_a_coefficient_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    used = record_coefficients(monkeypatch)
    run(deidentifier(), TWO_SEGMENTS)
    changes = np.flatnonzero(np.diff(used)) + 1
    assert len(changes) == 1
    # Sound ends at 0.8 s; the pause of 0.5 s is known with the chunk that completes it.
    frame_end = (changes[0] * HOP + FRAME) / AUDIO_RATE_HZ
    assert 1.3 <= frame_end <= 1.3 + 2 * CHUNK / AUDIO_RATE_HZ + HOP / AUDIO_RATE_HZ
    assert all(0.5 <= value <= 0.9 for value in used)


def test_a_short_silence_does_not_end_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    used = record_coefficients(monkeypatch)
    run(deidentifier(), np.concatenate([speech_like(0.5), silence(0.3), speech_like(0.5)]))
    assert len(set(used)) == 1


def record_coefficients(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    used: list[float] = []
    plain = mcadams.alter

    def spy(frames: Reals, coefficients: Reals, level: Level) -> Reals:
        used.extend(coefficients.tolist())
        return plain(frames, coefficients, level)

    monkeypatch.setattr(mcadams, "alter", spy)
    return used


def test_a_seed_repeats_the_draws_and_without_one_no_two_runs_are_alike() -> None:
    sound = speech_like(0.5)
    assert np.array_equal(joined(run(deidentifier(4), sound).audio), joined(run(deidentifier(4), sound).audio))
    assert not np.array_equal(joined(run(deidentifier(4), sound).audio), joined(run(deidentifier(5), sound).audio))
    first, second = (joined(run(deidentifier(None), sound).audio) for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_coefficient_does_not_show_and_does_not_outlive_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    voice = deidentifier(coefficient_range=(0.6123, 0.6124))
    voice.push(RawAudio(0.0, speech_like(0.3)))
    assert "0.612" not in repr(voice)
    voice.flush()
    assert not [value for value in vars(voice).values() if isinstance(value, float)]
    assert voice._stretch is None
    assert not caplog.records


def test_a_gap_ends_the_stretch_and_the_next_block_starts_at_its_own_time() -> None:
    voice = deidentifier()
    out = voice.push(RawAudio(1.0, speech_like(0.31)))
    out += voice.gap(RawGap(Track.AUDIO, 1.31, 5.0, "stream stalled"))
    assert len(joined(out.audio)) == round(0.31 * AUDIO_RATE_HZ)
    after = voice.push(RawAudio(5.0, speech_like(0.25))) + voice.flush()
    assert after.audio[0].t_s == 5.0
    assert after.prosody[0].t_s == 5.0
    assert len(joined(after.audio)) == round(0.25 * AUDIO_RATE_HZ)


def test_a_gap_in_the_picture_changes_nothing() -> None:
    voice = deidentifier()
    sound = speech_like(0.5)
    out = voice.push(RawAudio(0.0, sound[:4000]))
    nothing = voice.gap(RawGap(Track.VIDEO, 0.25, 1.0, "camera covered"))
    out += voice.push(RawAudio(0.25, sound[4000:])) + voice.flush()
    assert (nothing.audio, nothing.prosody) == ((), ())
    assert np.array_equal(joined(out.audio), joined(run(deidentifier(), sound).audio))


def test_a_hole_nobody_reported_is_not_joined_over() -> None:
    voice = deidentifier()
    out = voice.push(RawAudio(0.0, speech_like(0.2))) + voice.push(RawAudio(3.0, speech_like(0.2))) + voice.flush()
    starts = [block.t_s for block in out.audio]
    assert 3.0 in starts
    assert not any(block.t_s < 3.0 < block.end_s for block in out.audio)
    assert len(joined(out.audio)) == 2 * round(0.2 * AUDIO_RATE_HZ)


def test_jitter_of_timestamps_moves_no_sample() -> None:
    voice, out = deidentifier(), VoiceOutput()
    sound = speech_like(0.5)
    for index, start in enumerate(range(0, len(sound), 800)):
        out += voice.push(RawAudio(start / AUDIO_RATE_HZ + (-1) ** index * 0.01 + 0.01, sound[start : start + 800]))
    out += voice.flush()
    assert np.array_equal(joined(out.audio), joined(run(deidentifier(), sound).audio))


def test_a_flush_of_nothing_gives_nothing() -> None:
    out = deidentifier().flush()
    assert out.audio == ()
    assert out.prosody == ()


@pytest.mark.parametrize("outcome", ["raises", "nan", "infinite"])
def test_what_cannot_be_altered_is_released_as_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, outcome: str
) -> None:
    voice, sound = deidentifier(), speech_like(1.0)
    out = voice.push(RawAudio(0.0, sound[:4000]))

    def broken(frames: Reals, coefficients: Reals, level: Level) -> Reals:
        if outcome == "raises":
            raise np.linalg.LinAlgError("did not converge at 0.1234")
        return np.full_like(frames, np.nan if outcome == "nan" else np.inf)

    with monkeypatch.context() as patch:
        patch.setattr(mcadams, "alter", broken)
        failed = voice.push(RawAudio(0.25, sound[4000:8000]))
    assert not joined(failed.audio).any()
    assert voice.failures == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "0.1234" not in caplog.text
    rest = voice.push(RawAudio(0.5, sound[8000:])) + voice.flush()
    assert joined(rest.audio).any()
    assert voice.failures == 1
    total = out + failed + rest
    assert len(joined(total.audio)) == len(sound)
    assert total.audio[0].t_s == 0.0
    assert rest.audio[0].t_s == 0.5


def test_broken_samples_are_silence_and_give_finite_sound() -> None:
    sound = speech_like(0.5)
    sound[3000:3100] = np.nan
    sound[5000] = np.inf
    sound[6000] = 3e38
    out = run(deidentifier(), sound)
    assert np.isfinite(joined(out.audio)).all()
    assert np.abs(joined(out.audio)).max() <= 1.0


def test_the_altered_voice_is_not_the_voice() -> None:
    sound = speech_like(1.0)
    out = joined(run(deidentifier(coefficient=0.8), sound).audio)
    assert abs(np.corrcoef(sound, out)[0, 1]) < 0.9


def test_raw_audio_refuses_to_be_pickled() -> None:
    with pytest.raises(TypeError, match="raw media"):
        pickle.dumps(RawAudio(0.0, silence(0.1)))


def test_only_the_deidentifier_takes_the_seal() -> None:
    source = Path(__file__).resolve().parents[1]
    users = {
        path.relative_to(source).parts[:2]
        for package in ("buffers", "configs", "monitor", "streams")
        for path in (source / package).rglob("*.py")
        if any(
            isinstance(node, ast.ImportFrom) and any(name.name == "DEIDENTIFIER_SEAL" for name in node.names)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert users == {("streams", "deidentify")}


class TestPauses:
    def test_a_pause_is_reported_once_and_only_after_speech(self) -> None:
        pauses = Pauses(3 * CHUNK / AUDIO_RATE_HZ)
        heard = [0.0] * 6 + [0.9] + [0.1] * 9 + [0.9] + [0.1] * 3
        assert [index for index, value in enumerate(heard) if pauses.push(value)] == [9, 19]

    def test_doubtful_speech_goes_on_but_does_not_begin(self) -> None:
        pauses = Pauses(CHUNK / AUDIO_RATE_HZ)
        assert not any(pauses.push(value) for value in [0.4, 0.4, 0.9, 0.4, 0.4])
        assert pauses.push(0.3)
