"""The sizes of Video-LLaMA's encoders: what the shapes of a checkpoint tell, and what only its authors' code told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class VisionSizes:
    """The image encoder (EVA-CLIP's vision transformer)."""

    image_px: int
    patch_px: int
    width: int
    layers: int
    heads: int
    mlp: int

    @property
    def tokens(self) -> int:
        """Tokens of one image: its patches and the class token."""
        return (self.image_px // self.patch_px) ** 2 + 1


@dataclass(frozen=True, slots=True)
class QFormerSizes:
    """A querying transformer: `queries` learned tokens look at tokens that are `input_width` wide."""

    width: int
    layers: int
    heads: int
    mlp: int
    cross_every: int
    queries: int
    input_width: int


@dataclass(frozen=True, slots=True)
class AudioSizes:
    """ImageBind's audio trunk: a transformer over overlapping patches of a mel spectrogram."""

    mel_bins: int
    mel_frames: int
    patch: int
    stride: int
    width: int
    layers: int
    heads: int
    mlp: int
    output_width: int

    @property
    def tokens(self) -> int:
        """Tokens of one clip: its patches and the class token."""
        high = (self.mel_bins - self.patch) // self.stride + 1
        long = (self.mel_frames - self.patch) // self.stride + 1
        return high * long + 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """All the encoders together. `max_frames` and `max_clips` are the rows of the two position tables."""

    vision: VisionSizes
    image_qformer: QFormerSizes
    video_qformer: QFormerSizes
    audio: AudioSizes
    audio_qformer: QFormerSizes
    max_frames: int
    max_clips: int
    language_width: int


MEL_BINS: Final = 128
MEL_FRAMES: Final = 204
AUDIO_STRIDE: Final = 10
"""The audio trunk's input and patch step are written in the original's code, not in its files."""

REAL_7B: Final = Sizes(
    vision=VisionSizes(image_px=224, patch_px=14, width=1408, layers=39, heads=16, mlp=6144),
    image_qformer=QFormerSizes(width=768, layers=12, heads=12, mlp=3072, cross_every=2, queries=32, input_width=1408),
    video_qformer=QFormerSizes(width=768, layers=2, heads=12, mlp=3072, cross_every=1, queries=32, input_width=768),
    audio=AudioSizes(
        mel_bins=MEL_BINS,
        mel_frames=MEL_FRAMES,
        patch=16,
        stride=AUDIO_STRIDE,
        width=768,
        layers=12,
        heads=12,
        mlp=3072,
        output_width=1024,
    ),
    audio_qformer=QFormerSizes(width=768, layers=2, heads=12, mlp=3072, cross_every=1, queries=8, input_width=1024),
    max_frames=32,
    max_clips=8,
    language_width=4096,
)
"""The published model with a language model of 7B (13B differs in `language_width` alone: 5120)."""
