"""Video-LLaMAs of any size with random numbers: what they say means nothing, what they cost is what one costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.language import Decoding, Language
from monitor.describers.video_llama.model import VideoLlama
from monitor.describers.video_llama.prompts import Style
from monitor.describers.video_llama.sizes import REAL_7B, AudioSizes, QFormerSizes, Sizes, VisionSizes
from tests.made_language import endless_tokenizer


@dataclass(frozen=True, slots=True)
class Size:
    """Encoders and the language model that belongs to them."""

    name: str
    encoders: Sizes
    layers: int
    heads: int
    mlp: int
    vocabulary: int


REAL: Final = Size("ViT-g, 7B", REAL_7B, layers=32, heads=32, mlp=11008, vocabulary=32_000)

_NARROW: Final = QFormerSizes(width=96, layers=4, heads=4, mlp=384, cross_every=2, queries=32, input_width=128)
SMALL: Final = Size(
    "small",
    Sizes(
        vision=VisionSizes(image_px=224, patch_px=14, width=128, layers=4, heads=4, mlp=512),
        image_qformer=_NARROW,
        video_qformer=replace(_NARROW, layers=2, cross_every=1, input_width=96),
        audio=AudioSizes(
            mel_bins=128, mel_frames=204, patch=16, stride=10, width=96, layers=3, heads=4, mlp=384, output_width=128
        ),
        audio_qformer=replace(_NARROW, layers=2, cross_every=1, queries=8, input_width=128),
        max_frames=32,
        max_clips=8,
        language_width=128,
    ),
    layers=4,
    heads=4,
    mlp=344,
    vocabulary=4096,
)
"""Runs on any CPU: the proportions between its parts are not those of the real size."""

SMALL_IMAGES: Final = replace(
    SMALL, name="small images", encoders=replace(SMALL.encoders, vision=replace(SMALL.encoders.vision, image_px=84))
)
"""Cheaper still: an hour of media takes minutes on a busy machine."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What takes long to make: a model is put together of it in no time."""

    encoders: Encoders
    llama: LlamaForCausalLM

    def model(self, *, batch: int, max_tokens: int) -> VideoLlama:
        """A model that encodes so many frames together and whose answers are all of this length."""
        language = Language(self.llama, endless_tokenizer(), Style.LLAMA2, Decoding(max_tokens))
        return VideoLlama(self.encoders, language, batch=batch, digest="random")


def random_parts(size: Size, *, device: torch.device, dtype: torch.dtype) -> Parts:
    """Encoders and a LLaMA full of random numbers, made where they will run."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(1)
    try:
        with device:
            encoders = Encoders(size.encoders).requires_grad_(requires_grad=False)
            language = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=size.vocabulary,
                    hidden_size=size.encoders.language_width,
                    intermediate_size=size.mlp,
                    num_hidden_layers=size.layers,
                    num_attention_heads=size.heads,
                    max_position_embeddings=4096,
                    eos_token_id=None,
                )
            )
    finally:
        torch.set_default_dtype(before)
    for queries in (encoders.image_queries, encoders.video_queries, encoders.audio_queries):
        queries.data.normal_(0.0, 0.02)
    language.requires_grad_(requires_grad=False)
    return Parts(encoders, language)
