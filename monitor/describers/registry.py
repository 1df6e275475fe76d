"""Describers by the name used in settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from configs.errors import ConfigError
from configs.settings import Settings
from monitor.describers.base import Describer
from monitor.describers.cues import CuesDescriber

DESCRIBERS: Final[dict[str, Callable[[Settings], Describer]]] = {
    "cues": lambda _settings: CuesDescriber(),
}
"""A factory for every name; a factory imports what is heavy only when it is called."""


def make_describer(settings: Settings) -> Describer:
    """Make the describer that the settings name; ConfigError when there is none of that name."""
    factory = DESCRIBERS.get(settings.describer)
    if factory is None:
        raise ConfigError(f"describer {settings.describer} is unknown: choose one of {', '.join(DESCRIBERS)}")
    return factory(settings)
