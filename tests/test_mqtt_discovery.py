"""What Home Assistant is told, against its documentation (MQTT integration, 2024.11 to 2026): no release that knows
device discovery can be installed beside Python 3.11. The lists of keys below are from there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import jinja2
import jinja2.sandbox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.output_settings import SLUG
from configs.taxonomy import taxonomy
from monitor.outbox import Parcel
from monitor.outputs import public
from monitor.outputs.mqtt.discovery import REMOVED, clearing_payload, discovery_payload
from monitor.outputs.mqtt.topics import Topics
from monitor.outputs.public import Payload
from monitor.reading import Entry
from monitor.records import NfblRecord, SessionRecord, VerdictRecord
from monitor.snapshot import SessionState, Snapshot
from tests.made_journal import SESSION, made_records
from tests.made_snapshot import EMPTY, RUNNING

pytestmark = pytest.mark.unit

NODE, STREAM, TS = "a1b2c3", "interview", "2026-11-22T10:00:00.000Z"
TOPICS = Topics("emotion-monitor", NODE)
OF = TOPICS.stream(STREAM)

ROOT = {"device", "origin", "components", "availability", "availability_mode", "state_topic", "command_topic", "qos"}
DEVICE = {
    "configuration_url",
    "connections",
    "hw_version",
    "identifiers",
    "manufacturer",
    "model",
    "model_id",
    "name",
    "serial_number",
    "suggested_area",
    "sw_version",
    "via_device",
}
ORIGIN = {"name", "sw_version", "support_url"}
AVAILABILITY = {"topic", "payload_available", "payload_not_available", "value_template"}
ENTITY = {
    "platform",
    "availability",
    "availability_mode",
    "enabled_by_default",
    "encoding",
    "entity_category",
    "icon",
    "json_attributes_template",
    "json_attributes_topic",
    "name",
    "qos",
    "unique_id",
}
OWN = {
    "sensor": {
        "device_class",
        "expire_after",
        "force_update",
        "last_reset_value_template",
        "options",
        "state_class",
        "state_topic",
        "suggested_display_precision",
        "unit_of_measurement",
        "value_template",
    },
    "binary_sensor": {
        "device_class",
        "expire_after",
        "force_update",
        "off_delay",
        "payload_off",
        "payload_on",
        "state_topic",
        "value_template",
    },
    "event": {"device_class", "event_types", "state_topic", "value_template"},
    "switch": {
        "command_topic",
        "device_class",
        "optimistic",
        "payload_off",
        "payload_on",
        "retain",
        "state_off",
        "state_on",
        "state_topic",
        "value_template",
    },
    "image": {"content_type", "image_encoding", "image_topic", "url_template", "url_topic"},
}
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "switch": {"command_topic"},
    "image": {"image_topic"},
}
DEVICE_CLASSES = {"sensor": {"enum", "duration"}, "binary_sensor": {"problem", "connectivity"}}
"""Those of the documented ones that are used."""
UNITS = {"duration": {"d", "h", "min", "s", "ms", "µs"}}

NAMES = {known.id: known.name for known in taxonomy().classes}

JSON_TOPICS = {OF.state, OF.nfbl, OF.verdict, TOPICS.stats}
WORD_TOPICS = {TOPICS.availability, OF.availability, OF.enabled_state, OF.preview_state}

VARIANTS = [
    pytest.param(dict(zip(("pausable", "preview", "commands"), which, strict=True)), id=",".join(map(str, which)))
    for which in product((False, True), repeat=3)
]


def told(stream: str = STREAM, *, topics: Topics = TOPICS, heartbeat_s: float = 15.0, **others: bool) -> Payload:
    given: dict[str, Any] = {"pausable": True, "preview": True, "commands": True, **others}
    return discovery_payload(stream, topics=topics, version="0.1.0", heartbeat_s=heartbeat_s, stats_s=30.0, **given)


def components(payload: Payload) -> list[tuple[str, dict[str, Any]]]:
    return list(payload["components"].items())


def snapshots() -> list[Snapshot]:
    """From the first, of which little is known, to one with everything, and one that fares badly."""
    return [EMPTY, RUNNING, replace(RUNNING, state=SessionState.LOST, overall=replace(RUNNING.overall, stale=True))]


def messages(topic: str, stream: str = STREAM) -> list[Payload]:
    """What is really published there."""
    if topic == OF.state:
        return [public.estimate_payload(snapshot, stream, TS) for snapshot in snapshots()]
    if topic == TOPICS.stats:
        known = [public.stats_payload({stream: snapshot, "other": EMPTY}, TS) for snapshot in snapshots()]
        return [*known, public.stats_payload({}, TS)]
    first, *rest = made_records()
    assert isinstance(first, SessionRecord)
    found: list[Payload] = []
    for seq, record in enumerate(rest, start=2):
        for late in (False, True):
            parcel = Parcel(stream, first, Entry(SESSION, seq, record), late)  # type: ignore[arg-type]
            if topic == OF.nfbl and isinstance(record, NfblRecord):
                found.append(public.nfbl_payload(parcel, replace(record, name=NAMES[record.class_id])))
            if topic == OF.verdict and isinstance(record, VerdictRecord):
                found.append(public.verdict_payload(parcel, record, rationale=False))
    return found


def rendered(template: str, message: Payload) -> str:
    """As Home Assistant renders it; a field that is not there fails."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    text = json.dumps(message)
    return environment.from_string(template).render(value=text, value_json=json.loads(text))


