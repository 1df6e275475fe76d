"""What Home Assistant is told of a stream: one device with its entities (MQTT device discovery, 2024.11 and later)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from configs.taxonomy import taxonomy
from monitor.judges.base import Label
from monitor.outputs.mqtt.topics import OFFLINE, ONLINE, StreamTopics, Topics
from monitor.outputs.public import Payload, event_type
from monitor.snapshot import EstimateLabel

REMOVED: Final = b""
"""Published, retained, where a stream was told of: its device goes, with all entities."""

_NAME: Final = "emotion-monitor"

_EXPIRES_AFTER: Final = 4
"""Heartbeats without which a value is shown no longer; three may be lost on the way."""

_ATTRIBUTES: Final = ("interval", "windows", "judged", "abstained", "calibrated", "heuristic", "degraded", "session")
"""What of the state the estimate shows beside itself. Nothing that moves with each heartbeat: Home Assistant would
keep a row of all of it every time."""

_QOS: Final = 1
"""In every component: what stands at the root, Home Assistant 2025.4 does not hand on."""

_PLATFORMS: Final = {
    "estimate": "sensor",
    "p_positive": "sensor",
    "p_low": "sensor",
    "p_high": "sensor",
    "current": "sensor",
    "current_p_positive": "sensor",
    "confidence": "sensor",
    "nfbl_rate": "sensor",
    "stale": "binary_sensor",
    "source": "binary_sensor",
    "nfbl": "event",
    "verdict": "event",
    "enabled": "switch",
    "preview_switch": "switch",
    "preview": "image",
    "lag": "sensor",
    "fps": "sensor",
}
"""Every component there can be."""


def discovery_payload(
    stream: str,
    *,
    topics: Topics,
    version: str,
    pausable: bool,
    preview: bool,
    commands: bool,
    heartbeat_s: float,
    stats_s: float,
) -> Payload:
    """The message that tells of one stream.

    Args:
        stream: Its name.
        topics: Of this installation.
        version: Of emotion-monitor.
        pausable: Whether its capture can be paused.
        preview: Whether masked pictures are published from the start.
        commands: Whether switches are obeyed.
        heartbeat_s: Period of the state (s).
        stats_s: Period of the figures of health (s).
    """
    of = topics.stream(stream)
    components = {
        **_estimates(of, expires_s=_expires_s(heartbeat_s)),
        **_events(of),
        **_health(topics, of, expires_s=_expires_s(stats_s)),
    }
    if commands and pausable:
        components["enabled"] = _switch("Capture", of.enabled_state, of.enabled_set, topics)
    if commands:
        components["preview_switch"] = _switch("Preview", of.preview_state, of.preview_set, topics)
    if commands or preview:
        components["preview"] = _image(topics, of, pausable=pausable)
    device = f"{topics.node}/{stream}"  # neither can hold a slash
    for name, component in components.items():
        component |= {"platform": _PLATFORMS[name], "unique_id": f"{device}/{name}", "qos": _QOS}
    return {
        # No `via_device`: Home Assistant wants the device that it names to be there, and the node is none.
        "device": {
            "identifiers": [device],
            "name": f"Emotion monitor {stream}",
            "model": _NAME,
            "sw_version": version,
        },
        "origin": {"name": _NAME, "sw_version": version},
        "availability": [_available(topics.availability), _available(of.availability)],
        "availability_mode": "all",
        "components": components,
    }


def clearing_payload(payload: Payload) -> Payload:
    """The same message, which also removes the components that are not in it: other settings may have left them.

    Home Assistant keeps a component that merely is not told of any more. Publish this first and not retained, then
    `payload` itself.
    """
    components = payload["components"]
    gone = {name: {"platform": platform} for name, platform in _PLATFORMS.items() if name not in components}
    return {**payload, "components": {**components, **gone}}


def _estimates(of: StreamTopics, *, expires_s: int) -> dict[str, dict[str, Any]]:
    """Entities of the state's topic."""
    labels = [label.value for label in EstimateLabel]
    kept = ", ".join(f"'{name}': value_json.{name}" for name in _ATTRIBUTES)
    probability = {"state_class": "measurement", "suggested_display_precision": 2}
    components: dict[str, dict[str, Any]] = {
        "estimate": {
            "name": "Estimate",
            "device_class": "enum",
            "options": labels,
            "value_template": "{{ value_json.label }}",
            "json_attributes_topic": of.state,
            "json_attributes_template": f"{{{{ {{{kept}}} | tojson }}}}",
        },
        "p_positive": {"name": "Positive", "value_template": "{{ value_json.p_positive }}", **probability},
        "p_low": {"name": "Positive, at least", "value_template": "{{ value_json.interval[0] }}", **probability},
        "p_high": {"name": "Positive, at most", "value_template": "{{ value_json.interval[1] }}", **probability},
        "current": {
            "name": "Current estimate",
            "device_class": "enum",
            "options": labels,
            "value_template": "{{ value_json.current.label }}",
        },
        "current_p_positive": {
            "name": "Current positive",
            "value_template": "{{ value_json.current.p_positive }}",
            **probability,
        },
        "confidence": {
            "name": "Confidence",
            "value_template": "{{ value_json.confidence }}",
            "state_class": "measurement",
            "suggested_display_precision": 1,
        },
        "nfbl_rate": {
            "name": "Body language",
            "value_template": "{{ value_json.nfbl_rate_per_min }}",
            "state_class": "measurement",
            "unit_of_measurement": "1/min",
            "suggested_display_precision": 1,
        },
        "stale": {
            "name": "Estimate stale",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.stale else 'OFF' }}",
        },
    }
    for name in ("p_low", "p_high"):
        components[name]["enabled_by_default"] = False
    for component in components.values():
        component |= {"state_topic": of.state, "expire_after": expires_s}
    return components


