"""How the tensors of our encoders are called in the published files, which were made by other code.

The map goes one way only, from our name to theirs: what no name of ours leads to is never read. The published files
hold more than the encoders (other modalities of ImageBind, a T5 projection, buffers of the whole model).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitor.describers.video_llama.files import Role

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The tensors of a file that make one of ours, joined in this order; None stands for zeros like its neighbours."""

    role: Role
    keys: tuple[str | None, ...]


def origin(name: str) -> Origin:
    """Where the tensor `name` of `Encoders.state_dict()` comes from; KeyError for a name that is not one of them."""
    for role, pattern, replacement in _RULES:
        if (found := pattern.fullmatch(name)) is not None:
            rest = found.expand(replacement)
            for ours, theirs in _WITHIN:
                rest = rest.replace(ours, theirs)
            return Origin(role, _split_bias(rest))
    raise KeyError(name)


def original_shapes(ours: Mapping[str, Shape]) -> dict[Role, dict[str, Shape]]:
    """The tensors that the original code's files hold for encoders with the tensors `ours`, by role and key."""
    shapes: dict[Role, dict[str, Shape]] = {role: {} for role in Role}
    for name, shape in ours.items():
        came = origin(name)
        part = (shape[0] // len(came.keys), *shape[1:]) if len(came.keys) > 1 else shape
        shapes[came.role] |= {key: part for key in came.keys if key is not None}
    return shapes


UNUSED: Final[Mapping[Role, str]] = {
    Role.BLIP2: "Qformer.bert.embeddings.position_ids",
    Role.VIDEO: "video_Qformer.bert.embeddings.position_ids",
    Role.AUDIO: "audio_Qformer.bert.embeddings.position_ids",
}
"""The one buffer that the original's modules save without using it: the numbers 0 to 511, int64[1, 512]."""


def _split_bias(key: str) -> tuple[str | None, ...]:
    """The image encoder's attention has a bias for queries and values and none for keys."""
    if key.startswith("blocks.") and key.endswith("attn.qkv.bias"):
        stem = key.removesuffix("qkv.bias")
        return f"{stem}q_bias", None, f"{stem}v_bias"
    return (key,)


_RULES: Final[tuple[tuple[Role, re.Pattern[str], str], ...]] = tuple(
    (role, re.compile(pattern), replacement)
    for role, pattern, replacement in (
        (Role.VISION, r"vision\.embeddings\.class_embedding", r"cls_token"),
        (Role.VISION, r"vision\.embeddings\.position_embedding", r"pos_embed"),
        (Role.VISION, r"vision\.embeddings\.patch_embedding\.(.+)", r"patch_embed.proj.\1"),
        (Role.VISION, r"vision\.encoder\.layers\.(.+)", r"blocks.\1"),
        (Role.BLIP2, r"vision\.post_layernorm\.(.+)", r"ln_vision.\1"),
        (Role.BLIP2, r"image_queries", r"query_tokens"),
        (Role.BLIP2, r"image_qformer\.(.+)", r"Qformer.bert.\1"),
        (Role.VIDEO, r"video_queries", r"video_query_tokens"),
        (Role.VIDEO, r"video_qformer\.(.+)", r"video_Qformer.bert.\1"),
        (Role.VIDEO, r"frame_position\.weight", r"video_frame_position_embedding.weight"),
        (Role.VIDEO, r"video_projection\.(.+)", r"llama_proj.\1"),
        (Role.AUDIO, r"audio_queries", r"audio_query_tokens"),
        (Role.AUDIO, r"audio_qformer\.(.+)", r"audio_Qformer.bert.\1"),
        (Role.AUDIO, r"clip_position\.weight", r"audio_position_embedding.weight"),
        (Role.AUDIO, r"audio_projection\.(.+)", r"audio_llama_proj.\1"),
        (Role.IMAGEBIND, r"audio_trunk\.stem\.class_token", r"modality_preprocessors.audio.cls_token"),
        (
            Role.IMAGEBIND,
            r"audio_trunk\.stem\.positions",
            r"modality_preprocessors.audio.pos_embedding_helper.pos_embed",
        ),
        (Role.IMAGEBIND, r"audio_trunk\.stem\.patches\.(.+)", r"modality_preprocessors.audio.rgbt_stem.proj.\1"),
        (Role.IMAGEBIND, r"audio_trunk\.stem\.norm\.(.+)", r"modality_preprocessors.audio.rgbt_stem.norm_layer.\1"),
        (Role.IMAGEBIND, r"audio_trunk\.blocks\.(\d+)\.fc(.+)", r"modality_trunks.audio.blocks.\1.mlp.fc\2"),
        (Role.IMAGEBIND, r"audio_trunk\.blocks\.(\d+)\.norm(.+)", r"modality_trunks.audio.blocks.\1.norm_\2"),
        (
            Role.IMAGEBIND,
            r"audio_trunk\.blocks\.(\d+)\.attention\.qkv\.(.+)",
            r"modality_trunks.audio.blocks.\1.attn.in_proj_\2",
        ),
        (
            Role.IMAGEBIND,
            r"audio_trunk\.blocks\.(\d+)\.attention\.out\.(.+)",
            r"modality_trunks.audio.blocks.\1.attn.out_proj.\2",
        ),
        (Role.IMAGEBIND, r"audio_trunk\.blocks\.(\d+)\.attention\.(.+)", r"modality_trunks.audio.blocks.\1.attn.\2"),
        (Role.IMAGEBIND, r"audio_trunk\.head_norm\.(.+)", r"modality_heads.audio.0.\1"),
        (Role.IMAGEBIND, r"audio_trunk\.head\.(.+)", r"modality_heads.audio.2.\1"),
        (Role.IMAGEBIND, r"audio_trunk\.log_scale", r"modality_postprocessors.audio.1.log_logit_scale"),
    )
)

_WITHIN: Final = (
    (".layer_norm1.", ".norm1."),
    (".layer_norm2.", ".norm2."),
    (".self_attn.projection.", ".attn.proj."),
    (".self_attn.", ".attn."),
    (".attention.attention.", ".attention.self."),
    (".crossattention.attention.", ".crossattention.self."),
    ("bert.layernorm.", "bert.embeddings.LayerNorm."),
)
"""What transformers calls the parts of a layer, and what the original did."""