@pytest.mark.parametrize("which", VARIANTS)
def test_only_documented_keys_are_used_and_the_required_ones_are_there(which: dict[str, Any]) -> None:
    payload = told(**which)
    assert set(payload) <= ROOT
    assert set(payload["device"]) <= DEVICE
    assert payload["device"]["identifiers"]
    assert payload["device"]["name"]
    assert set(payload["origin"]) <= ORIGIN
    assert payload["origin"]["name"]
    for name, component in components(payload):
        platform = component["platform"]
        assert set(component) <= ENTITY | OWN[platform], name
        assert set(component) >= REQUIRED[platform] | {"unique_id", "name"}, name
        for available in (*payload["availability"], *component.get("availability", ())):
            assert set(available) <= AVAILABILITY, name
            assert "topic" in available, name


@pytest.mark.parametrize("which", VARIANTS)
def test_values_are_of_the_allowed_ones(which: dict[str, Any]) -> None:
    payload = told(**which)
    assert payload["availability_mode"] in {"all", "any", "latest"}
    for name, component in components(payload):
        platform, device_class = component["platform"], component.get("device_class")
        assert device_class is None or device_class in DEVICE_CLASSES[platform], name
        assert component.get("state_class") in {None, "measurement", "total", "total_increasing"}, name
        assert component.get("entity_category") in {None, "diagnostic", "config"}, name
        assert component["qos"] in {0, 1, 2}, name
        if device_class in UNITS:
            assert component["unit_of_measurement"] in UNITS[device_class], name
        assert ("options" in component) is (device_class == "enum"), name
        if "options" in component:
            assert not {"state_class", "unit_of_measurement"} & set(component), name
        if "expire_after" in component:
            assert type(component["expire_after"]) is int, name


@pytest.mark.parametrize("which", VARIANTS)
def test_every_id_is_its_own(which: dict[str, Any]) -> None:
    names = (("a", "b_c"), ("a_b", "c"), ("a", "b"), ("a--b", "c"), ("a", "b--c"), ("a", "b_c_verdict"))
    payloads = [told(stream, topics=Topics("b", node), **which) for node, stream in names]
    ids = [component["unique_id"] for payload in payloads for _, component in components(payload)]
    assert len(ids) == len(set(ids))
    assert len({payload["device"]["identifiers"][0] for payload in payloads}) == len(names)
    assert len({Topics("b", node).discovery("homeassistant", stream) for node, stream in names}) == len(names)


@pytest.mark.parametrize("which", VARIANTS)
def test_every_topic_is_one_of_the_tree_and_whole(which: dict[str, Any]) -> None:
    payload = told(**which)
    for name, component in components(payload):
        for key, topic in component.items():
            if key.endswith("_topic"):
                allowed = {
                    "command_topic": {OF.enabled_set, OF.preview_set},
                    "image_topic": {OF.preview},
                }.get(key, JSON_TOPICS | WORD_TOPICS)
                assert topic in allowed, name
                assert not set(topic) & set("+#~"), name
                assert ("value_template" in component) is (topic in JSON_TOPICS) or key != "state_topic", name
        for available in (*payload["availability"], *component.get("availability", ())):
            assert available["topic"] in WORD_TOPICS, name
    assert re.fullmatch(
        r"homeassistant/device/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config", TOPICS.discovery("homeassistant", STREAM)
    )


ALLOWED: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "sensor": lambda component, text: (
        text in component["options"] if "options" in component else text == "None" or math.isfinite(float(text))
    ),
    "binary_sensor": lambda component, text: text in {"ON", "OFF"},
    "event": lambda component, text: text == "" or json.loads(text)["event_type"] in component["event_types"],
}


@pytest.mark.parametrize("name", [name for name, component in components(told()) if "value_template" in component])
def test_what_is_made_of_each_real_message_is_something_the_entity_takes(name: str) -> None:
    component = told()["components"][name]
    published = messages(component["state_topic"])
    assert published
    for message in published:
        assert ALLOWED[component["platform"]](component, rendered(component["value_template"], message)), message


