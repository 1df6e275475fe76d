"""What waits for a broker: to which one it may go, and with whose words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.made_broker import Listener, MadeBroker, eventually, listening
from tests.made_journal import WORDS, made_records
from tests.made_mqtt import STREAM, publishing

pytestmark = pytest.mark.broker

RECORDS = made_records()


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def in_vain(journal: Path, port: int, *overrides: str) -> None:
    """A session whose broker is away."""
    async with publishing(journal, port, "drain_s=0.1", *overrides) as of:
        of.made.say(*RECORDS)


async def heard(journal: Path, port: int, *overrides: str, count: int = 0) -> Listener:
    """What is published while a session says nothing itself, once there are so many verdicts."""
    async with listening(port) as ear:
        async with publishing(journal, port, *overrides) as of:
            await eventually(lambda: of.is_up() and len(ear.of(f"{STREAM}/verdict")) >= count)
        return ear


def test_what_waits_for_one_broker_goes_to_no_other(tmp_path: Path) -> None:
    clinic = MadeBroker(tmp_path / "clinic")
    asyncio.run(in_vain(tmp_path / "a.jsonl", clinic.port))
    with MadeBroker(tmp_path / "home") as home:
        assert asyncio.run(heard(tmp_path / "b.jsonl", home.port)).of(f"{STREAM}/verdict") == []
    with clinic:
        assert len(asyncio.run(heard(tmp_path / "c.jsonl", clinic.port, count=39)).of(f"{STREAM}/verdict")) == 39


def test_what_waits_under_one_base_topic_is_not_published_under_another(tmp_path: Path) -> None:
    broker = MadeBroker(tmp_path / "broker")
    asyncio.run(in_vain(tmp_path / "a.jsonl", broker.port))
    with broker:
        ear = asyncio.run(heard(tmp_path / "b.jsonl", broker.port, "base_topic=other"))
    assert [message for message in ear.heard if message.topic.endswith("/verdict")] == []


def test_words_that_were_not_asked_for_are_not_published_by_a_next_session_that_asks(tmp_path: Path) -> None:
    broker = MadeBroker(tmp_path / "broker")
    asyncio.run(in_vain(tmp_path / "a.jsonl", broker.port))
    with broker:
        ear = asyncio.run(heard(tmp_path / "b.jsonl", broker.port, "rationale=true", count=39))
    assert ear.of(f"{STREAM}/description") == []
    assert not any(WORDS in str(message.payload) for message in ear.heard)
    assert not any('"rationale":"' in str(message.payload) for message in ear.heard)
