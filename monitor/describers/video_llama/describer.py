"""The describer `video_llama`: the original audio-visual Video-LLaMA in this process, each frame encoded once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from buffers.embeddings import Embedding, EmbeddingCache
from buffers.evidence import AudioClip, Evidence, StoredFrame
from configs.digest import json_digest
from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import VideoLlamaSettings
from configs.prompts import prompts_digest
from configs.settings import Settings
from monitor.describers.base import Description, ModelInfo
from monitor.describers.video_llama.files import LICENCE_NOTICE
from monitor.describers.video_llama.lookalikes import Lookalikes
from monitor.describers.video_llama.pooling import average_clips, pick_clips
from monitor.describers.video_llama.prompts import clean_answer
from monitor.describers.worker import Worker, require_models

if TYPE_CHECKING:
    from monitor.describers.video_llama.model import VideoLlama

NAME: Final = "video_llama"

MOST_FRAMES: Final = 32
MOST_CLIPS: Final = 8
"""Rows of the position tables in every released checkpoint (Video-LLaMA, issue 155)."""

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("emotion_monitor.video_llama")


def _load(settings: VideoLlamaSettings, seed: int | None) -> VideoLlama:
    from monitor.describers.video_llama.model import load_model

    return load_model(settings, seed)


class VideoLlamaDescriber:
    """Describes windows with Video-LLaMA; also an `Encoder`.

    Embeddings are touched in the event loop's thread only; what is computed is computed in the model's.
    """

    def __init__(
        self, settings: Settings, load: Callable[[VideoLlamaSettings, int | None], VideoLlama] = _load
    ) -> None:
        """Check the settings; `load` makes the model in its own thread at `start`.

        Raises:
            ConfigError: there is no folder, or windows are to hold more than the model has places for.
            ModelUnavailable: the extra `models` is not installed.
        """
        own, windows = settings.video_llama, settings.windows
        if own.folder is None:
            raise ConfigError("the describer video_llama needs its model: set video_llama.folder to the folder with it")
        _check(windows.frames, windows.clips, own, MOST_FRAMES, MOST_CLIPS)
        require_models()
        self._settings = own
        self._windows = windows
        self._seed = settings.seed
        self._load = load
        self._worker = Worker("Video-LLaMA")
        self._model: VideoLlama | None = None
        self._filling = asyncio.Lock()
        self._lookalikes = Lookalikes(own.alias_below)
        self.frames = EmbeddingCache("")
        self.clips = EmbeddingCache("")
        self._info = ModelInfo(
            name=NAME,
            heuristic=False,
            calibrated=False,
            notice="original Video-LLaMA: research only, non-commercial; its words are unverified",
            deterministic=own.temperature == 0 or settings.seed is not None,
            model=own.folder.rstrip("/").rpartition("/")[2],
            on_grid=True,
        )

    @property
    def info(self) -> ModelInfo:
        """What this describer is; its fingerprint is known once it has started."""
        return self._info

    @property
    def batch(self) -> int:
        """Frames that are encoded together."""
        return self._settings.batch

    @property
    def embedding_bytes(self) -> int:
        """Bytes that the embeddings of frames and clips hold."""
        return self.frames.nbytes + self.clips.nbytes

    async def start(self) -> tuple[str, ...]:
        """Load the model, once; the licence, what was loaded, and how it departs from the paper.

        Raises:
            ConfigError, ModelUnavailable: it cannot be loaded as configured.
        """
        if self._model is not None:
            return ()
        logger.info("Video-LLaMA is being loaded from %s; real sizes take minutes", self._settings.folder)
        model = await self._run(self._load, self._settings, self._seed)
        _check(self._windows.frames, self._windows.clips, self._settings, model.max_frames, model.max_clips)
        numbers = str(model.dtype).removeprefix("torch.")
        self._info = replace(self._info, fingerprint=self._fingerprint(model, numbers))
        # Without prompts and answers, which do not change what a frame is encoded to.
        kept = hashlib.sha256(f"{model.digest}:{numbers}".encode()).hexdigest()
        self.frames, self.clips = EmbeddingCache(kept), EmbeddingCache(kept)
        self._model = model
        return (LICENCE_NOTICE, *self._told(model, numbers))

    async def encode(self, frames: Sequence[StoredFrame], clips: Sequence[AudioClip]) -> None:
        """Encode what has no embedding yet; raises `ModelUnavailable`."""
        await self._encode(self._started(), frames, clips)

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window from the embeddings of its frames and clips, encoding what has none yet.

        Raises:
            ModelUnavailable: it failed, ran out of memory, or said nothing.
        """
        if not evidence.frames and not evidence.clips:
            return Description("Nothing was seen or heard.", NAME, insufficient=True)
        model = self._started()
        try:
            _check(len(evidence.frames), len(evidence.clips), self._settings, model.max_frames, model.max_clips)
        except ConfigError as error:
            raise ModelUnavailable(str(error)) from error
        await self._encode(model, evidence.frames, evidence.clips)
        frames = [_there(self.frames.get(frame.token)) for frame in evidence.frames]
        clips = self._pooled(evidence, model.max_clips) if evidence.clips else None
        text = clean_answer(await self._run(model.answer, evidence, frames, clips, self._worker))
        if not text:
            raise ModelUnavailable("Video-LLaMA said nothing about this window")
        return Description(text, NAME)

    async def close(self) -> None:
        """Stop what is under way, release the model and forget the embeddings."""
        await self._worker.close()
        self._model = None
        self.frames, self.clips = EmbeddingCache(""), EmbeddingCache("")

    def _started(self) -> VideoLlama:
        if self._model is None:
            raise ModelUnavailable("Video-LLaMA is not loaded: start it first")
        return self._model

    async def _encode(self, model: VideoLlama, frames: Sequence[StoredFrame], clips: Sequence[AudioClip]) -> None:
        # One at a time: two that miss the same frame would both encode it.
        async with self._filling:
            unseen = {frame.token: frame for frame in frames}
            fresh, alike = self._lookalikes.sort([unseen[token] for token in self.frames.missing(unseen)])
            for start in range(0, len(fresh), self.batch):
                some = fresh[start : start + self.batch]
                encoded = await self._run(model.encode_frames, [frame.jpeg for frame in some])
                for frame, embedding in zip(some, encoded, strict=True):
                    self.frames.put(frame.token, embedding)
                self._lookalikes.remember(some[-1])
            for token, other in alike:
                self.frames.alias(token, other)
            unheard = {clip.token: clip for clip in clips}
            if missing := self.clips.missing(unheard):
                vectors = await self._run(model.encode_clips, [unheard[token].samples for token in missing])
                for token, vector in zip(missing, vectors, strict=True):
                    self.clips.put(token, vector)

    def _pooled(self, evidence: Evidence, places: int) -> NDArray[np.float32]:
        vectors = np.stack([_there(self.clips.get(clip.token)) for clip in evidence.clips]).astype(np.float32)
        pool = pick_clips if self._settings.clips == "pick" else average_clips
        times_s = [clip.t_s for clip in evidence.clips]
        return pool(vectors, times_s, evidence.window.start_s, evidence.window.end_s, places)

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._worker.run(call, *args, **kwargs)
        except (RuntimeError, MemoryError) as error:  # what torch raises, also when memory runs out
            raise ModelUnavailable(_why(error)) from error

    def _fingerprint(self, model: VideoLlama, numbers: str) -> str:
        own = self._settings
        drawn = [own.temperature, self._seed] if own.temperature > 0 else []
        asked = [prompts_digest(NAME), model.style, own.max_tokens, own.clips, own.alias_below, drawn]
        parts = [NAME, model.digest, own.precision == "int8", numbers, *asked]
        return json_digest(parts)

    def _told(self, model: VideoLlama, numbers: str) -> tuple[str, ...]:
        quantised = ", language model in int8" if self._settings.precision == "int8" else ""
        told = [f"Video-LLaMA runs on {model.device} in {numbers}{quantised}, asked in the style of {model.style}"]
        if model.device.type == "cpu":
            told.append("Video-LLaMA on a CPU is for trying out: at its real size one frame takes 10 to 20 s")
        if self._windows.clips > model.max_clips:
            how = "averaged into" if self._settings.clips == "average" else "thinned to"
            told.append(
                f"{self._windows.clips} clips of a window are {how} the {model.max_clips} that Video-LLaMA has places "
                "for: a deviation from the paper"
            )
        return tuple(told)


def _check(frames: int, clips: int, settings: VideoLlamaSettings, max_frames: int, max_clips: int) -> None:
    """Raise `ConfigError` where a window would hold more than the model has places for."""
    if frames > max_frames:
        raise ConfigError(
            f"{frames} frames in a window, and Video-LLaMA has places for {max_frames}: set windows.frames to "
            f"{max_frames} or less"
        )
    if clips > max_clips and settings.clips == "refuse":
        raise ConfigError(
            f"{clips} clips in a window, and Video-LLaMA has places for {max_clips}: set windows.clips to {max_clips} "
            "or less, or video_llama.clips to average or pick"
        )


def _there(embedding: Embedding | None) -> Embedding:
    assert embedding is not None, "whatever the evidence holds has just been encoded"
    return embedding


def _why(error: RuntimeError | MemoryError) -> str:
    said = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    if isinstance(error, MemoryError) or "out of memory" in said.lower() or "allocate memory" in said.lower():
        return (
            "Video-LLaMA ran out of memory: set video_llama.precision to int8, lower video_llama.batch, or give it "
            "another video_llama.device"
        )
    return f"Video-LLaMA failed: {said}"
