"""The files of Video-LLaMA in the user's folder: which is which, and what to say when one is missing or wrong.

Nothing here reads a weight or needs the extra `models`; `loading` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from configs.errors import ConfigError, ModelUnavailable

CONVERTED: Final = "encoders.safetensors"
"""The one file that `models convert` writes; the language model lies in a folder beside it."""

METADATA: Final = "video_llama"
"""The one entry of its metadata, a JSON object: several would stand in another order each time they are written."""

LICENCE_NOTICE: Final = (
    "Video-LLaMA's weights are a research preview for non-commercial use only; ImageBind's are CC BY-NC-SA 4.0, "
    "LLaMA's have Meta's community licence"
)
"""Printed once by whoever loads the files."""

_LONGEST_HEAD: Final = 100_000_000
"""The safetensors format's own limit (bytes)."""

_SUFFIXES: Final = (".pth", ".pt", ".bin", ".safetensors")


class Role(StrEnum):
    """What a checkpoint file is for."""

    VISION = "vision"
    BLIP2 = "blip2"
    VIDEO = "video"
    AUDIO = "audio"
    IMAGEBIND = "imagebind"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file of a role comes from: what it is, its usual name, names it is known by, the tensor only it has."""

    what: str
    name: str
    patterns: tuple[str, ...]
    origin: str
    mark: str


SOURCES: Final[Mapping[Role, Source]] = MappingProxyType(
    {
        Role.VISION: Source(
            "the image encoder (EVA ViT-g)",
            "eva_vit_g.pth",
            ("*eva_vit*",),
            "storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2",
            "patch_embed.proj.weight",
        ),
        Role.BLIP2: Source(
            "BLIP-2's image Q-Former",
            "blip2_pretrained_flant5xxl.pth",
            ("*blip2*",),
            "storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2",
            "query_tokens",
        ),
        Role.VIDEO: Source(
            "Video-LLaMA's video branch",
            "VL_LLaMA_2_7B_Finetuned.pth",
            ("vl_*", "finetune-*", "pretrain-*", "pretrained-*", "checkpoint_vl*"),
            "Hugging Face, DAMO-NLP-SG/Video-LLaMA-2-7B-Finetuned",
            "video_query_tokens",
        ),
        Role.AUDIO: Source(
            "Video-LLaMA's audio branch",
            "AL_LLaMA_2_7B_Finetuned.pth",
            ("al_*", "*audiobranch*", "checkpoint_al*"),
            "Hugging Face, DAMO-NLP-SG/Video-LLaMA-2-7B-Finetuned",
            "audio_query_tokens",
        ),
        Role.IMAGEBIND: Source(
            "ImageBind",
            "imagebind_huge.pth",
            ("*imagebind*",),
            "dl.fbaipublicfiles.com/imagebind",
            "modality_preprocessors.audio.cls_token",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Files:
    """What a folder holds: either `converted`, or one checkpoint for every role; and maybe the language model."""

    folder: Path
    converted: Path | None
    checkpoints: Mapping[Role, Path]
    language: Path | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names that tell the variant (prompt style): those of the checkpoints and of the language model's folder.

        Of a converted folder, the names that its files had before.
        """
        found = [path.name for path in self.checkpoints.values()]
        if self.converted is not None:
            found += read_metadata(self.converted).get("sources", {})
        return (*found, *([] if self.language is None else [self.language.name]))

    def language_folder(self) -> Path:
        """The language model's folder; ConfigError says where one comes from when there is none."""
        if self.language is None:
            raise ConfigError(
                f"no language model in {self.folder}: put its folder there (config.json, weights and tokenizer of "
                "Llama-2-7b-chat-hf, or of the Vicuna that the checkpoints were made with)"
            )
        return self.language


def find_files(folder: Path) -> Files:
    """Find the files of Video-LLaMA in a folder or in the folders directly in it, by their published names.

    Raises:
        ConfigError: the folder is not there, a file is missing, or two could be the same thing.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: name the one that holds Video-LLaMA's files (video_llama.folder)")
    try:
        language = _language(folder)
        there = list(_candidates(folder, language))
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}; video_llama.folder names it") from error
    converted = folder / CONVERTED
    if converted.is_file():
        return Files(folder, converted, MappingProxyType({}), language)
    return Files(folder, None, MappingProxyType({role: _only(role, there, folder) for role in Role}), language)


def read_metadata(path: Path) -> dict[str, Any]:
    """What `models convert` wrote at the head of its file beside the tensors, empty for another safetensors file.

    Raises:
        ModelUnavailable: the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(min(length, _LONGEST_HEAD)))
        return dict(json.loads(head.get("__metadata__", {}).get(METADATA, "{}")))
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"{path} is no safetensors file or is cut short: convert or copy it again") from error
    except OSError as error:
        raise ModelUnavailable(f"cannot read {path}: {error.strerror}") from error


def _language(folder: Path) -> Path | None:
    """The folder whose config.json is that of a language model: this one or one directly in it."""
    found = [path for path in (folder, *_subfolders(folder)) if _is_language(path)]
    if len(found) > 1:
        raise ConfigError(f"two language models in {folder}: {found[0].name} and {found[1].name}; leave one")
    return found[0] if found else None


def _is_language(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "model_type" in config and "hidden_size" in config


def _candidates(folder: Path, language: Path | None) -> Iterator[Path]:
    for place in (folder, *_subfolders(folder)):
        if place == language and place != folder:
            continue
        yield from (path for path in sorted(place.iterdir()) if path.suffix in _SUFFIXES and path.is_file())


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _only(role: Role, there: list[Path], folder: Path) -> Path:
    source = SOURCES[role]
    found = [path for path in there if any(fnmatchcase(path.name.lower(), pattern) for pattern in source.patterns)]
    if role is Role.VIDEO:
        # "finetune_vicuna7b_audiobranch" and its kin are the audio branch whatever else their names say.
        found = [path for path in found if "audiobranch" not in path.name.lower()]
    if not found:
        raise ConfigError(
            f"{source.what} is missing in {folder}: put {source.name} there ({source.origin}; see docs/video-llama.md)"
        )
    if len(found) > 1:
        names = " and ".join(str(path.relative_to(folder)) for path in found)
        raise ConfigError(f"{names} in {folder} could each be {source.what}: leave one")
    return found[0]
