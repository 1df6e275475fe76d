"""A small Video-LLaMA with random numbers, as files of the original's form, and what happens inside while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import SOURCES, Role
from monitor.describers.video_llama.keys import UNUSED, origin
from monitor.describers.video_llama.sizes import AudioSizes, QFormerSizes, Sizes, VisionSizes

TINY: Final = Sizes(
    vision=VisionSizes(image_px=28, patch_px=14, width=32, layers=2, heads=4, mlp=40),
    image_qformer=QFormerSizes(width=24, layers=2, heads=3, mlp=48, cross_every=2, queries=4, input_width=32),
    video_qformer=QFormerSizes(width=24, layers=2, heads=3, mlp=48, cross_every=1, queries=4, input_width=24),
    audio=AudioSizes(
        mel_bins=128,
        mel_frames=204,
        patch=16,
        stride=10,
        width=16,
        layers=1,
        heads=2,
        mlp=32,
        output_width=20,
    ),
    audio_qformer=QFormerSizes(width=24, layers=2, heads=3, mlp=48, cross_every=1, queries=2, input_width=20),
    max_frames=32,
    max_clips=8,
    language_width=64,
)

Tensors = dict[Role, dict[str, Tensor]]


def made_encoders(sizes: Sizes = TINY, seed: int = 7) -> Encoders:
    """Encoders in which every number is random, biases and norms too, so that nothing can be left out unnoticed."""
    encoders = Encoders(sizes)
    random = torch.Generator().manual_seed(seed)
    for name, value in encoders.named_parameters():
        value.data = 0.3 * torch.randn(value.shape, generator=random) + (1.0 if "norm" in name.lower() else 0.0)
    encoders.audio_trunk.log_scale.data.fill_(20.0).log_()
    return encoders.requires_grad_(requires_grad=False)


def original_tensors(encoders: Encoders) -> Tensors:
    """The tensors of encoders as the original's files hold them, with the buffer that nobody needs."""
    found: Tensors = {role: {} for role in Role}
    for name, tensor in encoders.state_dict().items():
        came = origin(name)
        for key, part in zip(came.keys, tensor.chunk(len(came.keys)) if len(came.keys) > 1 else [tensor], strict=True):
            if key is not None:
                found[came.role][key] = part.clone()
    for role, key in UNUSED.items():
        found[role][key] = torch.arange(512)[None]
    return found


def without_key_bias(encoders: Encoders) -> Encoders:
    """The same encoders as a file can hold them: the image encoder's keys have no bias."""
    for name, value in encoders.named_parameters():
        if name.endswith("self_attn.qkv.bias"):
            value.data.chunk(3)[1].zero_()
    return encoders


def written_config(sizes: Sizes) -> dict[str, dict[str, int]]:
    """What a `config.json` beside checkpoints of unusual widths has to say."""
    return {
        "vit": {"num_heads": sizes.vision.heads, "depth": sizes.vision.layers},
        "image_qformer": {"num_attention_heads": sizes.image_qformer.heads},
        "video_qformer": {"num_attention_heads": sizes.video_qformer.heads},
        "imagebind_audio": {"num_heads": sizes.audio.heads},
        "audio_qformer": {"num_attention_heads": sizes.audio_qformer.heads},
    }


def write_checkpoints(folder: Path, tensors: Tensors, sizes: Sizes = TINY) -> Path:
    """Write the files under their published names: Video-LLaMA's own as a training run leaves them, the others flat."""
    folder.mkdir(parents=True, exist_ok=True)
    for role, held in tensors.items():
        whole: dict[str, Any] = held
        if role in {Role.VIDEO, Role.AUDIO, Role.BLIP2}:
            moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.randn(5)}}
            whole = {"model": held, "optimizer": {"state": moments, "param_groups": [{"lr": 1e-4}]}, "epoch": 2}
        torch.save(whole, folder / SOURCES[role].name)
    (folder / "config.json").write_text(json.dumps(written_config(sizes)))
    return folder


def write_safetensors(folder: Path, tensors: Tensors, sizes: Sizes = TINY) -> Path:
    """Write the same tensors as safetensors files."""
    folder.mkdir(parents=True, exist_ok=True)
    for role, held in tensors.items():
        save_file(held, (folder / SOURCES[role].name).with_suffix(".safetensors"))
    (folder / "config.json").write_text(json.dumps(written_config(sizes)))
    return folder


def video_stages(encoders: Encoders, pixels: Tensor) -> dict[str, Tensor]:
    """Every stage from pixels [M, 3, H, W] to the language model's tokens, by the names of the golden outputs."""
    with _watched(encoders) as seen:
        frames = encoders.encode_frames(pixels)
        tokens = encoders.video_tokens(frames)
    stages = {
        "vit_embeddings": seen["vision.embeddings"],
        "vit": seen["vision.encoder"],
        "ln_vision": seen["vision.post_layernorm"],
        "image_qformer": frames,
        "frames_plus_position": seen["video_qformer.given"],
        "video_qformer": seen["video_qformer"],
        "llama_proj": tokens,
    }
    stages |= {f"vit_block{n}": seen[f"vision.encoder.layers.{n}"] for n in range(encoders.sizes.vision.layers)}
    layers = range(encoders.sizes.image_qformer.layers)
    return stages | {f"image_qformer_layer{n}": seen[f"image_qformer.encoder.layer.{n}"] for n in layers}


def audio_stages(encoders: Encoders, mel: Tensor) -> dict[str, Tensor]:
    """Every stage from mel [S, 1, 128, 204] to the language model's tokens, by the names of the golden outputs."""
    with _watched(encoders) as seen:
        clips = encoders.encode_clips(mel)
        tokens = encoders.audio_tokens(clips)
    return {
        "imagebind_tokens": seen["audio_trunk.stem"],
        "imagebind_trunk": seen["audio_trunk.blocks"],
        "imagebind_head_linear": seen["audio_trunk.head"],
        "imagebind_feature": clips[None],
        "audio_plus_position": seen["audio_qformer.given"],
        "audio_qformer": seen["audio_qformer"],
        "audio_llama_proj": tokens,
    }


@contextmanager
def _watched(encoders: Encoders) -> Iterator[Mapping[str, Tensor]]:
    """The first output of every module by its name, and what the Q-Formers were given to look at."""
    seen: dict[str, Tensor] = {}
    handles = []

    def look(name: str, module: nn.Module) -> None:
        def after(_: nn.Module, __: object, kwargs: Mapping[str, Tensor], output: object) -> None:
            tensor = output if isinstance(output, Tensor) else getattr(output, "last_hidden_state", None)
            if tensor is not None:
                seen.setdefault(name, tensor)
            if "encoder_hidden_states" in kwargs:
                seen.setdefault(f"{name}.given", kwargs["encoder_hidden_states"])

        handles.append(module.register_forward_hook(after, with_kwargs=True))

    for name, module in encoders.named_modules():
        look(name, module)
    yield seen
    for handle in handles:
        handle.remove()
