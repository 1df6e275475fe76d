from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.embeddings import EmbeddingCache
from buffers.evidence import AudioClip, Cadence, EvidencePlan, HorizonLimits, StoredFrame, Token, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, CLIP_S, DEIDENTIFIER_SEAL, CleanAudio
from configs.errors import ModelUnavailable
from monitor.ahead import Ahead
from tests.made_clean import clean_frame

pytestmark = pytest.mark.unit

GRID = EvidencePlan(32, 8, on_grid=True)
GREY = Picture.blank(32, 18, 90)


def fed(seconds: float, *, rate_hz: float = 4.0, fps: float = 8.0, session_frames: int = 64) -> Horizon:
    """A horizon that saw and heard `seconds` of a session."""
    horizon = Horizon(
        HorizonLimits(dense_s=40.0, frame_rate_hz=rate_hz, session_frames=session_frames, session_clips=16)
    )
    for index in range(round(seconds * fps)):
        horizon.add_frame(clean_frame(index / fps, GREY, index=index))
    for second in range(int(seconds)):
        horizon.add_audio(voice(second))
    return horizon


def voice(t_s: float) -> CleanAudio:
    return CleanAudio(t_s=t_s, samples=np.full(AUDIO_RATE_HZ, 0.1, np.float32), seal=DEIDENTIFIER_SEAL)


def local(end_s: float) -> Window:
    return Window(1, max(0.0, end_s - 32.0), end_s, Cadence.LOCAL)


def whole(end_s: float) -> Window:
    return Window(1, 0.0, end_s, Cadence.GLOBAL)


def test_a_local_window_on_the_grid_holds_a_frame_a_second_and_whole_clips() -> None:
    evidence = fed(60).evidence(local(60.0), GRID)
    assert [int(frame.t_s) for frame in evidence.frames] == list(range(28, 60))
    assert len(evidence.clips) == 8
    assert all(clip.t_s % CLIP_S == 0 and clip.coverage == 1.0 for clip in evidence.clips)
    assert evidence.clips[-1].t_s + CLIP_S <= 60.0


def test_windows_that_overlap_share_frames_and_clips() -> None:
    horizon = fed(60)
    first, second = (horizon.evidence(local(end_s), GRID) for end_s in (50.0, 60.0))
    shared = {frame.token for frame in first.frames} & {frame.token for frame in second.frames}
    assert len(shared) == 22
    assert {clip.token for clip in first.clips} & {clip.token for clip in second.clips}


def test_the_same_instant_is_the_same_piece_however_often_it_is_asked_for() -> None:
    horizon = fed(60)
    one, two = (horizon.evidence(whole(60.0), GRID) for _ in range(2))
    assert [frame.token for frame in one.frames] == [frame.token for frame in two.frames]
    assert [clip.token for clip in one.clips] == [clip.token for clip in two.clips]


@given(
    rate_hz=st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, 12.5]),
    seconds=st.integers(80, 400),
    jitter=st.floats(0.0, 0.03),
)
def test_what_is_kept_of_a_long_session_is_always_on_the_grid(rate_hz: float, seconds: int, jitter: float) -> None:
    horizon = Horizon(HorizonLimits(dense_s=20.0, frame_rate_hz=rate_hz, session_frames=32))
    rng = np.random.default_rng(seconds)
    times_s = np.arange(0, seconds, 0.08) + 0.5 + rng.uniform(0, jitter, len(np.arange(0, seconds, 0.08)))
    for t_s in times_s:
        horizon.add_frame(clean_frame(float(t_s), GREY))
    every = horizon.evidence(whole(float(seconds)), EvidencePlan(512, 0)).frames
    on_grid = horizon.evidence(whole(float(seconds)), EvidencePlan(512, 0, on_grid=True)).frames
    assert [frame.token for frame in on_grid] == [frame.token for frame in every]
    assert len(on_grid) > 8


def test_a_clip_that_is_not_over_yet_is_not_on_the_grid() -> None:
    horizon = fed(5)
    assert [clip.t_s for clip in horizon.evidence(whole(5.0), GRID).clips] == [0.0, 2.0]
    assert [clip.t_s for clip in horizon.grid_clips_after(0.0)] == [2.0]


def test_no_clips_are_cut_where_none_are_wanted() -> None:
    horizon = fed(10)
    assert horizon.evidence(local(10.0), EvidencePlan(32, 0)).clips == ()
    assert horizon.evidence(local(10.0), EvidencePlan(32, 0, on_grid=True)).clips == ()


def test_an_embedding_goes_when_its_frame_goes() -> None:
    horizon, cache = fed(30), EmbeddingCache("model")
    for frame in horizon.grid_frames_after(-1.0):
        cache.put(frame.token, np.zeros((4, 8), np.float16))
    assert len(cache) == 30
    assert cache.nbytes == 30 * 4 * 8 * 2
    for index in range(240, 240 + 8 * 600):
        horizon.add_frame(clean_frame(index / 8, GREY, index=index))
    del frame
    gc.collect()
    held = horizon.evidence(whole(630.0), EvidencePlan(512, 0)).frames
    assert len(cache) == sum(cache.get(frame.token) is not None for frame in held) < 30


def test_embeddings_that_are_shared_are_counted_once() -> None:
    cache, tokens = EmbeddingCache("model"), [Token(), Token()]
    cache.put(tokens[0], np.zeros(1024, np.float16))
    cache.alias(tokens[1], tokens[0])
    assert (len(cache), cache.nbytes, cache.encoded, cache.aliased) == (2, 2048, 1, 1)
    assert cache.missing([*tokens, Token()])[0] not in tokens
    with pytest.raises(KeyError):
        cache.alias(Token(), Token())


def test_what_is_kept_cannot_be_changed() -> None:
    cache, token = EmbeddingCache("model"), Token()
    cache.put(token, np.zeros(4, np.float32))
    found = cache.get(token)
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1.0


class Counting:
    """An encoder that counts how often it was given each piece."""

    batch = 8
    embedding_bytes = 0

    def __init__(self, failure: ModelUnavailable | None = None) -> None:
        self.frames: list[Token] = []
        self.clips: list[Token] = []
        self.failure = failure

    async def encode(self, frames: Sequence[StoredFrame], clips: Sequence[AudioClip]) -> None:
        if self.failure is not None:
            raise self.failure
        self.frames += [frame.token for frame in frames]
        self.clips += [clip.token for clip in clips]


def test_everything_on_the_grid_is_encoded_ahead_once() -> None:
    horizon, encoder = fed(0.0), Counting()
    ahead = Ahead(encoder, horizon)
    for second in range(100):
        horizon.add_frame(clean_frame(float(second), GREY, index=second))
        horizon.add_audio(voice(float(second)))
        if ahead.due(second + 1.0):
            asyncio.run(ahead.encode(second + 1.0))
    asyncio.run(ahead.encode(100.0))
    assert len(encoder.frames) == len(set(encoder.frames)) == 100
    assert len(encoder.clips) == len(set(encoder.clips)) == 50


def test_a_failure_ahead_is_left_to_the_window(caplog: pytest.LogCaptureFixture) -> None:
    ahead = Ahead(Counting(ModelUnavailable("no memory left")), fed(10))
    asyncio.run(ahead.encode(10.0))
    assert "no memory left" in caplog.text
