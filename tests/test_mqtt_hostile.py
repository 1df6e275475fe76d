"""Whoever may write to the broker, and whatever the broker takes badly, ends nothing but the one message."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import cv2
import numpy as np
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.outputs.mqtt.errand import Errand
from monitor.records import VerdictRecord
from monitor.snapshot import OutputState, SessionState
from tests.made_broker import MadeBroker, eventually, listening
from tests.made_journal import made_records
from tests.made_mqtt import LIVE, ROOT, STREAM, long_way, publishing
from tests.made_old_broker import Manner, few_words
from tests.made_stream import made_picture

pytestmark = pytest.mark.broker

RECORDS = made_records()
KEPT = [number for number, record in enumerate(RECORDS, start=1) if isinstance(record, VerdictRecord)]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with MadeBroker(tmp_path / "broker") as broker:
        yield broker.port


def noise() -> bytes:
    """A picture that compresses to about 60 kB."""
    pixels = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return jpeg.tobytes()


def test_nothing_that_is_written_to_our_topics_ends_what_is_published(port: int, tmp_path: Path) -> None:
    async def look() -> list[str]:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port) as of:
            await eventually(of.is_up)
            for nonsense in ("[" * 60_000, "{}", '{"instance":[]}', "null"):
                await ear.say(f"{ROOT}/info", nonsense)
            await ear.say(f"{ROOT}/availability", "offline")
            of.made.say(*RECORDS)
            await eventually(lambda: len(ear.of(f"{STREAM}/verdict")) == len(KEPT))
            await eventually(lambda: ear.last(f"{ROOT}/availability") == "online")
            assert of.status.state is OutputState.UP
            return of.reasons(OutputState.DOWN) + of.reasons(OutputState.STOPPED)

    assert asyncio.run(look()) == []


def test_a_message_that_breaks_what_reads_it_is_passed_over(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(payload: bytes) -> None:
        raise RuntimeError(payload.decode())

    monkeypatch.setattr("monitor.outputs.mqtt.destination.read_info", broken)

    async def look() -> OutputState:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port) as of:
            await eventually(of.is_up)
            await ear.say(f"{ROOT}/info", "secret")
            await ear.say(f"{ROOT}/request/health_check", "")
            await eventually(lambda: bool(ear.of(f"{ROOT}/response/health_check")))
            return of.status.state

    assert asyncio.run(look()) is OutputState.UP
    assert "a message that came in is ignored: unexpected RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_an_answer_that_the_broker_forbids_takes_nothing_down(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\ntopic deny their/answers\n")
    acl.chmod(0o600)
    wanted = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    wanted.ResponseTopic = "their/answers"

    async def look(port: int) -> list[str]:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port) as of:
            await eventually(of.is_up)
            await ear.say(f"{ROOT}/request/health_check", "{}", properties=wanted)
            await ear.say(f"{ROOT}/request/health_check", "{}")
            await eventually(lambda: bool(ear.of(f"{ROOT}/response/health_check")))
            assert ear.of("their/answers") == []
            return of.reasons(OutputState.DOWN)

    with MadeBroker(tmp_path / "broker", lines=[f"acl_file {acl}"]) as broker:
        assert asyncio.run(look(broker.port)) == []


def test_verdicts_arrive_where_other_things_are_larger_than_the_broker_takes(tmp_path: Path) -> None:
    large = replace(made_picture(), jpeg=noise())

    async def look(port: int) -> tuple[list[int], list[int], list[str]]:
        async with (
            listening(port) as ear,
            long_way(port, 0.02) as slow,
            publishing(tmp_path / "j.jsonl", slow, "preview=true", "preview_every_s=0.2", "drain_s=9") as of,
        ):
            of.made.picture = large
            await eventually(of.is_up)
            of.made.say(*RECORDS)
            await eventually(lambda: bool(ear.of(f"{STREAM}/preview")))
            await eventually(lambda: len(ear.of(f"{STREAM}/verdict")) == len(KEPT))
            pictures = [len(message.payload) for message in ear.of(f"{STREAM}/preview")]
            return verdicts(ear), pictures, of.reasons(OutputState.DOWN)

    def verdicts(ear: Any) -> list[int]:  # noqa: ANN401 - a listener
        return [json.loads(message.payload)["seq"] for message in ear.of(f"{STREAM}/verdict")]

    with MadeBroker(tmp_path / "broker", lines=["max_packet_size 30000"]) as broker:
        seqs, pictures, down = asyncio.run(look(broker.port))
    assert len(large.jpeg) > 30_000 > max(pictures)
    assert (seqs, down) == (KEPT, [])


def test_what_alone_is_too_large_is_left_out_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The message for Home Assistant is by far the longest."""

    async def look(port: int) -> None:
        async with (
            listening(port) as ear,
            publishing(tmp_path / "j.jsonl", port, "preview=true", "preview_every_s=0.2") as of,
        ):
            of.made.picture = replace(made_picture(), jpeg=noise())
            await eventually(of.is_up)
            of.made.say(*RECORDS)
            await eventually(lambda: len(ear.of(f"{STREAM}/verdict")) == len(KEPT))
            await asyncio.sleep(0.5)
            assert of.is_up()
            assert [message for message in ear.heard if message.topic.startswith("homeassistant")] == []
            assert all(len(message.payload) < 2000 for message in ear.heard)

    with MadeBroker(tmp_path / "broker", lines=["max_packet_size 2000"]) as broker:
        asyncio.run(look(broker.port))
    assert "homeassistant/device/n/interview/config is not published: larger than the broker takes" in caplog.text


