"""Video-LLaMA's encoders (Zhang et al., arXiv 2306.02858): frames and clips become tokens of its language model.

Each branch is in two halves. The first looks at one frame or one clip alone, is nearly all of the cost, and its
result may be kept and used in any later window with no approximation: where a frame stands in the window is added
after it. The second half puts a window together and is cheap.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from transformers import Blip2QFormerConfig, Blip2QFormerModel, Blip2VisionConfig, Blip2VisionModel

from monitor.describers.video_llama.imagebind import AudioTrunk
from monitor.describers.video_llama.sizes import QFormerSizes, Sizes, VisionSizes

VISION_EPS: Final = 1e-6
LN_VISION_EPS: Final = 1e-5
QFORMER_EPS: Final = 1e-12


class Encoders(nn.Module):
    """Both branches, from pixels and mel spectrograms to tokens that are as wide as the language model's."""

    def __init__(self, sizes: Sizes) -> None:
        """Make the encoders of these sizes with weights that mean nothing yet (on the current default device)."""
        super().__init__()
        self.sizes = sizes
        self.vision = _vision(sizes.vision)
        self.image_queries = _queries(sizes.image_qformer)
        self.image_qformer = _qformer(sizes.image_qformer)
        self.frame_position = nn.Embedding(sizes.max_frames, sizes.video_qformer.input_width)
        self.video_queries = _queries(sizes.video_qformer)
        self.video_qformer = _qformer(sizes.video_qformer)
        self.video_projection = nn.Linear(sizes.video_qformer.width, sizes.language_width)
        self.audio_trunk = AudioTrunk(sizes.audio)
        self.clip_position = nn.Embedding(sizes.max_clips, sizes.audio_qformer.input_width)
        self.audio_queries = _queries(sizes.audio_qformer)
        self.audio_qformer = _qformer(sizes.audio_qformer)
        self.audio_projection = nn.Linear(sizes.audio_qformer.width, sizes.language_width)
        self.eval()

    @property
    def max_frames(self) -> int:
        """Most frames of a window: the rows of the frame position table (32 in the published files)."""
        return self.sizes.max_frames

    @property
    def max_clips(self) -> int:
        """Most clips of a window: the rows of the clip position table (8 in the published files)."""
        return self.sizes.max_clips

    @property
    def image_px(self) -> int:
        """Height and width of the images (224 in the published files)."""
        return self.sizes.vision.image_px

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Shape of one frame's embedding (32, 768)."""
        return self.sizes.image_qformer.queries, self.sizes.image_qformer.width

    @property
    def clip_shape(self) -> tuple[int]:
        """Shape of one clip's embedding (1024,)."""
        return (self.sizes.audio.output_width,)

    @property
    def language_width(self) -> int:
        """Width of the language model that the tokens are made for (4096 for 7B, 5120 for 13B)."""
        return self.sizes.language_width

    @property
    def dtype(self) -> torch.dtype:
        """Numbers of the weights."""
        return self.video_queries.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.video_queries.device

    @torch.inference_mode()
    def encode_frames(self, pixels: Tensor) -> Tensor:
        """Encode each image alone: [M, 3, 224, 224] (CLIP-normalised) to [M, 32, 768]. This is what to keep."""
        patches = self.vision(pixel_values=self._here(pixels)).last_hidden_state
        return _ask(self.image_qformer, self.image_queries, patches)

    @torch.inference_mode()
    def encode_clips(self, mel: Tensor) -> Tensor:
        """Encode each clip alone: [S, 1, 128, 204] to [S, 1024], each of length 20. This is what to keep."""
        encoded: Tensor = self.audio_trunk(self._here(mel))
        return encoded

    @torch.inference_mode()
    def video_tokens(self, frames: Tensor) -> Tensor:
        """Put the encoded frames of a window together, in their order: [M, 32, 768] to [1, 32, language width].

        Raises:
            ValueError: no frame, or more than `max_frames`.
        """
        _fits(len(frames), self.max_frames, "frame")
        placed = self._here(frames) + self.frame_position.weight[: len(frames), None]
        tokens: Tensor = self.video_projection(_ask(self.video_qformer, self.video_queries, placed.flatten(0, 1)[None]))
        return tokens

    @torch.inference_mode()
    def audio_tokens(self, clips: Tensor) -> Tensor:
        """Put the encoded clips of a window together, in their order: [S, 1024] to [1, 8, language width].

        Raises:
            ValueError: no clip, or more than `max_clips`.
        """
        _fits(len(clips), self.max_clips, "clip")
        placed = self._here(clips) + self.clip_position.weight[: len(clips)]
        tokens: Tensor = self.audio_projection(_ask(self.audio_qformer, self.audio_queries, placed[None]))
        return tokens

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(device=self.device, dtype=self.dtype)


def _fits(given: int, places: int, what: str) -> None:
    if given == 0:
        raise ValueError(f"no {what} given: a window needs at least one")
    if given > places:
        raise ValueError(
            f"{given} {what}s given, the checkpoint has places for {places}: its position table has no row for more, "
            f"so give fewer {what}s"
        )


def _ask(qformer: nn.Module, queries: Tensor, tokens: Tensor) -> Tensor:
    """Let the queries look at each row of `tokens` [B, N, width]; what they saw, [B, queries, width]."""
    answers: Tensor = qformer(
        query_embeds=queries.expand(len(tokens), -1, -1), encoder_hidden_states=tokens
    ).last_hidden_state
    return answers


def _queries(sizes: QFormerSizes) -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, sizes.queries, sizes.width))


def _vision(sizes: VisionSizes) -> Blip2VisionModel:
    model = Blip2VisionModel(
        Blip2VisionConfig(
            hidden_size=sizes.width,
            intermediate_size=sizes.mlp,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            image_size=sizes.image_px,
            patch_size=sizes.patch_px,
            layer_norm_eps=VISION_EPS,
        )
    )
    # The original's transformer ends without a norm; this one is BLIP-2's `ln_vision`, made with torch's default.
    model.post_layernorm.eps = LN_VISION_EPS
    return model


def _qformer(sizes: QFormerSizes) -> Blip2QFormerModel:
    return Blip2QFormerModel(
        Blip2QFormerConfig(
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.mlp,
            cross_attention_frequency=sizes.cross_every,
            encoder_hidden_size=sizes.input_width,
            layer_norm_eps=QFORMER_EPS,
        )
    )
