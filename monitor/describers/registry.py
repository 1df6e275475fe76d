"""Describers by the name used in settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from configs.settings import Settings
from monitor.describers.base import Describer


def _cues(_settings: Settings) -> Describer:
    from monitor.describers.cues import CuesDescriber

    return CuesDescriber()


def _openai(settings: Settings) -> Describer:
    from monitor.describers.cues import CuesDescriber
    from monitor.describers.openai.describer import OpenAIDescriber
    from monitor.describers.standin import WithStandIn

    return WithStandIn(OpenAIDescriber(settings), CuesDescriber())


def _video_llama(settings: Settings) -> Describer:
    from monitor.describers.video_llama.describer import VideoLlamaDescriber

    return VideoLlamaDescriber(settings)


def _transformers(settings: Settings) -> Describer:
    from monitor.describers.transformers.describer import TransformersDescriber

    return TransformersDescriber(settings)


DESCRIBERS: Final[dict[str, Callable[[Settings], Describer]]] = {
    "cues": _cues,
    "openai": _openai,
    "transformers": _transformers,
    "video_llama": _video_llama,
}
"""A factory for every name; a factory imports what is heavy only when it is called."""


def make_describer(settings: Settings) -> Describer:
    """Make the describer that the settings name.

    Raises:
        ConfigError: its settings are incomplete.
        ModelUnavailable: a package it needs is not installed.
    """
    name = settings.describer
    if name == "auto":
        name = "cues" if settings.mllm.url is None else "openai"
    return DESCRIBERS[name](settings)