def test_a_verdict_that_is_too_large_is_passed_over_and_the_next_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [
        replace(record, rationale="x" * 20_000) if isinstance(record, VerdictRecord) and number == KEPT[3] else record
        for number, record in enumerate(RECORDS, start=1)
    ]

    async def look(port: int) -> list[int]:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port, "rationale=true") as of:
            await eventually(of.is_up)
            of.made.say(*records)
            await eventually(lambda: len(ear.of(f"{STREAM}/verdict")) == len(KEPT) - 1)
            return [json.loads(message.payload)["seq"] for message in ear.of(f"{STREAM}/verdict")]

    # This limit mosquitto does not tell of beforehand: it answers by a code.
    with MadeBroker(tmp_path / "broker", lines=["message_size_limit 12000"]) as broker:
        assert asyncio.run(look(broker.port)) == [seq for seq in KEPT if seq != KEPT[3]]
    assert f"verdict {KEPT[3]} of l-j is not delivered: larger than the broker takes" in caplog.text


def test_a_picture_that_is_none_is_passed_over(port: int, tmp_path: Path) -> None:
    async def look() -> None:
        async with (
            listening(port) as ear,
            publishing(tmp_path / "j.jsonl", port, "preview=true", "preview_every_s=0.2") as of,
        ):
            of.made.picture = replace(made_picture(1.0), jpeg=b"x" * 200_000)
            await eventually(of.is_up)
            await asyncio.sleep(0.5)
            of.made.picture = made_picture(2.0)
            await eventually(lambda: bool(ear.of(f"{STREAM}/preview")))
            assert len(ear.of(f"{STREAM}/preview")) == 1
            assert of.is_up()

    asyncio.run(look())


def test_a_task_that_breaks_by_what_nobody_foresaw_is_told(port: int, tmp_path: Path) -> None:
    async def look() -> str:
        async with publishing(tmp_path / "j.jsonl", port, "preview=true", "preview_every_s=0.2") as of:
            of.made.picture = object()  # type: ignore[assignment]
            await eventually(lambda: of.status.state is OutputState.STOPPED)
            return of.status.reason

    assert asyncio.run(look()) == "unexpected AttributeError: please report it"


def test_what_changes_while_all_is_told_again_stays_the_last_word(port: int, tmp_path: Path) -> None:
    async def look() -> list[str]:
        async with (
            listening(port) as ear,
            long_way(port, 0.05) as slow,
            publishing(tmp_path / "j.jsonl", slow) as of,
        ):
            await eventually(of.is_up)
            await asyncio.sleep(0.5)
            await ear.say(f"{ROOT}/request/republish", "{}")
            await asyncio.sleep(0.15)
            of.output.show(replace(LIVE, state=SessionState.PAUSED))
            await eventually(lambda: bool(ear.of(f"{ROOT}/response/republish")))
            await asyncio.sleep(0.5)
            return [message.payload.decode() for message in ear.of(f"{STREAM}/enabled/state")]

    words = asyncio.run(look())
    assert words[0] == "ON"
    assert words[-1] == "OFF"
    assert "ON" not in words[words.index("OFF") :]


def test_a_flood_of_requests_is_one_errand(port: int, tmp_path: Path) -> None:
    async def look() -> tuple[int, int]:
        async with (
            publishing(tmp_path / "j.jsonl", port) as of,
            aiomqtt.Client("127.0.0.1", port) as client,
        ):
            await eventually(of.is_up)
            before = most = len(asyncio.all_tasks())
            for topic, word in (("homeassistant/status", "online"), (f"{ROOT}/availability", "offline")):
                for number in range(400):
                    await client.publish(topic, word, 0)
                    if number % 20 == 0:
                        await asyncio.sleep(0.01)
                        most = max(most, len(asyncio.all_tasks()))
            return before, most

    before, most = asyncio.run(look())
    assert most <= before + 8


def test_an_errand_is_done_once_for_all_who_ask_and_once_more_for_who_ask_meanwhile() -> None:
    async def look() -> int:
        done, may = 0, asyncio.Event()

        async def work() -> None:
            nonlocal done
            await may.wait()
            done += 1

        errand = Errand(work, asyncio.create_task)
        early = {errand.ask() for _ in range(10)}
        await asyncio.sleep(0)
        late = {errand.ask() for _ in range(10)}
        assert (len(early), len(late)) == (1, 1)
        may.set()
        await asyncio.wait(early | late)
        return done

    assert asyncio.run(look()) == 2


def test_a_broker_that_ends_every_connection_is_asked_again_where_our_id_is_our_own(tmp_path: Path) -> None:
    async def look() -> str:
        async with few_words(Manner.DROPS) as broker, publishing(tmp_path / "j.jsonl", broker.port) as of:
            await eventually(lambda: len(broker.connects) >= 5)
            assert of.reasons(OutputState.STOPPED) == []
            return of.status.reason

    assert "check its ACL for this user, and its log" in asyncio.run(look())


def test_a_name_that_nobody_answers_for_holds_up_neither_the_loop_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, may = socket.getaddrinfo, threading.Event()

    def slow(host: str, *others: Any, **named: Any) -> Any:  # noqa: ANN401 - handed on
        if host == "broker.slow":
            may.wait(20.0)
        return real(host, *others, **named)

    async def look() -> tuple[str, float]:
        async with publishing(tmp_path / "j.jsonl", 1883, "host=broker.slow", answer_s=0.3) as of:
            await eventually(lambda: of.status.state is OutputState.DOWN)
        began_s = asyncio.get_running_loop().time()
        await asyncio.get_running_loop().shutdown_default_executor()
        return of.status.reason, asyncio.get_running_loop().time() - began_s

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        reason, took_s = asyncio.run(look())
    finally:
        may.set()
    assert reason == "nobody says where broker.slow is: check the network and its name server"
    assert took_s < 5.0
