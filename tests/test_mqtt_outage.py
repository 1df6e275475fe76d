"""A broker that goes away, forgets, freezes; a monitor that is killed: no verdict is lost, none out of order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.record import Record
from monitor.records import VerdictRecord
from monitor.snapshot import OutputState
from tests.made_broker import Listener, MadeBroker, eventually, listening
from tests.made_journal import made_records
from tests.made_mqtt import LIVE, ROOT, STREAM, publisher, publishing

pytestmark = pytest.mark.broker

RECORDS = made_records()
KEPT = [number for number, record in enumerate(RECORDS, start=1) if isinstance(record, VerdictRecord)]


RETAINED = (
    f"{ROOT}/availability",
    f"{ROOT}/info",
    f"{STREAM}/availability",
    f"{STREAM}/state",
    f"{STREAM}/enabled/state",
    f"{STREAM}/preview/state",
    "homeassistant/device/n/interview/config",
)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MadeBroker]:
    with MadeBroker(tmp_path / "broker") as made:
        yield made


def verdicts(ear: Listener) -> list[dict[str, object]]:
    return [json.loads(message.payload) for message in ear.of(f"{STREAM}/verdict")]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def first_times(seqs: list[object]) -> list[object]:
    """Each number where it came first: duplicates are allowed, gaps and another order are not."""
    return list(dict.fromkeys(seqs))


def test_a_broker_that_was_away_and_forgot_everything_is_told_everything(broker: MadeBroker, tmp_path: Path) -> None:
    half = len(RECORDS) // 2

    async def look() -> tuple[list[object], dict[str, str | None]]:
        async with listening(broker.port) as ear, publishing(tmp_path / "j.jsonl", broker.port) as of:
            of.made.say(*RECORDS[:half])
            await eventually(lambda: len(verdicts(ear)) >= 5)
            broker.kill()
            of.made.say(*RECORDS[half:])
            await eventually(lambda: "nobody listens" in of.status.reason)
            of.output.show(LIVE)
            assert of.status.waiting
            broker.start()
            await eventually(lambda: len(first_times([told["seq"] for told in verdicts(ear)])) == len(KEPT))
            async with listening(broker.port) as late:
                await eventually(lambda: all(late.last(topic) is not None for topic in RETAINED))
                kept = {topic: late.last(topic) for topic in RETAINED}
            return [told["seq"] for told in verdicts(ear)], kept

    seqs, kept = asyncio.run(look())
    assert first_times(seqs) == KEPT
    assert kept[f"{ROOT}/availability"] == kept[f"{STREAM}/availability"] == "online"


def test_what_a_session_could_not_deliver_goes_out_with_the_next(tmp_path: Path) -> None:
    broker = MadeBroker(tmp_path / "broker")

    async def alone() -> int | None:
        async with publishing(tmp_path / "a.jsonl", broker.port, "drain_s=0.2") as of:
            of.made.say(*RECORDS)
        return of.status.waiting

    async def later() -> list[dict[str, object]]:
        async with listening(broker.port) as ear, publishing(tmp_path / "b.jsonl", broker.port):
            await eventually(lambda: len(verdicts(ear)) == len(KEPT))
            return verdicts(ear)

    assert asyncio.run(alone()) == 48
    with broker:
        told = asyncio.run(later())
    assert [one["seq"] for one in told] == KEPT
    assert {one["late"] for one in told} == {True}
    assert {one["session"] for one in told} == {"l-a"}


def test_a_monitor_that_is_killed_is_reported_by_the_will_and_goes_on_where_it_was(
    broker: MadeBroker, tmp_path: Path
) -> None:
    journal = tmp_path / "a.jsonl"

    async def look() -> tuple[str | None, list[dict[str, object]]]:
        async with listening(broker.port) as ear:
            with publisher(journal, broker.port):
                await eventually(lambda: len(verdicts(ear)) >= 10, 30.0)
                broker.freeze()
                await eventually(lambda: len(journal.read_bytes().splitlines()) == len(RECORDS))
            broker.thaw()
            await eventually(lambda: ear.last(f"{ROOT}/availability") == "offline")
            async with listening(broker.port) as late:
                await eventually(lambda: late.last(f"{ROOT}/availability") is not None)
                gone = late.last(f"{ROOT}/availability")
            before = len(verdicts(ear))
            async with publishing(tmp_path / "b.jsonl", broker.port):
                await eventually(lambda: len(first_times([one["seq"] for one in verdicts(ear)])) == len(KEPT))
            assert [one["late"] for one in verdicts(ear)[before:]] == [True] * (len(verdicts(ear)) - before)
            return gone, verdicts(ear)

    gone, told = asyncio.run(look())
    assert gone == "offline"
    assert first_times([one["seq"] for one in told]) == KEPT
    assert len(told) <= len(KEPT) + 1, "one was on its way, the rest had been acknowledged"


def test_a_broker_that_reads_nothing_any_more_holds_nobody_up(broker: MadeBroker, tmp_path: Path) -> None:
    async def look() -> tuple[float, list[str], list[object]]:
        loop = asyncio.get_running_loop()
        async with listening(broker.port) as ear, publishing(tmp_path / "j.jsonl", broker.port, answer_s=0.5) as of:
            await eventually(of.is_up)
            broker.freeze()
            slowest = 0.0
            for record in RECORDS:
                began_s = loop.time()
                of.made.say(record)
                of.output.show(LIVE)
                slowest = max(slowest, loop.time() - began_s)
                await asyncio.sleep(0)
            await eventually(lambda: of.status.state is OutputState.DOWN)
            await asyncio.sleep(1.5)  # an attempt meanwhile, which is not answered
            broker.thaw()
            await eventually(lambda: len(first_times([told["seq"] for told in verdicts(ear)])) == len(KEPT))
            assert hasattr(ear.of(f"{STREAM}/verdict")[-1].properties, "ContentType"), "it still speaks MQTT 5"
            return slowest, of.reasons(OutputState.DOWN), [told["seq"] for told in verdicts(ear)]

    slowest, reasons, seqs = asyncio.run(look())
    assert slowest < 0.1
    assert [reason.partition(" ")[2] for reason in reasons] == ["does not answer any more"]
    assert first_times(seqs) == KEPT


def test_the_end_of_a_session_does_not_wait_for_a_frozen_broker(broker: MadeBroker, tmp_path: Path) -> None:
    async def look() -> float:
        loop = asyncio.get_running_loop()
        async with publishing(tmp_path / "j.jsonl", broker.port, "drain_s=0.5") as of:
            await eventually(of.is_up)
            broker.freeze()
            of.made.say(*RECORDS)
            began_s = loop.time()
        took_s = loop.time() - began_s
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        return took_s

    try:
        assert asyncio.run(look()) < 7.0  # the drain, the last state, the farewell and the goodbye, each bounded
    finally:
        broker.thaw()


def test_attempts_leave_no_sockets_and_no_tasks(tmp_path: Path) -> None:
    broker = MadeBroker(tmp_path / "broker")

    async def look() -> tuple[int, int]:
        async with publishing(tmp_path / "j.jsonl", broker.port) as of:
            await eventually(lambda: of.status.state is OutputState.DOWN)
            tasks = len(asyncio.all_tasks())
            files = open_files()
            for _ in range(3):
                broker.start()
                await eventually(of.is_up)
                broker.kill()
                await eventually(lambda: of.status.state is OutputState.DOWN)
            await asyncio.sleep(0.5)
            return len(asyncio.all_tasks()) - tasks, open_files() - files

    tasks, files = asyncio.run(look())
    assert tasks <= 1
    assert files <= 2


def test_records_are_told_to_the_outbox_only_by_their_journal(broker: MadeBroker, tmp_path: Path) -> None:
    """A line that stands in no journal is delivered to nobody: the journal is the truth."""
    other: list[Record] = made_records()[:1]

    async def look() -> int:
        async with listening(broker.port) as ear:
            async with publishing(tmp_path / "j.jsonl", broker.port) as of:
                of.made.say(*other)
                await eventually(of.is_up)
                of.output.record('{"kind":"verdict","seq":99}')
                await asyncio.sleep(0.3)
            return len(verdicts(ear))

    assert asyncio.run(look()) == 0
