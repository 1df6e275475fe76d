"""Frames and clips are encoded once: sliding windows take over what is there, and it goes when its media go."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from buffers.embeddings import Embedding
from buffers.evidence import AudioClip, Cadence, Evidence, EvidencePlan, HorizonLimits, StoredFrame, Token, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, DEIDENTIFIER_SEAL, CleanAudio, CleanFrame, MaskState
from configs.model_settings import VideoLlamaSettings
from configs.settings import Settings
from monitor.describers.video_llama.describer import VideoLlamaDescriber
from monitor.describers.video_llama.lookalikes import Lookalikes
from monitor.describers.video_llama.model import VideoLlama
from monitor.describers.video_llama.pooling import average_clips, pick_clips
from tests.made_evidence import evidence
from tests.made_language import digesting, made_model
from tests.made_shown import heard_clips, seen_frames

pytestmark = pytest.mark.model

PLAN = EvidencePlan(on_grid=True)


def settings(*, alias_below: float = 0.0, batch: int = 4, clips: str = "average") -> Settings:
    own = VideoLlamaSettings.model_validate(
        {"folder": "unused", "alias_below": alias_below, "batch": batch, "clips": clips}
    )
    return Settings(video_llama=own)


async def started(asked: Settings) -> tuple[VideoLlamaDescriber, VideoLlama]:
    """A describer around a model whose answer is a digest of all that its language model is given."""
    model = made_model(digesting(), batch=asked.video_llama.batch)
    describer = VideoLlamaDescriber(asked, load=lambda *_: model)
    await describer.start()
    return describer, model


def horizon(**limits: float) -> Horizon:
    return Horizon(replace(HorizonLimits(frame_long_side_px=64), **limits))  # type: ignore[arg-type]


def feed(into: Horizon, start_s: int, end_s: int) -> None:
    """Pictures of noise, four a second, and a voice."""
    for second in range(start_s, end_s):
        random = np.random.default_rng(second)
        for quarter in range(4):
            rgb = random.integers(0, 255, (36, 64, 3), np.uint8)
            into.add_frame(
                CleanFrame(
                    t_s=second + quarter / 4,
                    index=4 * second + quarter,
                    picture=Picture.from_rgb(rgb),
                    state=MaskState.CLEAR,
                    masked=(),
                    seal=DEIDENTIFIER_SEAL,
                )
            )
        samples = random.normal(0, 0.1, AUDIO_RATE_HZ).astype(np.float32)
        into.add_audio(CleanAudio(t_s=float(second), samples=samples, seal=DEIDENTIFIER_SEAL))


def local(into: Horizon, end_s: int) -> Evidence:
    return into.evidence(Window(end_s, end_s - 32.0, float(end_s), Cadence.LOCAL), PLAN)


def overall(into: Horizon, end_s: int) -> Evidence:
    return into.evidence(Window(end_s, 0.0, float(end_s), Cadence.GLOBAL), PLAN)


def test_a_window_is_told_the_same_whether_it_was_encoded_ahead_or_slid_or_not() -> None:
    async def compare() -> None:
        held = horizon()
        feed(held, 0, 64)
        windows = [local(held, end) for end in (32, 42, 52, 62)] + [overall(held, 64)]
        ahead, _ = await started(settings())
        for start in range(0, 64, 3):  # in other portions than a batch
            frames, clips = held.grid_frames_after(start - 0.001), held.grid_clips_after(start - 0.001)
            await ahead.encode(
                [frame for frame in frames if frame.t_s < start + 3], [clip for clip in clips if clip.t_s < start + 3]
            )
        sliding, _ = await started(settings())
        for window in windows:
            alone, _ = await started(settings())
            told = {(await describer.describe(window)).text for describer in (ahead, sliding, alone)}
            assert len(told) == 1
            await alone.close()
        assert len({(await sliding.describe(window)).text for window in windows}) == len(windows)
        assert ahead.frames.encoded == 64
        for describer in (ahead, sliding):
            await describer.close()

    asyncio.run(compare())


def test_cached_numbers_equal_those_of_a_fresh_encoding_to_the_last_bit() -> None:
    async def compare() -> None:
        held = horizon()
        feed(held, 0, 40)
        describer, model = await started(settings(batch=8))
        await describer.encode(held.grid_frames_after(-1.0)[:5], ())
        window = local(held, 40)
        await describer.describe(window)
        for place in range(0, len(window.frames), 8):
            some = window.frames[place : place + 8]
            for frame, fresh in zip(some, model.encode_frames([frame.jpeg for frame in some]), strict=True):
                assert np.array_equal(there(describer.frames.get(frame.token)), fresh)
        for clip in window.clips:
            assert np.array_equal(there(describer.clips.get(clip.token)), model.encode_clips([clip.samples])[0])
        await describer.close()

    asyncio.run(compare())


def there(embedding: Embedding | None) -> Embedding:
    assert embedding is not None
    return embedding


def test_over_a_sliding_session_every_frame_and_clip_is_encoded_once() -> None:
    async def slide() -> None:
        held = horizon()
        describer, _ = await started(settings())
        seen: set[int] = set()
        heard: set[float] = set()
        for end_s in range(10, 200, 10):
            feed(held, end_s - 10, end_s)
            windows = [local(held, end_s), overall(held, end_s)] if end_s >= 40 else [overall(held, end_s)]
            for window in windows:
                await describer.describe(window)
                seen |= {frame.index for frame in window.frames}
                heard |= {clip.t_s for clip in window.clips}
        assert describer.frames.encoded == len(seen)
        assert describer.clips.encoded == len(heard)
        assert describer.frames.aliased == 0
        await describer.close()

    asyncio.run(slide())


def test_two_who_want_the_same_frame_at_once_have_it_encoded_once() -> None:
    async def both() -> None:
        describer, _ = await started(settings())
        window = evidence(shown=seen_frames(range(200, 210)), clips=heard_clips([200, 202]))
        await asyncio.gather(describer.encode(window.frames, window.clips), describer.describe(window))
        assert describer.frames.encoded == 10
        assert describer.clips.encoded == 2
        await describer.close()

    asyncio.run(both())


def test_embeddings_go_with_the_frames_and_clips_that_the_horizon_drops() -> None:
    async def drop() -> None:
        held = horizon(dense_s=40.0, session_frames=32, session_clips=8)
        describer, _ = await started(settings())
        sizes: list[int] = []
        for end_s in range(10, 400, 10):
            feed(held, end_s - 10, end_s)
            await describer.encode(held.grid_frames_after(end_s - 10.5), held.grid_clips_after(end_s - 10.5))
            sizes.append(len(describer.frames))
        # The dense part holds 40 s and a margin, the whole-session part 32 frames at most.
        assert max(sizes) <= 40 + 2 + 32 + 10
        assert describer.frames.encoded == 390
        assert len(describer.clips) <= 40 // 2 + 2 + 8
        per_frame = describer.frames.nbytes // len(describer.frames)
        assert per_frame == 4 * 24 * 4
        assert describer.embedding_bytes == describer.frames.nbytes + describer.clips.nbytes
        del held
        assert len(describer.frames) == len(describer.clips) == describer.embedding_bytes == 0
        await describer.close()

    gc.disable()  # they go at once, not when the collector comes by
    try:
        asyncio.run(drop())
    finally:
        gc.enable()


WRITES: list[str] = []
_watching = False


def _hook(event: str, args: tuple[object, ...]) -> None:
    if _watching and event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        WRITES.append(str(args[0]))


sys.addaudithook(_hook)


@contextmanager
def watched_files() -> Iterator[list[str]]:
    """Every file that is opened for writing. A hook cannot be taken away again, so it only looks when asked to."""
    global _watching  # noqa: PLW0603
    WRITES.clear()
    _watching = True
    try:
        yield WRITES
    finally:
        _watching = False


def test_nothing_is_written_to_any_file(tmp_path: Path) -> None:
    async def describe() -> None:
        held = horizon()
        feed(held, 0, 40)
        describer, _ = await started(settings())
        await describer.describe(local(held, 40))
        await describer.close()

    with watched_files() as written:
        (tmp_path / "seen").write_text("the hook works")
        asyncio.run(describe())
    assert written == [str(tmp_path / "seen")]


def test_half_precision_is_kept_in_half_and_full_in_full() -> None:
    for dtype, kept in ((torch.bfloat16, np.float16), (torch.float16, np.float16), (torch.float32, np.float32)):
        model = made_model()
        model._encoders.to(dtype)
        [frame] = model.encode_frames([seen_frames([0.0])[0].jpeg])
        [clip] = model.encode_clips([heard_clips([0.0])[0].samples])
        assert frame.dtype == clip.dtype == kept
        assert frame.shape == (4, 24)
        assert clip.shape == (20,)
        assert frame.base is None  # a view would keep the whole batch


def test_closing_forgets_every_embedding() -> None:
    async def close() -> None:
        describer, _ = await started(settings())
        frames = seen_frames([1.0, 2.0])
        await describer.encode(frames, ())
        assert describer.embedding_bytes > 0
        await describer.close()
        assert describer.embedding_bytes == 0

    asyncio.run(close())


def grey(t_s: float, luma: int) -> StoredFrame:
    return replace(seen_frames([t_s])[0], thumbnail=np.full((36, 64), luma, np.uint8), token=Token())


def test_a_frame_like_the_last_encoded_one_shares_its_numbers() -> None:
    async def still() -> None:
        describer, _ = await started(settings(alias_below=0.02))
        frames = [grey(200 + place, luma) for place, luma in enumerate((100, 101, 104, 106, 100))]
        await describer.encode(frames, ())
        # 104 is alike (4/255), 106 is not, although it is like 104; 100 is unlike 106.
        assert (describer.frames.encoded, describer.frames.aliased) == (3, 2)
        assert describer.frames.get(frames[2].token) is describer.frames.get(frames[0].token)
        assert describer.frames.nbytes == 3 * 4 * 24 * 4
        await describer.encode([grey(206.0, 101)], ())
        assert (describer.frames.encoded, describer.frames.aliased) == (3, 3)
        await describer.close()

    asyncio.run(still())


def test_what_went_with_its_frame_is_not_shared_any_more() -> None:
    looks = Lookalikes(0.02)
    first = grey(1.0, 100)
    looks.remember(first)
    second = grey(2.0, 100)
    assert looks.sort([second]) == ([], [(second.token, first.token)])
    del first
    assert looks.sort([second]) == ([second], [])


def test_nothing_is_alike_when_told_so_or_when_shapes_differ() -> None:
    frames = [grey(1.0, 100), grey(2.0, 100)]
    assert Lookalikes(0.0).sort(frames) == (frames, [])
    tall = replace(frames[1], thumbnail=np.full((64, 36), 100, np.uint8))
    assert Lookalikes(0.02).sort([frames[0], tall]) == ([frames[0], tall], [])


def vectors(*angles: float) -> NDArray[np.float32]:
    return np.array([[20 * np.cos(angle), 20 * np.sin(angle)] for angle in angles], np.float32)


def test_up_to_as_many_clips_as_places_are_left_alone() -> None:
    given = vectors(0.1, 0.2, 0.3)
    for pool in (average_clips, pick_clips):
        assert pool(given, [0.0, 2.0, 4.0], 0.0, 32.0, 8) is given


def test_clips_are_averaged_in_equal_bins_of_time_and_keep_their_length() -> None:
    given = vectors(0.0, 0.2, 1.0, 1.4)
    found = average_clips(given, [0.0, 2.0, 20.0, 24.0], 0.0, 30.0, 3)
    # Nothing in the middle ten seconds: its place is left out, not invented.
    assert np.allclose(found, vectors(0.1, 1.2), atol=1e-5)


def test_a_clip_belongs_to_the_bin_of_its_middle_also_at_the_edges() -> None:
    given = vectors(0.0, 0.5, 1.0)
    found = average_clips(given, [9.5, 28.5, 29.5], 10.0, 30.0, 2)
    assert np.allclose(found, vectors(0.0, 0.75), atol=1e-5)


def test_clips_that_cancel_out_do_not_become_noise() -> None:
    found = average_clips(vectors(0.0, np.pi, 0.3), [0.0, 2.0, 18.0], 0.0, 20.0, 2)
    assert np.all(np.isfinite(found))
    assert np.abs(found[0]).max() <= 20.0


def test_picking_takes_existing_clips_in_order_nearest_to_even_places() -> None:
    given = np.arange(32, dtype=np.float32).reshape(16, 2)
    times_s = [2.0 * place for place in range(16)]
    found = pick_clips(given, times_s, 0.0, 32.0, 8)
    assert np.array_equal(found, given[::2])
    crowded = [*(0.1 * place for place in range(15)), 30.0]
    places = [int(row[0]) // 2 for row in pick_clips(given, crowded, 0.0, 32.0, 8)]
    assert places == sorted(set(places))
    assert places[-1] == 15


def described(clips: Sequence[AudioClip], how: str) -> str:
    async def describe() -> str:
        describer, _ = await started(settings(clips=how))
        told = await describer.describe(evidence(shown=seen_frames([201.0]), clips=tuple(clips)))
        await describer.close()
        return told.text

    return asyncio.run(describe())


def test_more_clips_than_places_are_averaged_or_picked_as_set() -> None:
    clips = heard_clips([200.0 + 2 * place for place in range(15)])
    averaged, picked = described(clips, "average"), described(clips, "pick")
    assert averaged != picked
    assert averaged != described(clips[:8], "average")
