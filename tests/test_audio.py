from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.audio import PIECE_BYTES, AudioStore
from buffers.evidence import HorizonLimits
from buffers.records import AUDIO_RATE_HZ, DEIDENTIFIER_SEAL, CleanAudio

pytestmark = pytest.mark.unit


def tone(seconds: float, start_s: float = 0.0) -> NDArray[np.float32]:
    t_s = start_s + np.arange(round(seconds * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    return np.asarray(0.5 * np.sin(2 * np.pi * 3.7 * t_s), np.float32)


def block(t_s: float, samples: NDArray[np.float32]) -> CleanAudio:
    return CleanAudio(t_s=t_s, samples=samples, seal=DEIDENTIFIER_SEAL)


def kept(limits: HorizonLimits, *spans: tuple[float, float], step_s: float = 0.1) -> AudioStore:
    audio = AudioStore(limits)
    for start_s, end_s in spans:
        for i in range(round((end_s - start_s) / step_s)):
            t_s = start_s + i * step_s
            audio.add(block(t_s, tone(step_s, t_s)))
    return audio


def test_clips_are_cut_at_the_positions_of_video_llama_sample_for_sample() -> None:
    audio = kept(HorizonLimits(), (0.0, 40.0))
    clips = audio.clips(4.0, 36.0, 8)
    assert [clip.t_s for clip in clips] == [4.0 + i * 30.0 / 8 for i in range(8)]
    for clip in clips:
        assert clip.samples.dtype == np.float32
        assert clip.coverage == pytest.approx(1.0)
        np.testing.assert_allclose(clip.samples, tone(2.0, clip.t_s), atol=2e-5)


def test_clip_times_equal_the_recorded_ones_of_the_reference(golden_dir: Path) -> None:
    rows = json.loads((golden_dir / "preprocess" / "clip_times.json").read_text())["rows"]
    checked = 0
    for row in rows:
        if row["duration_s"] > 100:
            continue
        audio = AudioStore(HorizonLimits())
        audio.add(block(0.0, np.zeros(round(row["duration_s"] * AUDIO_RATE_HZ), np.float32)))
        clips = audio.clips(0.0, row["duration_s"], row["S"])
        assert [clip.t_s for clip in clips] == pytest.approx(row["starts_s"], abs=1e-9)
        checked += 1
    assert checked > 10


def test_holes_are_zeros_and_coverage_says_how_few() -> None:
    audio = kept(HorizonLimits(), (0.0, 1.0), (1.5, 4.0))
    (clip,) = audio.clips(0.0, 2.0, 1)
    assert clip.coverage == pytest.approx(0.75)
    assert not clip.samples[AUDIO_RATE_HZ : AUDIO_RATE_HZ * 3 // 2].any()
    np.testing.assert_allclose(clip.samples[-AUDIO_RATE_HZ // 2 :], tone(0.5, 1.5), atol=2e-5)
    assert audio.heard_s(0.0, 4.0) == pytest.approx(3.5)


def test_nothing_after_the_windows_end_is_in_a_clip() -> None:
    (clip,) = kept(HorizonLimits(), (0.0, 10.0)).clips(3.0, 4.0, 1)
    assert clip.coverage == pytest.approx(0.5)
    assert clip.samples[:AUDIO_RATE_HZ].any()
    assert not clip.samples[AUDIO_RATE_HZ:].any()


def test_a_window_in_which_nothing_was_heard_has_no_clips() -> None:
    audio = kept(HorizonLimits(), (0.0, 2.0))
    assert audio.clips(10.0, 20.0, 8) == ()
    assert audio.clips(0.0, 2.0, 0) == ()


def test_time_stamps_rounded_to_milliseconds_leave_no_clicks() -> None:
    audio = AudioStore(HorizonLimits())
    size = 1024
    for i in range(100):
        exact_s = i * size / AUDIO_RATE_HZ
        audio.add(block(round(exact_s, 3), tone(size / AUDIO_RATE_HZ, exact_s)))
    (clip,) = audio.clips(2.0, 4.0, 1)
    np.testing.assert_allclose(clip.samples, tone(2.0, 2.0), atol=2e-5)


def test_samples_beyond_full_scale_are_clipped_not_wrapped() -> None:
    audio = AudioStore(HorizonLimits())
    audio.add(block(0.0, np.full(AUDIO_RATE_HZ * 2, 1.7, np.float32)))
    assert audio.clips(0.0, 2.0, 1)[0].samples.min() == pytest.approx(1.0)


def test_a_window_longer_than_the_dense_part_gets_the_kept_pieces_nearest_to_the_positions() -> None:
    audio = kept(HorizonLimits(dense_s=20.0, session_clips=16), (0.0, 300.0), step_s=1.0)
    clips = audio.clips(0.0, 300.0, 8)
    assert len({clip.t_s for clip in clips}) == 8
    for i, clip in enumerate(clips):
        assert abs(clip.t_s - i * 298.0 / 8) <= 16.0
        assert clip.t_s % 2.0 == 0.0
        np.testing.assert_allclose(clip.samples, tone(2.0, clip.t_s), atol=2e-5)
    assert [clip.t_s for clip in audio.clips(285.0, 295.0, 4)] == [285.0, 287.0, 289.0, 291.0]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=20))
def test_how_the_sound_was_cut_into_blocks_changes_nothing(sizes: list[int]) -> None:
    whole = tone(sum(sizes) / AUDIO_RATE_HZ)
    at_once, in_blocks = AudioStore(HorizonLimits()), AudioStore(HorizonLimits())
    at_once.add(block(0.0, whole))
    start = 0
    for size in sizes:
        in_blocks.add(block(start / AUDIO_RATE_HZ, whole[start : start + size]))
        start += size
    for one, other in zip(at_once.clips(0, 30, 5), in_blocks.clips(0, 30, 5), strict=True):
        assert one.coverage == pytest.approx(other.coverage)
        np.testing.assert_array_equal(one.samples, other.samples)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.1, 5.0)), min_size=1, max_size=30), st.integers(1, 6))
def test_memory_is_bounded_whatever_the_holes(parts: list[tuple[float, float]], clips: int) -> None:
    audio = AudioStore(HorizonLimits(dense_s=10.0, session_clips=clips))
    now_s = 0.0
    for hole_s, length_s in parts:
        now_s += hole_s
        audio.add(block(now_s, np.zeros(round(length_s * AUDIO_RATE_HZ), np.float32)))
        now_s += length_s
        assert audio.dense_count <= 8
        assert audio.nbytes <= (8 + clips) * PIECE_BYTES + 160 * 1024
