"""What a run leaves at the broker, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.outputs.mqtt.others import Others, read_info
from monitor.records import EndReason, EndRecord, TotalsRecord
from tests.made_broker import Listener, MadeBroker, eventually, listening
from tests.made_mqtt import ROOT, STREAM, long_way, publisher, publishing

pytestmark = pytest.mark.broker

TOTALS = TotalsRecord(judged=0, abstained=0, skipped=0, nfbl=0, gaps=0)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("monitor.outputs.mqtt.destination._TIDY_S", 0.3)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with MadeBroker(tmp_path / "broker") as broker:
        yield broker.port


def said(ear: Listener, topic: str) -> list[str]:
    return [message.payload.decode() for message in ear.of(topic)]


def test_who_is_started_again_right_after_a_crash_outlives_the_will_of_before(port: int, tmp_path: Path) -> None:
    """The will comes after five seconds, when the next run has long said that it is there."""

    async def look() -> list[str]:
        async with listening(port) as ear:
            with publisher(tmp_path / "a.jsonl", port):
                await eventually(lambda: ear.last(f"{ROOT}/availability") == "online", 30.0)
            async with publishing(tmp_path / "b.jsonl", port) as of:
                await eventually(of.is_up)
                await eventually(lambda: "offline" in said(ear, f"{ROOT}/availability"))
                await eventually(lambda: ear.last(f"{ROOT}/availability") == "online")
                async with listening(port) as late:
                    await eventually(lambda: late.last(f"{ROOT}/availability") is not None)
                    assert late.last(f"{ROOT}/availability") == "online"
            return said(ear, f"{ROOT}/availability")

    assert asyncio.run(look()) == ["online", "online", "offline", "online", "offline"]


def info(*streams: object, stopped: str | None = None, instance: object = "before") -> str:
    return json.dumps(
        {"instance": instance, "streams": [{"name": name} for name in streams], "stopped_reason": stopped}
    )


def test_streams_that_a_crash_left_behind_are_said_to_be_gone(port: int, tmp_path: Path) -> None:
    async def look() -> dict[str, str | None]:
        async with listening(port) as ear:
            await ear.say(f"{STREAM}/availability", "online", retain=True)
            await ear.say(f"{ROOT}/info", info("interview", "room2", "../x", 7, "a/b", ""), retain=True)
            async with publishing(tmp_path / "j.jsonl", port, name="room2") as of:
                await eventually(of.is_up)
                await eventually(lambda: ear.last(f"{STREAM}/availability") == "offline")
                topics = {message.topic for message in ear.heard if message.topic.endswith("availability")}
                return {topic: ear.last(topic) for topic in topics}

    assert asyncio.run(look()) == {
        f"{ROOT}/availability": "online",
        f"{ROOT}/streams/interview/availability": "offline",
        f"{ROOT}/streams/room2/availability": "online",
    }


def test_streams_of_another_program_that_runs_are_left_alone(port: int, tmp_path: Path) -> None:
    async def look() -> tuple[list[str], str | None]:
        async with listening(port) as ear, publishing(tmp_path / "a.jsonl", port) as first:
            await eventually(first.is_up)
            async with publishing(tmp_path / "b.jsonl", port, name="room2") as second:
                await eventually(lambda: "publishes as node n too" in second.status.reason)
                await asyncio.sleep(0.8)
            await eventually(lambda: first.status.reason == "")
            await eventually(lambda: ear.last(f"{ROOT}/availability") == "online")
            await eventually(lambda: '"stopped_reason":null' in (ear.last(f"{ROOT}/info") or ""))
            return said(ear, f"{STREAM}/availability"), ear.last(f"{ROOT}/info")

    words, last = asyncio.run(look())
    assert words == ["online"]
    assert '"name":"interview"' in (last or ""), "the one that is still there says who it is"


@pytest.mark.parametrize("reason", list(EndReason))
def test_why_it_stopped_is_what_the_journal_says(port: int, tmp_path: Path, reason: EndReason) -> None:
    async def look() -> str | None:
        async with listening(port) as ear:
            async with publishing(tmp_path / "j.jsonl", port) as of:
                await eventually(of.is_up)
                of.made.say(EndRecord(media_s=1.0, reason=reason, totals=TOTALS, notices=('"kind":"x"',)))
            await eventually(lambda: '"stopped_reason":"' in (ear.last(f"{ROOT}/info") or ""))
            return ear.last(f"{ROOT}/info")

    assert json.loads(asyncio.run(look()) or "")["stopped_reason"] == reason.value


def test_an_end_amid_the_greeting_is_an_end_in_order(port: int, tmp_path: Path) -> None:
    async def look() -> Listener:
        async with listening(port) as ear, long_way(port, 0.1) as slow:
            async with publishing(tmp_path / "j.jsonl", slow) as of:
                await eventually(lambda: bool(ear.of(f"{STREAM}/enabled/state")))
                assert not of.is_up()
                of.made.say(EndRecord(media_s=1.0, reason=EndReason.ENDED, totals=TOTALS, notices=()))
            await eventually(lambda: '"stopped_reason":"ended"' in (ear.last(f"{ROOT}/info") or ""))
            return ear

    ear = asyncio.run(look())
    assert said(ear, f"{ROOT}/availability") == ["offline"]
    assert ear.last(f"{STREAM}/availability") == "offline"


def test_figures_are_told_on_connecting_and_not_only_a_period_later(port: int, tmp_path: Path) -> None:
    async def look() -> list[str]:
        async with listening(port) as ear, publishing(tmp_path / "j.jsonl", port, "stats_s=600") as of:
            await eventually(of.is_up)
            await eventually(lambda: bool(ear.of(f"{ROOT}/stats")), 3.0)
            return said(ear, f"{ROOT}/stats")

    assert '"lag_s":0.4' in asyncio.run(look())[0]


def test_what_others_say_of_themselves_is_taken_only_where_it_makes_sense() -> None:
    for nonsense in (b"", b"7", b"[" * 60_000, b'{"instance":7}', b"{}", b"\xff", b" " * 70_000):
        assert read_info(nonsense) is None
    bare = read_info(b'{"instance":"x","streams":7}')
    assert bare is not None
    assert bare.streams == ()
    many = read_info(info(*(f"s{number}" for number in range(1000))).encode())
    assert many is not None
    assert len(many.streams) == 64


def test_who_ended_in_order_left_nothing_behind_and_a_rival_that_ends_is_none_any_more() -> None:
    others = Others("us", ["mine"])
    before, ended, rival, gone = (
        read_info(info(*names, stopped=stopped, instance=instance).encode())
        for names, stopped, instance in (
            (("mine", "old"), None, "before"),
            (("older",), "ended", "once"),
            ((), None, "rival"),
            ((), "ended", "rival"),
        )
    )
    assert before is not None
    assert ended is not None
    assert rival is not None
    assert gone is not None
    assert not others.heard(ended, retained=True)
    assert others.left == []
    assert not others.heard(before, retained=True)
    assert others.left == ["old"]
    assert others.heard(rival, retained=False)
    assert not others.heard(rival, retained=False)
    assert (others.rivals, others.left) == (True, [])
    assert others.heard(gone, retained=False)
    assert (others.rivals, others.left) == (False, ["old"])
    others.tidied()
    assert others.left == []