def _events(of: StreamTopics) -> dict[str, dict[str, Any]]:
    """Entities that say that something happened, just now: what an earlier run left would be told with a wrong time."""
    classes = [event_type(known.name) for known in taxonomy().classes]
    return {
        "nfbl": {
            "name": "Body language event",
            "state_topic": of.nfbl,
            "event_types": classes,
            # Once for each, at its close: every event has one, and only then its length is known.
            "value_template": "{{ value if value_json.phase == 'close' and not value_json.late else '' }}",
        },
        "verdict": {
            "name": "Verdict",
            "state_topic": of.verdict,
            "event_types": [label.value for label in Label],
            "value_template": "{{ value if not value_json.late else '' }}",
        },
    }


def _health(topics: Topics, of: StreamTopics, *, expires_s: int) -> dict[str, dict[str, Any]]:
    """How it does: told also while the source is lost."""
    stats = {
        "state_topic": topics.stats,
        "state_class": "measurement",
        "suggested_display_precision": 1,
        "expire_after": expires_s,
    }
    figures = f"value_json.streams.get('{of.name}', {{}})"
    components: dict[str, dict[str, Any]] = {
        "source": {
            "name": "Source",
            "device_class": "connectivity",
            "state_topic": of.availability,
            "payload_on": ONLINE,
            "payload_off": OFFLINE,
        },
        "lag": {
            "name": "Lag",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "value_template": f"{{{{ {figures}.get('lag_s') }}}}",
            **stats,
        },
        "fps": {
            "name": "Frame rate",
            "unit_of_measurement": "fps",
            "value_template": f"{{{{ {figures}.get('fps') }}}}",
            **stats,
        },
    }
    for component in components.values():
        component |= {"entity_category": "diagnostic", "availability": [_available(topics.availability)]}
    return components


def _switch(name: str, state: str, command: str, topics: Topics) -> dict[str, Any]:
    """A switch; there also while the source is lost, so that it can be paused before it comes back."""
    return {
        "name": name,
        "state_topic": state,
        "command_topic": command,
        "retain": False,
        "entity_category": "config",
        "availability": [_available(topics.availability)],
    }


def _image(topics: Topics, of: StreamTopics, *, pausable: bool) -> dict[str, Any]:
    """The newest picture; away while none are published, since Home Assistant would go on showing the last one."""
    shown = [of.preview_state, *([of.enabled_state] if pausable else [])]
    switches = [{"topic": topic, "payload_available": "ON", "payload_not_available": "OFF"} for topic in shown]
    return {
        "name": "Preview",
        "image_topic": of.preview,
        "content_type": "image/jpeg",
        "availability": [_available(topics.availability), _available(of.availability), *switches],
    }


def _available(topic: str) -> Mapping[str, str]:
    return {"topic": topic, "payload_available": ONLINE, "payload_not_available": OFFLINE}


def _expires_s(period_s: float) -> int:
    return math.ceil(_EXPIRES_AFTER * period_s)
