"""From checkpoint files to encoders in memory: every tensor checked by name and shape before the first is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from configs.errors import ConfigError, ModelUnavailable
from monitor.describers.video_llama.checkpoint import Checkpoint, open_checkpoint
from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import SOURCES, Files, Role, find_files, read_metadata
from monitor.describers.video_llama.infer import infer_sizes
from monitor.describers.video_llama.keys import Origin, Shape, origin, original_shapes
from monitor.describers.video_llama.sizes import AudioSizes, QFormerSizes, Sizes, VisionSizes

FORMAT = "1"
"""Version of the converted file's layout."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Checked checkpoints, and encoders of their sizes without numbers (on the meta device)."""

    checkpoints: Mapping[Role, Checkpoint]
    empty: Encoders

    @property
    def wanted(self) -> dict[Role, dict[str, Shape]]:
        """The tensors that the encoders are made of, by role and original key."""
        return original_shapes(_shapes(self.empty))


def open_files(files: Files) -> Opened:
    """Open the files and check that each is what its name says and that they belong together.

    Raises:
        ConfigError, ModelUnavailable: as `load_encoders`.
    """
    if files.converted is not None:
        whole = open_checkpoint(files.converted)
        checkpoints = {role: whole.part(f"{role}/") for role in Role}
        sizes = _converted_sizes(files.converted)
    else:
        checkpoints = {role: open_checkpoint(path) for role, path in files.checkpoints.items()}
        for role, checkpoint in checkpoints.items():
            _is_what_it_says(role, checkpoint)
        sizes = infer_sizes(checkpoints)
    try:
        with torch.device("meta"):
            opened = Opened(checkpoints, Encoders(sizes))
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"the files in {files.folder} have sizes that no model can have: {error}") from error
    for role, wanted in opened.wanted.items():
        _has_all(checkpoints[role], wanted)
    _fits_language(files, sizes.language_width)
    return opened


def load_encoders(folder: Path, *, dtype: torch.dtype, device: torch.device | str) -> Encoders:
    """Load the encoders that the files of a folder hold.

    Args:
        folder: The original checkpoints, or what `models convert` made of them.
        dtype: Numbers of the weights in memory.
        device: Where to put them.

    Raises:
        ConfigError: a file is missing, is another one than its name says, or does not belong to the others.
        ModelUnavailable: a file cannot be read, or the memory does not suffice.
    """
    opened = open_files(find_files(folder))
    try:
        tensors = {
            name: _placed(read(opened.checkpoints, origin(name)), dtype, device) for name in opened.empty.state_dict()
        }
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(
            f"not enough memory on {device} for Video-LLaMA's encoders: free some, or set video_llama.device"
        ) from error
    opened.empty.load_state_dict(tensors, assign=True)
    return opened.empty.requires_grad_(requires_grad=False)


def read(checkpoints: Mapping[Role, Checkpoint], came: Origin) -> Tensor:
    """Read the tensor of ours that `came` from these parts, as it is in the file."""
    file = checkpoints[came.role]
    parts = [None if key is None else file.read(key) for key in came.keys]
    some = next(part for part in parts if part is not None)
    return some if len(parts) == 1 else torch.cat([torch.zeros_like(some) if part is None else part for part in parts])


def _placed(tensor: Tensor, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """A copy even where nothing changes: a mapped file that is written to later would change the model."""
    # The one number that is alone is the logarithm of a length: in 16 bits 20 would become 20.09.
    return tensor.to(device=device, dtype=dtype if tensor.dim() else torch.float32, copy=True)


def _shapes(encoders: Encoders) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in encoders.state_dict().items()}


def _is_what_it_says(role: Role, file: Checkpoint) -> None:
    if SOURCES[role].mark in file.shapes:
        return
    for other in Role:
        if SOURCES[other].mark in file.shapes:
            raise ConfigError(
                f"{file.path} holds {SOURCES[other].what}, not {SOURCES[role].what}: swap the names of the two files "
                "or put the right one there"
            )
    raise ConfigError(
        f"{file.path} is not {SOURCES[role].what}: it has no tensor {SOURCES[role].mark}; take {SOURCES[role].name} "
        f"({SOURCES[role].origin})"
    )


def _has_all(file: Checkpoint, wanted: Mapping[str, Shape]) -> None:
    for key, shape in wanted.items():
        found = file.shapes.get(key)
        if found is None:
            raise ConfigError(f"{file.path} has no tensor {key}: it is another model's file, or not all of this one's")
        if found != shape:
            raise ConfigError(
                f"{file.path}: {key} is {list(found)}, expected {list(shape)}: the files do not belong together"
            )


def _fits_language(files: Files, width: int) -> None:
    if files.language is None:
        return
    found = json.loads((files.language / "config.json").read_text("utf-8"))["hidden_size"]
    if found != width:
        raise ConfigError(
            f"the checkpoints in {files.folder} speak to a language model that is {width} wide, {files.language.name} "
            f"is {found}: 7B is 4096, 13B is 5120; take the one that they were made with"
        )


def _converted_sizes(path: Path) -> Sizes:
    metadata = read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise ConfigError(
            f"{path} was written in format {metadata.get('format', 'unknown')}, this version reads {FORMAT}: "
            "convert the original files again"
        )
    try:
        found = dict(metadata["sizes"])
        return Sizes(
            vision=VisionSizes(**found.pop("vision")),
            image_qformer=QFormerSizes(**found.pop("image_qformer")),
            video_qformer=QFormerSizes(**found.pop("video_qformer")),
            audio=AudioSizes(**found.pop("audio")),
            audio_qformer=QFormerSizes(**found.pop("audio_qformer")),
            **found,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} does not say its sizes: convert the original files again") from error
