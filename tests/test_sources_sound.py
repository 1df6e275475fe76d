"""Sound of any rate and layout becomes mono blocks of one length whose times can be trusted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.audio.frame import AudioFrame
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from streams.media import RawAudio, RawGap
from streams.sources.sound import BLOCK_S, Blocks, Sound

pytestmark = pytest.mark.unit


BLOCK_SAMPLES = round(BLOCK_S * AUDIO_RATE_HZ)


def frame(
    samples: NDArray[np.float32], rate_hz: int, t_s: float | None, layout: str = "mono", channels: int = 1
) -> AudioFrame:
    made = AudioFrame.from_ndarray(np.repeat(samples[None], channels, axis=0), "fltp", layout)
    made.sample_rate, made.time_base = rate_hz, Fraction(1, rate_hz)
    made.pts = None if t_s is None else round(t_s * rate_hz)
    return made


def sine(seconds: float, rate_hz: int, hz: float = 440.0) -> NDArray[np.float32]:
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(0.5 * np.sin(2 * np.pi * hz * t_s), np.float32)


def play(sound: Sound, *frames: AudioFrame) -> tuple[list[RawAudio], list[RawGap]]:
    items = [item for part in frames for item in sound.add(part)]
    items += sound.finish()
    return [i for i in items if isinstance(i, RawAudio)], [i for i in items if isinstance(i, RawGap)]


@given(st.lists(st.integers(0, 4000), max_size=20), st.floats(0.0, 100.0), st.sampled_from([0.02, 0.1, 1.0]))
def test_however_sound_arrives_the_blocks_are_the_same(sizes: list[int], start_s: float, block_s: float) -> None:
    whole = np.arange(sum(sizes), dtype=np.float32)
    blocks = Blocks(block_s)
    blocks.start(start_s)
    cut, taken = [], 0
    for size in sizes:
        cut += blocks.add(whole[taken : taken + size])
        taken += size
    assert all(len(block.samples) == round(block_s * AUDIO_RATE_HZ) for block in cut)
    cut += blocks.rest()
    assert np.array_equal(np.concatenate([whole[:0], *(block.samples for block in cut)]), whole)
    assert [block.t_s for block in cut] == pytest.approx([start_s + block_s * number for number in range(len(cut))])
    assert blocks.end_s == pytest.approx(start_s + len(whole) / AUDIO_RATE_HZ)


def test_skipped_samples_leave_no_hole_behind() -> None:
    blocks = Blocks()
    blocks.start(0.0)
    blocks.add(np.zeros(100, np.float32))
    blocks.skip(0.05)
    blocks.add(np.ones(500, np.float32))
    blocks.add(np.ones(400, np.float32))
    (rest,) = blocks.rest()
    assert rest.samples.sum() == 100
    assert len(rest.samples) == 200


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("4.0", 4), ("5.1", 6)])
def test_every_rate_and_layout_keeps_length_pitch_and_level(rate_hz: int, layout: str, channels: int) -> None:
    whole = sine(1.0, rate_hz)
    parts = range(0, len(whole), 1024)
    frames = [frame(whole[i : i + 1024], rate_hz, i / rate_hz, layout, channels) for i in parts]
    blocks, gaps = play(Sound(offset_s=0.0), *frames)
    heard = np.concatenate([block.samples for block in blocks])
    assert not gaps
    assert len(heard) == pytest.approx(AUDIO_RATE_HZ, abs=2)
    middle = slice(1000, 15_000)
    assert (
        np.abs(heard[: AUDIO_RATE_HZ - 2][middle] - sine(1.0, AUDIO_RATE_HZ)[: AUDIO_RATE_HZ - 2][middle]).max() < 0.01
    )


def test_a_click_stays_where_it_was_through_the_resampler() -> None:
    whole = np.zeros(44_100, np.float32)
    whole[22_050] = 1.0
    frames = [frame(whole[i : i + 1024], 44_100, i / 44_100) for i in range(0, 44_100, 1024)]
    blocks, _ = play(Sound(offset_s=0.0), *frames)
    assert np.concatenate([block.samples for block in blocks]).argmax() == 8000


def test_a_hole_ends_the_block_and_the_next_one_starts_behind_it() -> None:
    first, second = frame(sine(0.25, 48_000), 48_000, 1.0), frame(sine(0.25, 48_000), 48_000, 2.0)
    blocks, (gap,) = play(Sound(offset_s=-1.0), first, second)
    assert [block.t_s for block in blocks] == pytest.approx([0.0, 0.1, 0.2, 1.0, 1.1, 1.2])
    assert (gap.start_s, gap.end_s) == pytest.approx((0.25, 1.0))


def test_a_change_of_format_in_mid_stream_is_played_through() -> None:
    first = frame(sine(0.5, 48_000), 48_000, 0.0)
    second = frame(sine(0.5, 44_100), 44_100, 0.5, "stereo", 2)
    blocks, gaps = play(Sound(offset_s=0.0), first, second)
    assert not gaps
    assert sum(len(block.samples) for block in blocks) == pytest.approx(AUDIO_RATE_HZ, abs=2)
    assert blocks[-1].t_s < 1.0


def test_damaged_samples_are_silent_and_an_empty_frame_is_nothing() -> None:
    broken = sine(0.1, 16_000)
    broken[800:810] = [np.nan, np.inf, -np.inf, np.nan, 0, 0, 0, 0, 0, np.nan]
    (block,), _ = play(Sound(offset_s=0.0), frame(broken, 16_000, None))
    assert np.isfinite(block.samples).all()
    assert block.samples[800] == 0.0


def test_blocks_own_their_memory() -> None:
    blocks = Blocks()
    blocks.start(0.0)
    cut = blocks.add(np.zeros(BLOCK_SAMPLES * 3, np.float32))
    assert all(block.samples.base is None for block in cut)
