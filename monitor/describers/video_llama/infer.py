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

_KNOWN_HEADS: Final = {
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
    vision = _vision(checkpoints[Role.VISION], written.get("vit", {}))
    sound = _audio(checkpoints[Role.IMAGEBIND], written.get("imagebind_audio", {}))
    image = _qformer(checkpoints[Role.BLIP2], "", vision.width, written.get("image_qformer", {}))
    return Sizes(
        vision=vision,
        image_qformer=image,
        video_qformer=_qformer(checkpoints[Role.VIDEO], "video_", image.width, written.get("video_qformer", {})),
        audio=sound,
        audio_qformer=_qformer(checkpoints[Role.AUDIO], "audio_", sound.output_width, written.get("audio_qformer", {})),
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
        layers=depth if isinstance(depth := written.get("depth"), int) else known,
        heads=_heads(file, width, written.get("num_heads")),
        mlp=_shape(file, "blocks.0.mlp.fc1.weight", 2)[0],
    )


def _qformer(file: Checkpoint, prefix: str, input_width: int, written: Mapping[str, Any]) -> QFormerSizes:
    """`input_width` is that of the part before it: where the file disagrees, its tensors are the wrong ones."""
    stem = f"{prefix}Qformer.bert.encoder.layer"
    _, count, width = _shape(file, f"{prefix}query_tokens", 3)
    layers = _layers(file, stem)
    looking = [n for n in range(1, layers) if f"{stem}.{n}.crossattention.self.key.weight" in file.shapes]
    return QFormerSizes(
        width=width,
        layers=layers,
        heads=_heads(file, width, written.get("num_attention_heads")),
        mlp=_shape(file, f"{stem}.0.intermediate_query.dense.weight", 2)[0],
        cross_every=looking[0] if looking else max(layers, 1),
        queries=count,
        input_width=input_width,
    )


def _audio(file: Checkpoint, written: Mapping[str, Any]) -> AudioSizes:
    width, _, patch, _ = _shape(file, "modality_preprocessors.audio.rgbt_stem.proj.weight", 4)
    stem = "modality_trunks.audio.blocks"
    return AudioSizes(
        mel_bins=MEL_BINS,
        mel_frames=MEL_FRAMES,
        patch=patch,
        stride=AUDIO_STRIDE,
        width=width,
        layers=_layers(file, stem),
        heads=_heads(file, width, written.get("num_heads")),
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


def _heads(file: Checkpoint, width: int, written: object) -> int:
    heads = _KNOWN_HEADS.get(width) if written is None else written
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise ConfigError(
            f"{file.path} is {width} wide, as no published checkpoint is: say in {file.path.parent / 'config.json'} "
            "how many heads share that (docs/video-llama.md)"
        )
    return heads


def _written(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """The parts of a `config.json` about the encoders; a language model's file of that name has none of them."""
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / 'config.json'} cannot be read as JSON: mend or remove it") from error
    return {key: value for key, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}
