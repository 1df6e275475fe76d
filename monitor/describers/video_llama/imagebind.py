"""ImageBind's audio encoder (Girdhar et al., arXiv 2305.05665): a mel spectrogram of 2 s becomes one vector.

Written from the paper and the shapes of the published file. Three things set it apart from a plain vision
transformer and cannot be left out: every attention has one more key and value that no token made (`bias_k`, `bias_v`),
the patches are normalised before the class token joins them, and the answer is scaled to a fixed length.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

from monitor.describers.video_llama.sizes import AudioSizes

STEM_EPS: Final = 1e-5
BLOCK_EPS: Final = 1e-6
LONGEST: Final = 100.0
"""The learned scale is cut here, as in CLIP."""


class AudioAttention(nn.Module):
    """Self-attention with one learned key and value beside those of the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        """Split `width` among `heads`."""
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.bias_k = nn.Parameter(torch.zeros(1, 1, width))
        self.bias_v = nn.Parameter(torch.zeros(1, 1, width))
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[S, N, width] to the same shape."""
        clips, count, width = tokens.shape
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)
        key = torch.cat([key, self.bias_k.expand(clips, -1, -1)], dim=1)
        value = torch.cat([value, self.bias_v.expand(clips, -1, -1)], dim=1)
        seen = scaled_dot_product_attention(self._split(query), self._split(key), self._split(value))
        mixed: Tensor = self.out(seen.transpose(1, 2).reshape(clips, count, width))
        return mixed

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class AudioBlock(nn.Module):
    """One layer: attention and a feed-forward part, each normalised before it."""

    def __init__(self, sizes: AudioSizes) -> None:
        """Make the layer of these sizes."""
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes.width, eps=BLOCK_EPS)
        self.attention = AudioAttention(sizes.width, sizes.heads)
        self.norm2 = nn.LayerNorm(sizes.width, eps=BLOCK_EPS)
        self.fc1 = nn.Linear(sizes.width, sizes.mlp)
        self.fc2 = nn.Linear(sizes.mlp, sizes.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[S, N, width] to the same shape."""
        tokens = tokens + self.attention(self.norm1(tokens))
        changed: Tensor = tokens + self.fc2(gelu(self.fc1(self.norm2(tokens))))
        return changed


class AudioStem(nn.Module):
    """The spectrogram cut into overlapping patches, with a class token before them and a place for each."""

    def __init__(self, sizes: AudioSizes) -> None:
        """Make the stem of these sizes."""
        super().__init__()
        self.patches = nn.Conv2d(1, sizes.width, sizes.patch, sizes.stride, bias=False)
        self.norm = nn.LayerNorm(sizes.width, eps=STEM_EPS)
        self.class_token = nn.Parameter(torch.zeros(1, 1, sizes.width))
        self.positions = nn.Parameter(torch.zeros(1, sizes.tokens, sizes.width))

    def forward(self, mel: Tensor) -> Tensor:
        """[S, 1, bins, frames] to [S, N, width]."""
        patches = self.norm(self.patches(mel).flatten(2).transpose(1, 2))
        return torch.cat([self.class_token.expand(len(mel), -1, -1), patches], dim=1) + self.positions


class AudioTrunk(nn.Module):
    """ImageBind's audio trunk and head."""

    def __init__(self, sizes: AudioSizes) -> None:
        """Make the trunk of these sizes."""
        super().__init__()
        self.stem = AudioStem(sizes)
        self.blocks = nn.Sequential(*(AudioBlock(sizes) for _ in range(sizes.layers)))
        self.head_norm = nn.LayerNorm(sizes.width, eps=BLOCK_EPS)
        self.head = nn.Linear(sizes.width, sizes.output_width, bias=False)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, mel: Tensor) -> Tensor:
        """Normalised mel [S, 1, bins, frames] to [S, output_width], all of one length (20 in the published file)."""
        tokens = self.blocks(self.stem(mel))
        feature = self.head(self.head_norm(tokens[:, 0]))
        # In 32 bits: a squared sum of a thousand numbers is where 16 would lose the fixed length.
        length = self.log_scale.float().exp().clamp(max=LONGEST)
        return (normalize(feature.float(), dim=-1) * length).to(feature.dtype)
