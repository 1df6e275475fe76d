"""A model's folder on disk, read into memory: whole, from safetensors only, and never from the network."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import TransformersSettings
from monitor.describers.transformers.families import Family, Layout, find_family
from monitor.describers.transformers.prompt import Frame, chat_frame
from monitor.describers.worker import pick_device, pick_dtype, spare_cores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAMPLE_BYTES: Final = 1 << 20
"""How much of either end of a weights file goes into its fingerprint: to read all of it would take minutes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to be asked. `ends` are the tokens that end an answer, `places` the most it can read."""

    family: Family
    model: Any
    tokenizer: PreTrainedTokenizerBase
    frame: Frame
    layout: Layout
    device: torch.device
    dtype: torch.dtype
    ends: tuple[int, ...]
    places: int
    parameters: int


def load(settings: TransformersSettings, folder: Path) -> Loaded:
    """Load the model of a folder that `weights` has found complete, to be called in the model's thread.

    Raises:
        ConfigError: the device or the number type cannot be had, or the family is unknown.
        ModelUnavailable: a file is missing or damaged, or the memory does not suffice.
    """
    import transformers
    from transformers import AutoConfig, AutoTokenizer

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    family = find_family(model_type(folder), folder)
    if settings.precision == "int8":
        raise ConfigError("transformers.precision: int8 is not offered for these models; take auto, bf16 or fp16")
    device = pick_device(settings.device, "transformers.device")
    dtype = pick_dtype(settings.precision, device)
    spare_cores(device)
    with readable(folder), enough_memory(device):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, found = getattr(transformers, family.model_class).from_pretrained(
            folder,
            dtype=dtype,
            device_map={"": device},
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _complete(folder, found)
    model.eval()
    inner = getattr(config, "thinker_config", config)
    return Loaded(
        family=family,
        model=model,
        tokenizer=tokenizer,
        frame=chat_frame(tokenizer),
        layout=family.layout(folder, inner),
        device=device,
        dtype=dtype,
        ends=_ends(model, tokenizer),
        places=int(inner.get_text_config().max_position_embeddings),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def model_type(folder: Path) -> str:
    """What config.json calls the model. Raises `ConfigError` without one, `ModelUnavailable` if it is damaged."""
    path = folder / "config.json"
    if not folder.is_dir():
        raise ConfigError(f"transformers.folder: there is no folder {folder}")
    if not path.is_file():
        raise ConfigError(f"transformers.folder: {folder} holds no model: there is no config.json in it")
    try:
        found = json.loads(path.read_text("utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelUnavailable(f"{path} cannot be read as a model's settings: fetch the folder anew") from None
    return str(found)


def weights(folder: Path) -> tuple[Path, ...]:
    """The weights files of a folder, all there. Raises `ModelUnavailable` that names the first one missing."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        found = tuple(sorted(folder.glob("*.safetensors")))
        if not found:
            raise ModelUnavailable(f"{folder} holds no weights: there is no *.safetensors in it")
        return found
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        files = tuple(folder / name for name in names)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise ModelUnavailable(f"{index} cannot be read: fetch the folder anew") from None
    for path in files:
        if not path.is_file():
            raise ModelUnavailable(f"{path} is missing, one of {len(files)} weights files: fetch the folder anew")
    return files


@contextlib.contextmanager
def enough_memory(device: torch.device) -> Iterator[None]:
    """Turn a lack of memory into one line (`ModelUnavailable`)."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise _too_small(device) from None
    except RuntimeError as error:
        # the allocators of the CPU and of some drivers say so only in words
        if "alloc" not in str(error) and "out of memory" not in str(error):
            raise
        raise _too_small(device) from None


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turn what the library says of a damaged folder into one line (`ModelUnavailable`)."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]
        raise ModelUnavailable(f"the model in {folder} cannot be loaded ({said}): fetch the folder anew") from None


def _complete(folder: Path, found: Mapping[str, Any]) -> None:
    """Refuse weights that leave tensors random: the library would only warn of them."""
    lacking = sorted(found["missing_keys"])
    odd = sorted(name for name, *_ in found["mismatched_keys"])
    if lacking:
        what = f"the weights lack {len(lacking)} tensors, such as {lacking[0]}"
    elif odd:
        what = f"{len(odd)} tensors have another size than config.json says, such as {odd[0]}"
    else:
        return
    raise ModelUnavailable(f"{folder}: {what}: the files are of different models, fetch the folder anew")


def _too_small(device: torch.device) -> ModelUnavailable:
    where = "this computer's memory" if device.type == "cpu" else f"the memory of {device}"
    return ModelUnavailable(
        f"{where} is too small for this model: fewer frames (windows.frames), a smaller precision or another device"
    )


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The ids that end an answer: the model's, the tokenizer's, and ChatML's mark where it is one token."""
    own = model.generation_config.eos_token_id
    mark = tokenizer.encode(_TURN_END, add_special_tokens=False, split_special_tokens=False)
    ends = {
        *(own if isinstance(own, list) else [own]),
        tokenizer.eos_token_id,
        mark[0] if len(mark) == 1 else None,
    }
    return tuple(sorted(end for end in ends if end is not None))


_TURN_END: Final = "<|im_end|>"
