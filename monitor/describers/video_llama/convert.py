"""One folder out of Video-LLaMA's many files: only what is used, as safetensors, with where it came from.

The tensors keep the names they have in the original files, behind the role of the file they came from.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import file_digest
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from configs.errors import ConfigError, ModelUnavailable
from monitor.describers.video_llama.files import CONVERTED, LICENCE_NOTICE, METADATA, Files, find_files
from monitor.describers.video_llama.loading import FORMAT, Opened, open_files

LICENCES: Final = f"""\
These files were converted from published ones, whose licences still bind whoever uses them.

{LICENCE_NOTICE}.

Video-LLaMA's branches (DAMO-NLP-SG): research preview, non-commercial use only.
ImageBind (Meta): CC BY-NC-SA 4.0.
EVA-CLIP ViT-g and BLIP-2's Q-Former, as LAVIS publishes them (Salesforce): BSD 3-Clause.
The language model: LLaMA's or Llama 2's community licence (Meta); Vicuna's deltas are under LLaMA's.
"""

_MARGIN: Final = 64 * 2**20
"""Space that is left free on the disk (bytes)."""

Report = Callable[[str], None]


def convert(folder: Path, out: Path, *, half: bool = False, link: bool = False, report: Report) -> None:
    """Write `out`: `encoders.safetensors` and the language model's folder.

    Nothing is left behind where it fails, and `out` appears only when it is complete.

    Args:
        folder: The original files.
        out: A folder that is not there yet.
        half: Store every number of the encoders in 16 bits, instead of as it was published.
        link: Link to the language model's folder instead of copying it.
        report: Takes a line for each step.

    Raises:
        ConfigError: a file is missing or wrong, `out` is there, or the disk is too small.
        ModelUnavailable: a file cannot be read or written.
    """
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} is already there: name a folder that is not, or remove it first")
    files = find_files(folder)
    if files.converted is not None:
        raise ConfigError(f"{folder} is converted already: name the folder with the original files")
    opened = open_files(files)
    copied = [] if link else _language_files(files)
    _fits_disk(out.parent, _encoder_bytes(opened, half=half) + sum(path.stat().st_size for path in copied))
    with _complete_or_nothing(out) as building:
        licences = building / "LICENCES.txt"
        licences.write_text(LICENCES, "utf-8")
        _write_encoders(files, opened, building / CONVERTED, half=half, report=report)
        # The library makes it readable by its owner alone, whatever else the folder's files are.
        shutil.copymode(licences, building / CONVERTED)
        _take_language(files, copied, building, link=link, report=report)
    report(f"{out} is complete: set video_llama.folder to it")


def _write_encoders(files: Files, opened: Opened, path: Path, *, half: bool, report: Report) -> None:
    sources = {}
    for source in files.checkpoints.values():
        report(f"{source.name}: reading {_size(source.stat().st_size)} for its digest")
        with source.open("rb") as file:
            sources[source.name] = file_digest(file, "sha256").hexdigest()
    tensors = {
        f"{role}/{key}": _stored(opened.checkpoints[role].read(key), f"{files.checkpoints[role]}: {key}", half=half)
        for role, wanted in opened.wanted.items()
        for key in wanted
    }
    metadata = {
        "format": FORMAT,
        "sizes": asdict(opened.empty.sizes),
        "sources": sources,
        "precision": "float16" if half else "as published",
        "licence": LICENCES,
    }
    report(f"{path.name}: writing {_size(sum(tensor.nbytes for tensor in tensors.values()))}")
    try:
        save_file(tensors, path, {METADATA: json.dumps(metadata)})
    except SafetensorError as error:
        raise ModelUnavailable(f"cannot write {path}: {error}") from error


def _stored(tensor: Tensor, name: str, *, half: bool) -> Tensor:
    if not half or not tensor.is_floating_point():
        return tensor.contiguous()
    short = tensor.to(torch.float16)
    if not bool(torch.isfinite(short).all()):
        raise ConfigError(f"{name} does not fit into 16 bits: convert without --fp16")
    return short.contiguous()


def _encoder_bytes(opened: Opened, *, half: bool) -> int:
    def size(tensor: Tensor) -> int:
        return tensor.numel() * (2 if half else tensor.element_size())

    return sum(size(opened.checkpoints[role].read(key)) for role, wanted in opened.wanted.items() for key in wanted)


def _language_files(files: Files) -> list[Path]:
    """What a language model's folder holds, without a second copy of the weights in another form."""
    if files.language is None:
        return []
    ours = set(files.checkpoints.values())
    there = sorted(path for path in files.language.iterdir() if path.is_file() and path not in ours)
    if any(path.suffix == ".safetensors" for path in there):
        there = [path for path in there if path.suffix not in {".bin", ".pth", ".pt"}]
    return there


def _take_language(files: Files, copied: list[Path], building: Path, *, link: bool, report: Report) -> None:
    if files.language is None:
        report(f"no language model in {files.folder}: put its folder into the new one before it is used")
        return
    place = building / ("language" if files.language == files.folder else files.language.name)
    if link:
        place.symlink_to(files.language.resolve(), target_is_directory=True)
        report(f"{place.name}: linked to {files.language.resolve()}")
        return
    place.mkdir()
    for path in copied:
        report(f"{place.name}/{path.name}: copying {_size(path.stat().st_size)}")
        shutil.copyfile(path, place / path.name)


def _fits_disk(parent: Path, needed: int) -> None:
    if not parent.is_dir():
        raise ConfigError(f"{parent} is no folder: make it first, or name another place")
    free = shutil.disk_usage(parent).free
    if free < needed + _MARGIN:
        raise ConfigError(
            f"{parent} has {_size(free)} free, {_size(needed + _MARGIN)} are needed: name another disk, "
            "or use --fp16 or --link"
        )


@contextmanager
def _complete_or_nothing(out: Path) -> Iterator[Path]:
    """A folder to build in, which becomes `out` at the end; it is removed when anything goes wrong."""
    building = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        building.mkdir()
        yield building
        building.rename(out)
    except OSError as error:
        raise ModelUnavailable(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