def test_the_estimate_shows_its_interval_and_what_a_person_must_know_of_it() -> None:
    component = told()["components"]["estimate"]
    (_, message, _) = messages(component["json_attributes_topic"])
    attributes = json.loads(rendered(component["json_attributes_template"], message))
    assert attributes == {
        "interval": [0.52, 0.75],
        "windows": 12,
        "judged": 12,
        "abstained": 1,
        "calibrated": False,
        "heuristic": True,
        "degraded": [],
        "session": "s",
    }


def test_labels_are_those_of_the_estimate_and_events_those_of_the_taxonomy_and_the_judge() -> None:
    of = told()["components"]
    assert of["estimate"]["options"] == of["current"]["options"] == ["positive", "negative", "uncertain"]
    assert of["verdict"]["event_types"] == ["positive", "negative", "abstain"]
    assert len(set(of["nfbl"]["event_types"])) == len(taxonomy().classes)
    assert "touching_nose" in of["nfbl"]["event_types"]


def test_each_piece_of_body_language_fires_once_when_it_is_over_and_nothing_fires_late() -> None:
    of = told()["components"]
    fired = [rendered(of["nfbl"]["value_template"], message) for message in messages(OF.nfbl)]
    ids = [json.loads(text)["id"] for text in fired if text]
    assert ids == ["e1", "e2", "e3", "e4"]
    verdicts = messages(OF.verdict)
    fired = [rendered(of["verdict"]["value_template"], message) for message in verdicts]
    assert [json.loads(text) for text in fired if text] == [message for message in verdicts if not message["late"]]


def test_values_expire_when_heartbeats_stay_out_and_not_before() -> None:
    for heartbeat_s in (0.5, 15.0, 90.0):
        payload = told(heartbeat_s=heartbeat_s)
        for _, component in components(payload):
            if component.get("state_topic") == OF.state:
                assert component["expire_after"] >= 3 * heartbeat_s
                assert component["expire_after"] <= 4 * heartbeat_s + 1
    assert told()["components"]["p_positive"]["expire_after"] == 60


def test_there_are_switches_only_for_what_can_be_switched_and_pictures_only_where_there_can_be_some() -> None:
    def names(**which: Any) -> set[str]:  # noqa: ANN401 - handed on
        return {name for name, _ in components(told(**which))} & {"enabled", "preview_switch", "preview"}

    assert names(pausable=True, commands=True, preview=False) == {"enabled", "preview_switch", "preview"}
    assert names(pausable=False, commands=True, preview=False) == {"preview_switch", "preview"}
    assert names(pausable=True, commands=False, preview=True) == {"preview"}
    assert names(pausable=True, commands=False, preview=False) == set()


def test_a_switch_can_be_used_while_the_source_is_lost_and_commands_are_not_retained() -> None:
    switch = told()["components"]["enabled"]
    assert [available["topic"] for available in switch["availability"]] == [TOPICS.availability]
    assert switch["retain"] is False


def test_no_old_picture_is_shown_while_pictures_are_off_or_capture_is_paused() -> None:
    picture = told()["components"]["preview"]
    words = {available["topic"]: available["payload_available"] for available in picture["availability"]}
    assert words == {
        TOPICS.availability: "online",
        OF.availability: "online",
        OF.preview_state: "ON",
        OF.enabled_state: "ON",
    }
    unpausable = told(pausable=False)["components"]["preview"]["availability"]
    assert OF.enabled_state not in {available["topic"] for available in unpausable}


def test_components_that_other_settings_left_are_removed_by_their_platform_alone() -> None:
    most, least = told(), told(pausable=False, preview=False, commands=False)
    cleared = clearing_payload(least)
    assert set(cleared["components"]) == set(most["components"])
    gone = {name: component for name, component in components(cleared) if name not in least["components"]}
    assert gone == {
        "enabled": {"platform": "switch"},
        "preview_switch": {"platform": "switch"},
        "preview": {"platform": "image"},
    }
    assert {**cleared, "components": least["components"]} == least
    assert clearing_payload(most) == most
    assert REMOVED == b""


@given(st.from_regex(SLUG, fullmatch=True), st.from_regex(SLUG, fullmatch=True))
def test_any_name_gives_a_message_that_can_be_sent_and_templates_that_work(node: str, stream: str) -> None:
    topics = Topics("home/monitors", node)
    payload = told(stream, topics=topics)
    assert len(json.dumps(payload)) < 20_000
    assert re.fullmatch(
        r"homeassistant/device/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config", topics.discovery("homeassistant", stream)
    )
    lag = payload["components"]["lag"]
    assert rendered(lag["value_template"], public.stats_payload({stream: RUNNING}, TS)) == "0.4"
