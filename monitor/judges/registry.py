"""Judges by the name used in settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from configs.errors import ConfigError
from configs.settings import Settings
from monitor.judges.base import Judge
from monitor.judges.cues import CuesJudge

JUDGES: Final[dict[str, Callable[[Settings], Judge]]] = {
    "cues": lambda _settings: CuesJudge(),
}
"""A factory for every name; a factory imports what is heavy only when it is called."""


def make_judge(settings: Settings) -> Judge:
    """Make the judge that the settings name; ConfigError when there is none of that name."""
    factory = JUDGES.get(settings.judge)
    if factory is None:
        raise ConfigError(f"judge {settings.judge} is unknown: choose one of {', '.join(JUDGES)}")
    return factory(settings)
