"""Judges by the name used in settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from configs.settings import Settings
from monitor.judges.base import Judge


def _cues(_settings: Settings) -> Judge:
    from monitor.judges.cues import CuesJudge

    return CuesJudge()


def _openai(settings: Settings) -> Judge:
    from monitor.judges.openai.judge import OpenAIJudge

    return OpenAIJudge(settings)


JUDGES: Final[dict[str, Callable[[Settings], Judge]]] = {"cues": _cues, "openai": _openai}
"""A factory for every name; a factory imports what is heavy only when it is called."""


def make_judge(settings: Settings) -> Judge:
    """Make the judge that the settings name.

    Raises:
        ConfigError: its settings are incomplete.
        ModelUnavailable: a package it needs is not installed.
    """
    name = settings.judge
    if name == "auto":
        name = "cues" if settings.llm.url is None and settings.mllm.url is None else "openai"
    return JUDGES[name](settings)
