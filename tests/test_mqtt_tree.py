"""What a broker is told, seen by somebody who hears everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from monitor.records import Mode, VerdictRecord
from monitor.snapshot import SessionState
from tests.made_broker import Listener, MadeBroker, eventually, listening
from tests.made_journal import SECRETS, WORDS, made_records
from tests.made_mqtt import ENDED, LIVE, ROOT, STREAM, publishing
from tests.made_stream import made_picture

pytestmark = pytest.mark.broker

DISCOVERY = "homeassistant/device/n/interview/config"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with MadeBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.port


def verdicts(ear: Listener) -> list[int]:
    return [json.loads(message.payload)["seq"] for message in ear.of(f"{STREAM}/verdict")]


def test_the_whole_tree_is_there_and_what_is_so_now_is_retained(port: int, tmp_path: Path) -> None:
    async def look() -> tuple[Listener, Listener]:
        async with (
            listening(port) as ear,
            publishing(tmp_path / "j.jsonl", port, "stats_s=0.1", "rationale=true") as of,
        ):
            of.made.say(*made_records())
            await eventually(lambda: len(verdicts(ear)) == 39 and bool(ear.of(f"{ROOT}/stats")))
            async with listening(port) as late:
                await eventually(lambda: late.last(f"{ROOT}/availability") == "online")
            return ear, late

    ear, late = asyncio.run(look())
    assert {message.topic for message in ear.heard} >= {
        DISCOVERY,
        f"{ROOT}/availability",
        f"{ROOT}/info",
        f"{ROOT}/stats",
        *(f"{STREAM}/{name}" for name in ("availability", "state", "nfbl", "verdict", "description")),
        *(f"{STREAM}/{name}/state" for name in ("enabled", "preview")),
    }
    kept = {message.topic for message in late.heard if message.retained}
    assert kept >= {DISCOVERY, f"{ROOT}/availability", f"{ROOT}/info", f"{STREAM}/availability", f"{STREAM}/state"}
    assert not kept & {f"{ROOT}/stats", f"{STREAM}/nfbl", f"{STREAM}/verdict", f"{STREAM}/description"}
    assert {message.qos for message in ear.heard if message.topic != f"{ROOT}/stats"} == {1}
    assert {message.qos for message in ear.of(f"{ROOT}/stats")} == {0}


def test_that_we_are_there_is_said_last_and_that_we_are_gone_too(port: int, tmp_path: Path) -> None:
    async def look() -> Listener:
        async with listening(port) as ear:
            async with publishing(tmp_path / "j.jsonl", port) as of:
                await eventually(of.is_up)
            await eventually(lambda: '"ended"' in (ear.last(f"{ROOT}/info") or ""))
            return ear

    fresh = [message for message in asyncio.run(look()).heard if not message.retained]
    topics = [message.topic for message in fresh]
    birth = topics[: topics.index(f"{ROOT}/availability") + 1]
    assert birth == [
        DISCOVERY,
        DISCOVERY,
        f"{ROOT}/info",
        f"{STREAM}/enabled/state",
        f"{STREAM}/preview/state",
        f"{STREAM}/state",
        f"{STREAM}/availability",
        f"{ROOT}/availability",
    ]
    assert topics[-4:] == [f"{STREAM}/state", f"{STREAM}/availability", f"{ROOT}/availability", f"{ROOT}/info"]
    said = [message.payload for message in fresh if message.topic.endswith("availability")]
    assert said == [b"online", b"online", b"offline", b"offline"]


def told(ear: Listener, availability: str, enabled: str) -> bool:
    return [ear.last(f"{STREAM}/{topic}") for topic in ("availability", "enabled/state")] == [availability, enabled]


def test_availability_follows_the_source_and_a_pause_is_no_absence(port: int, tmp_path: Path) -> None:
    async def look() -> list[tuple[str, str]]:
        async with (
            listening(port) as ear,
            publishing(tmp_path / "j.jsonl", port, shown=replace(LIVE, state=SessionState.CONNECTING)) as of,
        ):
            await eventually(of.is_up)
            seen = []
            for state, availability, enabled in (
                (SessionState.CONNECTING, "offline", "ON"),
                (SessionState.LIVE, "online", "ON"),
                (SessionState.PAUSED, "online", "OFF"),
                (SessionState.LOST, "offline", "ON"),
                (SessionState.LIVE, "online", "ON"),
            ):
                of.output.show(replace(LIVE, state=state))
                await eventually(partial(told, ear, availability, enabled))
                seen.append((availability, enabled))
            return seen

    assert len(asyncio.run(look())) == 5


def test_the_state_is_published_at_each_change_and_at_each_heartbeat_only(port: int, tmp_path: Path) -> None:
    async def look() -> tuple[int, int]:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port, "heartbeat_s=0.5") as of:
            await eventually(of.is_up)
            await eventually(lambda: len(ear.of(f"{STREAM}/state")) >= 1)
            for tick in range(20):  # the display's ticks: media time moves, nothing else
                of.output.show(replace(LIVE, media_s=200.0 + tick / 4))
            of.output.show(replace(LIVE, judged=LIVE.judged + 1))
            await eventually(lambda: f'"judged":{LIVE.judged + 1}' in (ear.last(f"{STREAM}/state") or ""))
            changed = len(ear.of(f"{STREAM}/state"))
            await eventually(lambda: len(ear.of(f"{STREAM}/state")) >= changed + 2)
            return changed, len(ear.of(f"{STREAM}/state"))

    changed, beaten = asyncio.run(look())
    assert changed <= 4
    assert beaten >= changed + 2


def test_no_secret_leaves_and_words_only_where_they_were_asked_for(port: int, tmp_path: Path) -> None:
    async def look(*overrides: str) -> str:
        async with listening(port) as ear:
            async with publishing(tmp_path / f"{len(overrides)}.jsonl", port, "stats_s=0.1", *overrides) as of:
                of.made.say(*made_records())
                await eventually(lambda: len(verdicts(ear)) == 39 and bool(ear.of(f"{ROOT}/stats")))
            return "\n".join(message.payload.decode() for message in ear.heard)

    plain = asyncio.run(look())
    assert [secret for secret in (*SECRETS, WORDS) if secret in plain] == []
    assert WORDS in asyncio.run(look("rationale=true"))


def test_pictures_are_published_only_while_they_are_wanted_and_only_once_each(port: int, tmp_path: Path) -> None:
    async def look() -> None:
        async with (
            listening(port) as ear,
            publishing(tmp_path / "j.jsonl", port, "preview_every_s=0.2") as of,
        ):
            of.made.picture = made_picture(1.0)
            await eventually(of.is_up)
            await asyncio.sleep(0.5)
            assert ear.of(f"{STREAM}/preview") == []
            await ear.say(f"{STREAM}/preview/set", "ON")
            await eventually(lambda: len(ear.of(f"{STREAM}/preview")) == 1)
            await asyncio.sleep(0.5)
            (shown,) = ear.of(f"{STREAM}/preview")
            assert shown.payload == of.made.picture.jpeg
            assert (shown.qos, shown.retained, shown.properties.ContentType) == (0, False, "image/jpeg")
            assert ear.last(f"{STREAM}/preview/state") == "ON"
            of.made.picture = made_picture(2.0)
            await eventually(lambda: len(ear.of(f"{STREAM}/preview")) == 2)

    asyncio.run(look())


def test_mqtt_5_is_told_what_the_bytes_are_and_how_long_they_are_worth_reading(port: int, tmp_path: Path) -> None:
    async def look() -> Listener:
        async with listening(port) as ear:
            async with publishing(tmp_path / "j.jsonl", port, "stats_s=0.2") as of:
                of.made.say(*made_records())
                await eventually(lambda: bool(ear.of(f"{STREAM}/verdict")) and bool(ear.of(f"{ROOT}/stats")))
            return ear

    ear = asyncio.run(look())
    told = ear.of(f"{STREAM}/verdict")[0].properties
    assert (told.ContentType, told.PayloadFormatIndicator, told.UserProperty) == (
        "application/json",
        1,
        [("schema", "1")],
    )
    assert 290 <= told.MessageExpiryInterval <= 300
    assert ear.of(f"{ROOT}/stats")[0].properties.MessageExpiryInterval == 1
    assert not hasattr(ear.of(f"{STREAM}/state")[0].properties, "MessageExpiryInterval")


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
def test_verdicts_arrive_as_they_stand_in_the_journal_and_in_its_order(
    port: int, tmp_path: Path, protocol: str
) -> None:
    records = made_records(mode=Mode.PACED)

    async def look() -> list[int]:
        async with listening(port) as ear:
            async with publishing(tmp_path / "j.jsonl", port, f"protocol={json.dumps(protocol)}") as of:
                of.made.say(*records)
                await eventually(lambda: len(verdicts(ear)) == 39)
            return verdicts(ear)

    kept = [number for number, record in enumerate(records, start=1) if isinstance(record, VerdictRecord)]
    assert asyncio.run(look()) == kept
    assert list((tmp_path / "state").rglob("outbox/mqtt-*/*.json")) == []


def test_home_assistant_that_comes_up_is_told_again(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.outputs.mqtt.destination._HOME_ASSISTANT_S", 0.1)

    async def look() -> None:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port) as of:
            await eventually(lambda: of.is_up() and ear.last(f"{ROOT}/availability") == "online")
            await asyncio.sleep(0.2)
            before = len(ear.heard)
            await ear.say("homeassistant/status", "online")
            await eventually(lambda: ear.heard[-1].topic == f"{ROOT}/availability" and len(ear.heard) > before + 5)
            again = [message.topic for message in ear.heard[before:]]
            assert again.count(DISCOVERY) == 2
            assert f"{STREAM}/state" in again

    asyncio.run(look())


def test_what_is_wanted_is_obeyed_and_answered_and_what_is_retained_is_not(port: int, tmp_path: Path) -> None:
    async def look() -> None:
        async with listening(port) as ear:
            await ear.say(f"{STREAM}/preview/set", "ON", retain=True)
            await ear.say(f"{ROOT}/request/mark", '{"note":"old"}', retain=True)
            async with publishing(tmp_path / "j.jsonl", port) as of:
                await eventually(of.is_up)
                await ear.say(f"{STREAM}/enabled/set", "OFF")
                await ear.say(f"{STREAM}/enabled/set", "ON")
                await ear.say(f"{ROOT}/request/mark", '{"note":"laughter","transaction":7}')
                await ear.say(f"{ROOT}/request/dance", '{"transaction":"x"}')
                await ear.say(f"{ROOT}/request/health_check", "")
                await eventually(lambda: bool(ear.of(f"{ROOT}/response/health_check")))
                assert [(command.value, note) for command, note in of.made.asked] == [
                    ("pause", ""),
                    ("resume", ""),
                    ("mark", "laughter"),
                ]
                answers = {topic: json.loads(ear.last(f"{ROOT}/response/{topic}") or "") for topic in ("mark", "dance")}
                assert (answers["mark"]["status"], answers["mark"]["transaction"]) == ("ok", 7)
                assert (answers["dance"]["status"], answers["dance"]["transaction"]) == ("error", "x")
                health = json.loads(ear.last(f"{ROOT}/response/health_check") or "")
                assert health["data"]["streams"]["interview"]["state"] == "live"
                assert ear.last(f"{STREAM}/preview/state") == "OFF"
            await ear.say(f"{STREAM}/preview/set", "", retain=True)
            await ear.say(f"{ROOT}/request/mark", "", retain=True)

    asyncio.run(look())


def test_the_last_state_stays_behind(port: int, tmp_path: Path) -> None:
    async def look() -> Listener:
        async with publishing(tmp_path / "j.jsonl", port, last=replace(ENDED, media_s=321.0)) as of:
            await eventually(of.is_up)
        async with listening(port) as ear:
            await eventually(lambda: ear.last(f"{ROOT}/info") is not None)
            await eventually(lambda: ear.last(f"{STREAM}/state") is not None)
            return ear

    ear = asyncio.run(look())
    assert json.loads(ear.last(f"{STREAM}/state") or "")["media_s"] == 321.0
    assert json.loads(ear.last(f"{ROOT}/info") or "")["stopped_reason"] == "ended"
    assert ear.last(f"{ROOT}/availability") == ear.last(f"{STREAM}/availability") == "offline"
