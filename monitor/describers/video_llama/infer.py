"""How large the encoders of a checkpoint are, told by the shapes of its tensors.

Two things are in no shape. How many heads share a width: known for the published widths, else from the file
`config.json` beside the checkpoints. And how deep the image encoder is: BLIP-2 leaves out the last layer of the model
it was taken from, so a file that still holds that layer must not be read to its end.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from configs.errors import ConfigError
from monitor.describers.video_llama.checkpoint import Checkpoint
from monitor.describers.video_llama.files import Role
from monitor.describers.video_llama.keys import Shape
from monitor.describers.video_llama.sizes import (
    AUDIO_STRIDE,
    MEL_BINS,
    MEL_FRAMES,
    REAL_7B,
    AudioSizes,
    QFormerSizes,
    Sizes,
    VisionSizes,
)

_HEADS: Final = {
    REAL_7B.vision.width: REAL_7B.vision.heads,
    REAL_7B.image_qformer.width: REAL_7B.image_qformer.heads,
}
"""Heads by width in the published files; the Q-Formers and the audio trunk are equally wide and have equally many."""


def infer_sizes(checkpoints: Mapping[Role, Checkpoint]) -> Sizes:
    """The sizes of the encoders whose tensors these files hold.

    Raises:
        ConfigError: a tensor that tells a size is missing or has no such shape, or the heads are not known.
    """
    written = _written(checkpoints[Role.VISION].path.parent)
    image = _qformer(checkpoints[Role.BLIP2], "Qformer", "query_tokens", _heads(written, "image_qformer"))
    video = _qformer(checkpoints[Role.VIDEO], "video_Qformer", "video_query_tokens", _heads(written, "video_qformer"))
    audio = _qformer(checkpoints[Role.AUDIO], "audio_Qformer", "audio_query_tokens", _heads(written, "audio_qformer"))
    return Sizes(
        vision=_vision(checkpoints[Role.VISION], written.get("vit", {})),
        image_qformer=image,
        video_qformer=video,
        audio=_audio(checkpoints[Role.IMAGEBIND], written.get("imagebind_audio", {}).get("num_heads")),
        audio_qformer=audio,
        max_frames=_shape(checkpoints[Role.VIDEO], "video_frame_position_embedding.weight", 2)[0],
        max_clips=_shape(checkpoints[Role.AUDIO], "audio_position_embedding.weight", 2)[0],
        language_width=_shape(checkpoints[Role.VIDEO], "llama_proj.weight", 2)[0],
    )


def _vision(file: Checkpoint, written: Mapping[str, Any]) -> VisionSizes:
    width, _, patch_px, _ = _shape(file, "patch_embed.proj.weight", 4)
    patches = _shape(file, "pos_embed", 3)[1] - 1
    known = REAL_7B.vision.layers if width == REAL_7B.vision.width else _layers(file, "blocks")
    return VisionSizes(
        image_px=math.isqrt(max(patches, 1)) * patch_px,
        patch_px=patch_px,
        width=width,
        layers=int(written.get("depth", known)),
        heads=_known_heads(file, width, written.get("num_heads")),
        mlp=_shape(file, "blocks.0.mlp.fc1.weight", 2)[0],
    )


def _qformer(file: Checkpoint, name: str, queries: str, heads: int | None) -> QFormerSizes:
    stem = f"{name}.bert.encoder.layer"
    _, count, width = _shape(file, queries, 3)
    layers = _layers(file, stem)
    looking = [n for n in range(1, layers) if f"{stem}.{n}.crossattention.self.key.weight" in file.shapes]
    return QFormerSizes(
        width=width,
        layers=layers,
        heads=_known_heads(file, width, heads),
        mlp=_shape(file, f"{stem}.0.intermediate_query.dense.weight", 2)[0],
        cross_every=looking[0] if looking else max(layers, 1),
        queries=count,
        input_width=_shape(file, f"{stem}.0.crossattention.self.key.weight", 2)[1],
    )


def _audio(file: Checkpoint, heads: int | None) -> AudioSizes:
    width, _, patch, _ = _shape(file, "modality_preprocessors.audio.rgbt_stem.proj.weight", 4)
    stem = "modality_trunks.audio.blocks"
    return AudioSizes(
        mel_bins=MEL_BINS,
        mel_frames=MEL_FRAMES,
        patch=patch,
        stride=AUDIO_STRIDE,
        width=width,
        layers=_layers(file, stem),
        heads=_known_heads(file, width, heads),
        mlp=_shape(file, f"{stem}.0.mlp.fc1.weight", 2)[0],
        output_width=_shape(file, "modality_heads.audio.2.weight", 2)[0],
    )


def _shape(file: Checkpoint, key: str, dimensions: int) -> Shape:
    shape = file.shapes.get(key)
    if shape is None:
        raise ConfigError(f"{file.path} has no tensor {key}: it is another model's file, or not all of this one's")
    if len(shape) != dimensions or 0 in shape:
        raise ConfigError(
            f"{file.path}: {key} is {list(shape)}, expected {dimensions} dimensions: another model's file"
        )
    return shape


def _layers(file: Checkpoint, stem: str) -> int:
    numbered = re.compile(re.escape(stem) + r"\.(\d+)\.")
    return max((int(found[1]) + 1 for key in file.shapes if (found := numbered.match(key))), default=0)


def _known_heads(file: Checkpoint, width: int, written: int | None) -> int:
    heads = _HEADS.get(width) if written is None else int(written)
    if heads is None or heads < 1 or width % heads:
        raise ConfigError(
            f"{file.path} is {width} wide, as no published checkpoint is: say in {file.path.parent / 'config.json'} "
            "how many heads share that (docs/video-llama.md)"
        )
    return heads


def _heads(written: Mapping[str, Mapping[str, Any]], part: str) -> int | None:
    return written.get(part, {}).get("num_attention_heads")


def _written(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """The parts of a `config.json` about the encoders; a language model's file of that name has none of them."""
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / 'config.json'} cannot be read as JSON: mend or remove it") from error
    return {key: value for key, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}
