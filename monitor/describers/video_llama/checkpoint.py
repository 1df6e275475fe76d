"""Reading tensors out of a checkpoint file, whatever its kind, without running what it holds or reading it whole."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from configs.errors import ModelUnavailable
from monitor.describers.video_llama.keys import Shape

_ZIP: Final = b"PK\x03\x04"
_CUT: Final = "is no checkpoint or is cut short: copy or download it again"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors by key: their shapes are known, their numbers are read when asked for."""

    path: Path
    shapes: Mapping[str, Shape]
    read: Callable[[str], Tensor]

    def part(self, prefix: str) -> Checkpoint:
        """The tensors whose keys begin with `prefix`, called by the rest of their keys."""
        shapes = {key.removeprefix(prefix): shape for key, shape in self.shapes.items() if key.startswith(prefix)}
        return Checkpoint(self.path, shapes, lambda key: self.read(prefix + key))


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a `.safetensors` file or one of `torch.save`, of which only tensors and plain containers are accepted.

    Of a training checkpoint only what is under "model" is taken, without the state of its optimiser.

    Raises:
        ModelUnavailable: the file cannot be read, is none, is cut short, or would run code.
    """
    try:
        return _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except OSError as error:
        raise ModelUnavailable(f"cannot read {path}: {error.strerror or error}") from error


def _safetensors(path: Path) -> Checkpoint:
    try:
        file: Any = safe_open(path, framework="pt")
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ModelUnavailable(f"{path} {_CUT}") from error
    return Checkpoint(path, shapes, file.get_tensor)


def _pickled(path: Path) -> Checkpoint:
    with path.open("rb") as file:
        # What is mapped is read only where it is used: of ImageBind's 4.8 GB that is 0.35. Old files have no such form.
        mapped = file.read(len(_ZIP)) == _ZIP
    try:
        with warnings.catch_warnings():
            # What torch doubts about a file it either reads or refuses; both are told here.
            warnings.simplefilter("ignore")
            found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except UnpicklingError as error:
        if "Unsupported global" in str(error) or "Unsupported class" in str(error):
            raise ModelUnavailable(
                f"{path} holds code beside its tensors and was not opened: take the published file, or save its "
                "tensors as safetensors where you trust it"
            ) from error
        raise ModelUnavailable(f"{path} {_CUT}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise ModelUnavailable(f"{path} {_CUT}") from error
    except OSError as error:
        # A zip file without its end is looked into before its beginning.
        if error.errno == errno.EINVAL:
            raise ModelUnavailable(f"{path} {_CUT}") from error
        raise
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        found = found["model"]
    if not isinstance(found, Mapping):
        raise ModelUnavailable(f"{path} holds no tensors by name: it is not one of Video-LLaMA's checkpoints")
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    return Checkpoint(path, {key: tuple(value.shape) for key, value in tensors.items()}, tensors.__getitem__)
