"""From settings to the destinations they switch on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from configs.errors import ConfigError
from configs.output_settings import OutputSettings
from monitor.outputs.base import Destination

Factory = Callable[[OutputSettings, Mapping[str, str]], Destination | None]
"""Makes a destination of settings and the environment, None where it is switched off; imports what is heavy only
then. Raises `ConfigError` for settings that cannot work."""


def _mqtt(settings: OutputSettings, environ: Mapping[str, str]) -> Destination | None:
    if not settings.mqtt.enabled:
        return None
    from monitor.outputs.mqtt.destination import MqttDestination

    return MqttDestination(settings.mqtt, environ)


def _metrics(settings: OutputSettings, environ: Mapping[str, str]) -> Destination | None:
    if not settings.metrics.enabled:
        return None
    from monitor.outputs.metrics.destination import MetricsDestination

    return MetricsDestination(settings.metrics, environ)


def _web(settings: OutputSettings, environ: Mapping[str, str]) -> Destination | None:
    if not settings.web.enabled:
        return None
    from monitor.outputs.page.destination import PageDestination

    return PageDestination(settings.web, environ)


def _webhook(settings: OutputSettings, environ: Mapping[str, str]) -> Destination | None:
    url = settings.webhook.url
    if url is None:
        return None
    from monitor.outputs.webhook.destination import WebhookDestination

    return WebhookDestination(settings.webhook, url, environ)


DESTINATIONS: Final[dict[str, Factory]] = {
    "mqtt": _mqtt,
    "web": _web,
    "metrics": _metrics,
    "webhook": _webhook,
}
"""A factory for every destination, by the name of its extra."""


def make_destinations(settings: OutputSettings, environ: Mapping[str, str]) -> list[Destination]:
    """The destinations that are switched on; nothing is connected yet.

    Raises:
        ConfigError: settings cannot work, or a package is not installed.
    """
    made = []
    for extra, factory in DESTINATIONS.items():
        try:
            destination = factory(settings, environ)
        except ImportError as error:
            missing = error.name or str(error)
            raise ConfigError(
                f"outputs.{extra}: {missing} is not installed: pip install 'emotion-monitor[{extra}]'"
            ) from None
        if destination is not None:
            made.append(destination)
    return made
