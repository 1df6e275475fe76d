"""Video-LLaMA whole: encoders and language model together, from JPEGs and samples to words.

To be imported where the extra `models` is installed; everything here runs in the model's own thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from buffers.embeddings import Embedding
from buffers.evidence import Evidence
from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import VideoLlamaSettings
from monitor.describers.shown import decoded
from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import Files, find_files
from monitor.describers.video_llama.language import Decoding, Language, load_language
from monitor.describers.video_llama.loading import load_encoders
from monitor.describers.video_llama.preprocess import clips_to_mel, frames_to_pixels
from monitor.describers.video_llama.prompts import Media, Prompt, Style, write_prompt
from monitor.describers.weights import weights_digest
from monitor.describers.worker import Worker, pick_device, pick_dtype, spare_cores, stop_with


class VideoLlama:
    """A loaded model. Each frame and clip is encoded alone; what came of it may serve in any window."""

    def __init__(self, encoders: Encoders, language: Language, *, batch: int, digest: str) -> None:
        """`batch` frames are encoded together, and half as many clips; `digest` names the files.

        Raises:
            ConfigError: the checkpoints were made for another size of language model.
        """
        if encoders.language_width != language.width:
            raise ConfigError(
                f"the checkpoints were made for a language model of width {encoders.language_width}, and this one has "
                f"{language.width}: 7B models have 4096, 13B models 5120; take the one that belongs to the checkpoints"
            )
        self._encoders = encoders
        self._language = language
        self._batch = batch
        self._clip_batch = max(1, batch // 2)  # in the time of two frames on the grid there is one clip
        self.digest = digest

    @property
    def style(self) -> Style:
        """How its turns are written."""
        return self._language.style

    @property
    def dtype(self) -> torch.dtype:
        """Numbers of the weights."""
        return self._encoders.dtype

    @property
    def device(self) -> torch.device:
        """Where the encoders are."""
        return self._encoders.device

    @property
    def max_frames(self) -> int:
        """Most frames of a window."""
        return self._encoders.max_frames

    @property
    def max_clips(self) -> int:
        """Most clips of a window."""
        return self._encoders.max_clips

    def encode_frames(self, jpegs: Sequence[bytes]) -> list[Embedding]:
        """Encode up to a batch of JPEGs, each to [32, 768]: float32 where the weights are, else float16.

        Raises:
            ModelUnavailable: one cannot be decoded.
        """
        return self._kept(self._encoders.encode_frames(_filled(self.pixels(jpegs), self._batch)), len(jpegs))

    def pixels(self, jpegs: Sequence[bytes]) -> Tensor:
        """JPEGs as the encoder takes them, float32[M, 3, 224, 224]; raises as `encode_frames`."""
        return frames_to_pixels([_decode(jpeg) for jpeg in jpegs], self._encoders.image_px)

    def encode_clips(self, samples: Sequence[NDArray[np.float32]]) -> list[Embedding]:
        """Encode clips of 2 s, float32[32000] at 16 kHz, each to [1024]."""
        found: list[Embedding] = []
        for start in range(0, len(samples), self._clip_batch):
            some = samples[start : start + self._clip_batch]
            mel = _filled(clips_to_mel(some), self._clip_batch)
            found += self._kept(self._encoders.encode_clips(mel), len(some))
        return found

    def answer(
        self, evidence: Evidence, frames: Sequence[Embedding], clips: NDArray[np.float32] | None, worker: Worker
    ) -> str:
        """What the model says of a window, given the embeddings of its frames and clips; at least one of the two.

        Raises:
            Cancelled: nobody waits for it any more.
        """
        media: dict[Media, Tensor] = {}
        if clips is not None:
            media[Media.SOUND] = self._encoders.audio_tokens(torch.from_numpy(clips))
        if frames:
            media[Media.PICTURES] = self._encoders.video_tokens(torch.from_numpy(np.stack(frames)))
        worker.check()
        room = self._language.room - sum(tokens.shape[1] for tokens in media.values())

        def fits(prompt: Prompt) -> bool:
            return self._language.length(prompt) <= room

        prompt = write_prompt(evidence, self.style, fits)
        if not fits(prompt):
            raise ModelUnavailable(
                f"Video-LLaMA's question has no room beside its media and an answer: {room} positions are left; lower "
                "video_llama.max_tokens"
            )
        said = self._language.answer(prompt, media, stop_with(worker))
        worker.check()
        return said

    def _kept(self, encoded: Tensor, count: int) -> list[Embedding]:
        """The first `count` as arrays of their own: float32 where the weights are, else float16.

        Of their own, because a view would keep the whole batch in memory as long as one of its frames.
        """
        exact = self.dtype is torch.float32
        rows = encoded[:count].to(torch.float32 if exact else torch.float16).cpu().numpy()
        return [row.copy() for row in rows]


def load_model(settings: VideoLlamaSettings, seed: int | None) -> VideoLlama:
    """Load everything from the folder of the settings. Takes minutes for the real sizes.

    Raises:
        ConfigError: a file is missing or does not belong to the others, or a device is not there.
        ModelUnavailable: a file cannot be read, or a package is missing.
    """
    assert settings.folder is not None, "the describer checks that there is a folder"
    device = pick_device(settings.device, "video_llama.device")
    dtype = pick_dtype(settings.precision, device)
    spare_cores(device)
    files = find_files(Path(settings.folder).expanduser())
    style = _style(settings, files)
    decoding = Decoding(settings.max_tokens, settings.temperature, seed)
    # Before the language model: what is wrong with a checkpoint is told before 13 GB have been read.
    encoders = load_encoders(files.folder, dtype=dtype, device=device)
    language = load_language(
        files.language_folder(),
        style,
        decoding,
        dtype=dtype,
        device=device,
        spread=settings.device == "balanced",
        int8=settings.precision == "int8",
    )
    return VideoLlama(encoders, language, batch=settings.batch, digest=weights_digest(_paths(files)))


def _style(settings: VideoLlamaSettings, files: Files) -> Style:
    if settings.prompt != "auto":
        return Style(settings.prompt)
    names = " ".join(files.names).lower().replace("_", "-")
    # Vicuna first: its checkpoints' language model may well lie in a folder that is called after LLaMA.
    if "vicuna" in names:
        return Style.VICUNA
    if "llama-2" in names or "llama2" in names:
        return Style.LLAMA2
    raise ConfigError(
        f"the names of the files in {files.folder} do not tell how Video-LLaMA is to be asked: set video_llama.prompt "
        "to llama2 or vicuna"
    )


def _paths(files: Files) -> Iterator[Path]:
    if files.converted is not None:
        yield files.converted
    yield from files.checkpoints.values()
    kinds = {".safetensors", ".bin", ".json", ".model"}
    yield from (path for path in files.language_folder().iterdir() if path.suffix in kinds and path.is_file())


def _filled(batch: Tensor, size: int) -> Tensor:
    """A batch filled up with copies of its last row.

    Matrix products round differently for other numbers of rows: at one size, what comes of a frame does not depend
    on how many others happened to be encoded with it, and so not on whether it was encoded ahead.
    """
    return torch.cat([batch, batch[-1:].expand(size - len(batch), *batch.shape[1:])]) if len(batch) < size else batch


def _decode(jpeg: bytes) -> NDArray[np.uint8]:
    """uint8[H, W, 3] RGB."""
    pixels = decoded(jpeg)
    if pixels is None:
        raise ModelUnavailable("a kept frame is no JPEG that can be decoded: Video-LLaMA cannot see this window")
    return pixels
