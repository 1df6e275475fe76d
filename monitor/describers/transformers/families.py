"""The families of models that can be asked in this process, and how each wants its frames and its sound.

A family lays a window out as pieces of the user's turn, words and places of media, and as the tensors that fill the
places. The tensors are made here and not by the library's processors: those for videos, and with them every
processor of these models, need torchvision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from buffers.evidence import AudioClip, StoredFrame
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError, ModelUnavailable
from monitor.describers.transformers.pixels import (
    PixelRules,
    decode,
    image_patches,
    kept_tokens,
    read_rules,
    video_patches,
)
from monitor.describers.transformers.prompt import Piece
from monitor.describers.transformers.sound import features, load_extractor, sound_tokens

if TYPE_CHECKING:
    from transformers import PretrainedConfig

QWEN_IMAGES: Final = PixelRules(
    patch_px=14,
    merge=2,
    temporal=2,
    least_px=56 * 56,
    most_px=28 * 28 * 1280,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
"""What Qwen's image processor does unless the folder says otherwise."""

LLAMA3_VIDEOS: Final = PixelRules(
    patch_px=14,
    merge=2,
    temporal=1,
    least_px=128 * 28 * 28,
    most_px=768 * 28 * 28,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    drop_still=True,
)
"""What VideoLLaMA3's video processor does unless the folder says otherwise; the budget is for all frames together."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A window's media laid out: pieces of the user's turn, and the model's tensors by argument."""

    pieces: tuple[Piece, ...]
    tensors: dict[str, torch.Tensor]


Layout = Callable[[Sequence[StoredFrame], Sequence[AudioClip], float], Shown]
"""Lays out frames and clips; times are told from the window's start (s), the third argument."""


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture. `model_types` are its names in config.json, `model_class` its class in transformers."""

    title: str
    model_types: tuple[str, ...]
    model_class: str
    hears: bool
    layout: Callable[[Path, PretrainedConfig], Layout]


def qwen_layout(folder: Path, config: PretrainedConfig) -> Layout:
    """Qwen2.5-Omni: every frame is an image after its time, every clip a sound after its."""
    rules = read_rules(folder, "image", QWEN_IMAGES)
    extractor = load_extractor(folder)
    image, sound = (int(getattr(config, f"{kind}_token_id")) for kind in ("image", "audio"))
    image_edges, sound_edges = (_edges(config, kind, folder) for kind in ("vision", "audio"))

    def lay_out(frames: Sequence[StoredFrame], clips: Sequence[AudioClip], start_s: float) -> Shown:
        pieces: list[Piece] = []
        tensors: dict[str, torch.Tensor] = {}
        if frames:
            patches, grids = image_patches(decode([frame.jpeg for frame in frames]), rules)
            tensors |= {"pixel_values": patches, "image_grid_thw": grids}
            for frame, grid in zip(frames, grids, strict=True):
                places = int(grid.prod()) // rules.merge**2
                pieces += [f"t={frame.t_s - start_s:.1f}s", (image_edges[0], *[image] * places, image_edges[1])]
        if clips:
            mels, heard = features(extractor, clips)
            tensors |= {"input_features": mels, "feature_attention_mask": heard}
            for clip, mask in zip(clips, heard, strict=True):
                places = sound_tokens(int(mask.sum()))
                told = f"t={clip.t_s - start_s:.1f}s, {len(clip.samples) / AUDIO_RATE_HZ:.0f} s of sound"
                pieces += [told, (sound_edges[0], *[sound] * places, sound_edges[1])]
        return Shown(tuple(pieces), tensors)

    return lay_out


def llama3_layout(folder: Path, config: PretrainedConfig) -> Layout:
    """VideoLLaMA3: the frames are one video, each after its time, in the words that the model was trained with."""
    rules = read_rules(folder, "video", LLAMA3_VIDEOS)
    video = int(config.video_token_id)

    def lay_out(frames: Sequence[StoredFrame], clips: Sequence[AudioClip], start_s: float) -> Shown:
        del clips
        if not frames:
            return Shown((), {})
        patches, grid = video_patches(decode([frame.jpeg for frame in frames]), rules)
        kept = kept_tokens(patches, grid, rules)
        pieces: list[Piece] = []
        for place, (frame, row) in enumerate(zip(frames, kept, strict=True)):
            comma = "," if place else ""
            pieces += [f"{comma}Time {frame.t_s - start_s:.1f}s:", (video,) * int(row.sum())]
        tensors = {
            "pixel_values_videos": patches,
            "video_grid_thw": grid,
            "video_merge_sizes": torch.tensor([rules.merge]),
            "video_compression_mask": kept.flatten(),
        }
        return Shown(tuple(pieces), tensors)

    return lay_out


FAMILIES: Final = (
    Family(
        "Qwen2.5-Omni",
        ("qwen2_5_omni", "qwen2_5_omni_thinker"),
        "Qwen2_5OmniThinkerForConditionalGeneration",
        hears=True,
        layout=qwen_layout,
    ),
    Family(
        "VideoLLaMA3",
        ("video_llama_3",),
        "VideoLlama3ForConditionalGeneration",
        hears=False,
        layout=llama3_layout,
    ),
)
"""All that are known; of Qwen2.5-Omni only the part that writes is loaded, never the one that speaks."""


def find_family(model_type: str, folder: Path) -> Family:
    """The family of a model type. Raises `ConfigError` that names the known ones."""
    for family in FAMILIES:
        if model_type in family.model_types:
            return family
    known = ", ".join(f"{family.title} ({', '.join(family.model_types)})" for family in FAMILIES)
    raise ConfigError(
        f"transformers.folder: {folder} holds a model of type {model_type!r}; known are {known}. Serve others with "
        "a server and choose the describer openai"
    )


def _edges(config: PretrainedConfig, kind: str, folder: Path) -> tuple[int, int]:
    """The ids around media of a kind."""
    start, end = (getattr(config, f"{kind}_{side}_token_id", None) for side in ("start", "end"))
    if start is None or end is None:
        raise ModelUnavailable(f"{folder}: config.json does not name {kind}_start_token_id and {kind}_end_token_id")
    return int(start), int(end)
