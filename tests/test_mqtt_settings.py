"""What is wrong with the settings is said before anything is connected; names are kept; troubles are worded."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aiomqtt
import cv2
import numpy as np
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from configs.errors import ConfigError
from configs.load import load_settings
from monitor.outputs.destinations import make_destinations
from monitor.outputs.mqtt.broker import Broker, make_broker
from monitor.outputs.mqtt.messages import Outgoing, event, properties
from monitor.outputs.mqtt.node import Node
from monitor.outputs.mqtt.pictures import MOST_BYTES, fitted
from monitor.outputs.mqtt.topics import Topics
from monitor.outputs.mqtt.trouble import Refused, Then, Trouble, Waits, dropped_again, in_connecting, in_use
from tests.made_broker import made_certificates
from tests.made_mqtt import mqtt_settings, publishing

pytestmark = pytest.mark.unit

BROKER = Broker("broker.lan", 1883, "id-1")


def destinations(*overrides: str) -> None:
    pairs = ["outputs.mqtt.enabled=true", *(f"outputs.mqtt.{pair}" for pair in overrides)]
    make_destinations(load_settings(None, pairs, {}).settings.outputs, {})


def test_a_username_needs_a_password() -> None:
    with pytest.raises(ConfigError, match=r"outputs\.mqtt\.username needs a password: set the variable EMOTION_MON"):
        destinations("username=carol")


def test_a_password_file_must_be_there() -> None:
    with pytest.raises(ConfigError, match="MQTT password file /nowhere: No such file"):
        destinations("username=carol", "password_file=/nowhere")


def test_a_password_is_in_no_representation() -> None:
    broker = make_broker(mqtt_settings(1), "hunter2", client_id="c")
    assert broker.password == "hunter2"
    assert "hunter2" not in repr(broker)


def test_certificates_that_cannot_be_used_end_it_before_anything_is_connected(tmp_path: Path) -> None:
    made, other = made_certificates(tmp_path / "a"), made_certificates(tmp_path / "b")
    (tmp_path / "nonsense.pem").write_text("nonsense")
    for pairs, words in (
        (("tls.ca_file=/nowhere",), "ca_file /nowhere: No such file"),
        ((f"tls.ca_file={tmp_path}/nonsense.pem",), "ca_file .*nonsense"),
        ((f"tls.certificate={made.client}", f"tls.key={other.client_key}"), "key values mismatch; both are PEM files"),
        ((f"tls.certificate={made.client}", "tls.key=/nowhere"), "tls.key: No such file"),
    ):
        with pytest.raises(ConfigError, match=words):
            asyncio.run(opened(tmp_path, "tls.enabled=true", *pairs))


async def opened(tmp_path: Path, *overrides: str) -> None:
    async with publishing(tmp_path / "j.jsonl", 1, *overrides):
        pass


@pytest.mark.parametrize(("tls", "port"), [(False, 1883), (True, 8883)])
def test_the_port_is_the_usual_one_unless_another_is_set(tls: bool, port: int) -> None:
    settings = mqtt_settings(1, "port=null", f"tls.enabled={str(tls).lower()}")
    assert make_broker(settings, None, client_id="c").port == port


def test_a_password_that_crosses_the_network_in_the_open_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    make_broker(mqtt_settings(1), "hunter2", client_id="c")
    assert caplog.text == ""
    make_broker(mqtt_settings(1, "host=broker.lan"), "hunter2", client_id="c")
    assert "the password crosses the network unencrypted" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_node_keeps_its_name_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    first = Node.claim(tmp_path)
    first.close()
    again = Node.claim(tmp_path)
    again.close()
    assert first.name == again.name
    assert len(first.name) == 6
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o600


def test_nodes_at_the_same_time_have_different_names(tmp_path: Path) -> None:
    first, second = Node.claim(tmp_path), Node.claim(tmp_path)
    script = "import sys, pathlib, monitor.outputs.mqtt.node as n; print(n.Node.claim(pathlib.Path(sys.argv[1])).name)"
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    third = ran.stdout.strip()
    assert [first.name, second.name, third] == [first.name, f"{first.name}-2", f"{first.name}-3"]
    first.close()
    assert Node.claim(tmp_path).name == first.name


def test_a_damaged_name_is_drawn_anew_and_a_folder_of_somebody_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("../../etc")
    assert len(Node.claim(tmp_path).name) == 6
    with pytest.raises(ConfigError, match=r"set outputs\.mqtt\.node"):
        Node.claim(tmp_path / "node" / "below")


def code(packet: int, value: int) -> ReasonCode:
    return ReasonCode(packet, identifier=value)


def hidden(cause: OSError) -> aiomqtt.MqttError:
    """As aiomqtt raises it: without a cause, but within its handler."""
    error = aiomqtt.MqttError(str(cause))
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words", "then"),
    [
        (hidden(socket.gaierror(-2, "Name or service not known")), "no address is known for broker.lan", Then.AGAIN),
        (hidden(ConnectionRefusedError(111, "Connection refused")), "nobody listens at broker.lan:1883", Then.AGAIN),
        (hidden(OSError(113, "No route to host")), "cannot be reached (No route to host)", Then.AGAIN),
        (hidden(TimeoutError("timed out")), "broker.lan:1883 does not answer: check", Then.AGAIN),
        (hidden(TimeoutError()), "takes the connection but does not answer", Then.AGAIN),
        (hidden(ssl.SSLError(1, "[X509] whatever")), "TLS with broker.lan:1883 failed", Then.AGAIN),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 132)), "does not speak MQTT 5", Then.OLDER),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 133)), "does not take the client id id-1", Then.SLOWLY),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 134)), "refuses the login (Bad user name", Then.SLOWLY),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 135)), "refuses the login (Not authorized)", Then.SLOWLY),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 138)), "has banned this client", Then.SLOWLY),
        (aiomqtt.MqttCodeError(code(PacketTypes.CONNACK, 137)), "refuses the connection (Server busy)", Then.AGAIN),
    ],
)
def test_why_a_connection_does_not_come_about_is_said_in_one_line(error: Exception, words: str, then: Then) -> None:
    trouble = in_connecting(error, BROKER)
    assert words in trouble.reason
    assert trouble.then is then


def over(value: int | ReasonCode) -> aiomqtt.MqttError:
    error = aiomqtt.MqttError("Disconnected during message iteration")
    error.__cause__ = aiomqtt.MqttCodeError(value, "over")
    return error


@pytest.mark.parametrize(
    ("error", "words", "then"),
    [
        (over(code(PacketTypes.DISCONNECT, 142)), "another client has taken over the id id-1", Then.STOP),
        (over(code(PacketTypes.DISCONNECT, 139)), "ended the connection (Server shutting down)", Then.AGAIN),
        (over(code(PacketTypes.DISCONNECT, 135)), "check its ACL", Then.SLOWLY),
        (over(code(PacketTypes.DISCONNECT, 128)), "the connection to broker.lan:1883 broke", Then.AGAIN),
        (over(code(PacketTypes.DISCONNECT, 141)), "does not answer any more", Then.AGAIN),
        (over(7), "the connection to broker.lan:1883 broke", Then.AGAIN),
        (aiomqtt.MqttError("Operation timed out"), "does not answer any more", Then.AGAIN),
        (Refused(code(PacketTypes.PUBACK, 135)), "refuses what is published (Not authorized)", Then.SLOWLY),
    ],
)
def test_why_a_connection_is_over_is_said_in_one_line(error: Exception, words: str, then: Then) -> None:
    trouble = in_use(error, BROKER)
    assert words in trouble.reason
    assert trouble.then is then


def test_waits_grow_to_a_bound_with_chance_in_them_and_begin_anew_once_it_worked() -> None:
    waits = Waits(random.Random(1))
    trouble = Trouble("gone")
    grown = [waits.after(trouble) for _ in range(12)]
    assert 0.75 <= grown[0] <= 1.25
    assert all(22.5 <= wait_s <= 37.5 for wait_s in grown[6:])
    assert len(set(grown)) == 12
    waits.worked()
    assert waits.after(trouble) <= 1.25
    assert 45.0 <= waits.after(dropped_slowly()) <= 75.0


def dropped_slowly() -> Trouble:
    return Trouble("refused", Then.SLOWLY)


def test_suspected_twins_stop_and_whoever_drew_an_id_can_have_none() -> None:
    assert dropped_again(BROKER).then is Then.STOP
    alone = dropped_again(replace(BROKER, drawn=True))
    assert alone.then is Then.SLOWLY
    assert "check its ACL for this user, and its log" in alone.reason


def test_only_what_is_text_says_so() -> None:
    told = properties(event("t", {"a": 1})).json()  # type: ignore[no-untyped-call]
    assert (told["ContentType"], told["PayloadFormatIndicator"]) == ("application/json", 1)
    jpeg = properties(Outgoing("t", b"\xff\xd8", content_type="image/jpeg")).json()  # type: ignore[no-untyped-call]
    assert (jpeg["ContentType"], jpeg["PayloadFormatIndicator"]) == ("image/jpeg", 0)
    assert "UserProperty" not in jpeg


def test_large_pictures_are_made_small_enough() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    _, jpeg = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 95])
    small = fitted(jpeg.tobytes())
    assert jpeg.nbytes > MOST_BYTES >= len(small)
    shown = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape[1] / shown.shape[0] == pytest.approx(1280 / 720, rel=0.02)


def test_topics_stay_below_their_node() -> None:
    topics = Topics("home/emotion-monitor", "n")
    of = topics.stream("interview")
    every = [topics.availability, topics.info, topics.stats, topics.requests, topics.response("mark")]
    every += [of.availability, of.state, of.nfbl, of.verdict, of.description, of.preview]
    every += [of.enabled_state, of.enabled_set, of.preview_state, of.preview_set]
    assert len(set(every)) == len(every)
    assert all(topic.startswith("home/emotion-monitor/n/") for topic in every)
