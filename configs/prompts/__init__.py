"""The words models are asked with: one YAML file for each of them beside this module, so that they can be read.

A prompt is part of what a model is here: `prompts_digest` goes into its fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import yaml


@cache
def prompts(name: str) -> Mapping[str, str]:
    """The prompts of `name.yaml` by key, each without its last line end; KeyError for a key that is not there."""
    found = yaml.safe_load(_text(name))
    return MappingProxyType({key: str(value).rstrip("\n") for key, value in found.items()})


@cache
def prompts_digest(name: str) -> str:
    """SHA-256 (hex) of the prompts of `name.yaml` as they are written."""
    return hashlib.sha256(_text(name).encode()).hexdigest()


def _text(name: str) -> str:
    return files("configs").joinpath("prompts", f"{name}.yaml").read_text("utf-8")
