"""Webhooks: to whom what waits may be sent, what of it, and for how long the end of a stream waits for them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection
from pathlib import Path

import pytest

from monitor.outputs.webhook.hook import Hook
from monitor.record import Record
from monitor.snapshot import OutputState
from tests.made_hook import Hooked, MadeHook, Posted, Says
from tests.made_journal import SESSION, WORDS, made_records
from tests.made_stream import MadeStream

pytestmark = pytest.mark.unit

RECORDS = made_records()

FAILS = Says(503)

NEXT = "l-00000000000000ff"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def a_session(folder: Path, session: str, url: str, said: Collection[Record], **changed: object) -> MadeStream:
    """A session that says this and waits a moment for it; the stream that it was."""
    made = MadeStream(folder / f"{session}.jsonl", session=session)

    async def main() -> None:
        async with Hooked(made, url, {"drain_s": 1.0, **changed}) as hooked:
            made.say(*said)
            earlier = hooked.destination.outbox.deliver_earlier([session])
            await asyncio.wait_for(earlier, 20.0)

    asyncio.run(main())
    made.file.close()
    return made


def left(folder: Path, said: Collection[Record] = RECORDS, **changed: object) -> int:
    """A session whose receiver fails; the port that it had."""
    with MadeHook([FAILS]) as down:
        a_session(folder, SESSION, down.url, said, drain_s=0.1, **changed)
        return down.port


def waiting(folder: Path) -> list[str]:
    return [path.stem for path in (folder / "state").rglob("*.json")]


def test_another_path_is_another_receiver_and_another_key_is_not(tmp_path: Path) -> None:
    with MadeHook(port=left(tmp_path, RECORDS[:3])) as hook:
        a_session(tmp_path, NEXT, hook.url.replace("/hook", "/tenant-b"), [])
        assert (hook.posted, waiting(tmp_path)) == ([], [SESSION])
        a_session(tmp_path, NEXT, hook.url.replace("hunter2", "hunter3"), [])
        assert [posted.seq for posted in hook.posted] == [1, 3]
        assert waiting(tmp_path) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://hooks.example/x", "https://HOOKS.example:443/x?key=1", True),
        ("https://hooks.example/x", "https://me:pw@hooks.example/x", True),
        ("https://hooks.example/x", "https://hooks.example/X", False),
        ("https://hooks.example/x", "https://hooks.example:8443/x", False),
        ("https://a-b.example/", "https://a.b.example/", False),
        ("https://localhost/x", "http://localhost/x", False),
        ("https://h.example/\u00e9", "https://h.example/%C3%A9", True),
    ],
)
def test_receivers_are_told_apart_by_scheme_host_port_and_path(one: str, other: str, same: bool) -> None:
    hooks = [Hook(url, b"k" * 24, timeout_s=1.0) for url in (one, other)]
    assert (hooks[0].receiver == hooks[1].receiver) is same


def test_words_of_a_session_that_did_not_ask_for_them_are_not_sent_by_a_next_one_that_does(tmp_path: Path) -> None:
    port = left(tmp_path, kinds=["verdict"])
    with MadeHook(port=port) as hook:
        a_session(tmp_path, NEXT, hook.url, RECORDS, kinds=["verdict", "nfbl", "state"], rationale=True)
    late = [posted for posted in hook.posted if posted.id.startswith(SESSION)]
    assert {posted.event["type"] for posted in late} == {"verdict"}
    assert len(late) == 39
    assert not any(WORDS in posted.body.decode() or posted.event["data"]["rationale"] for posted in late)
    own = [posted for posted in hook.posted if posted.id.startswith(NEXT)]
    assert any(posted.event["type"] == "description" for posted in own)


def test_words_that_were_asked_for_are_not_sent_by_a_next_session_that_does_not(tmp_path: Path) -> None:
    port = left(tmp_path, rationale=True)
    with MadeHook(port=port) as hook:
        a_session(tmp_path, NEXT, hook.url, [])
    assert {posted.event["type"] for posted in hook.posted} >= {"verdict", "end"}
    assert not any(WORDS in posted.body.decode() for posted in hook.posted)


def test_words_wait_too_where_both_sessions_ask_for_them(tmp_path: Path) -> None:
    port = left(tmp_path, rationale=True)
    with MadeHook(port=port) as hook:
        a_session(tmp_path, NEXT, hook.url, [], rationale=True)
    assert WORDS in {posted.event["data"].get("text") for posted in hook.posted}


def test_each_stream_has_a_time_of_its_own_to_hand_over_what_it_has(tmp_path: Path) -> None:
    first = MadeStream(tmp_path / "first.jsonl", name="first", session="l-000000000000000a")
    second = MadeStream(tmp_path / "second.jsonl", name="second", session="l-000000000000000b")

    async def main() -> None:
        async with Hooked(first, hook.url, {"drain_s": 2.0}, others=[second]) as hooked:
            await hooked.outputs[0].close(None)
            loop = asyncio.get_running_loop()
            clock = loop.time
            loop.time = lambda: clock() + 60.0  # type: ignore[method-assign]
            second.say(*RECORDS[:3])

    with MadeHook() as hook:
        asyncio.run(main())
        assert [posted.seq for posted in hook.posted] == [1, 3]
    assert waiting(tmp_path) == []
    assert second.told[-1].waiting == 0


def test_who_answers_gone_to_one_stream_is_sent_nothing_of_the_others(tmp_path: Path) -> None:
    first = MadeStream(tmp_path / "first.jsonl", name="first", session="l-000000000000000a")
    second = MadeStream(tmp_path / "second.jsonl", name="second", session="l-000000000000000b")

    def answer(posted: Posted) -> Says:
        return Says(410) if "000a-" in posted.id else Says()

    async def main() -> None:
        async with Hooked(first, hook.url, others=[second]) as hooked:
            first.say(RECORDS[0])
            await hooked.until(OutputState.STOPPED)
            second.say(*RECORDS[:5])

    with MadeHook(answer) as hook:
        asyncio.run(main())
        assert len(hook.posted) == 1
    assert {made.told[-1].state for made in (first, second)} == {OutputState.STOPPED}
    assert len(waiting(tmp_path)) == 2


def test_a_resolver_that_hangs_is_asked_in_one_thread_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, may, asked = MadeStream(tmp_path / "j.jsonl"), threading.Event(), list[str]()

    def hangs(*_: object, **__: object) -> list[object]:
        asked.append(threading.current_thread().name)
        may.wait(60.0)
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    async def main() -> None:
        async with Hooked(made, "https://hooks.example/x", {"timeout_s": 0.1, "drain_s": 0.3}) as hooked:
            made.say(RECORDS[0])
            told = await hooked.until(OutputState.DOWN)
            assert told.reason == (
                "hooks.example cannot be reached: nobody who knows its name within 0.1 s; it is tried again"
            )

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", hangs)
        try:
            asyncio.run(main())
        finally:
            may.set()
    assert asked == ["lookup"]


@pytest.mark.parametrize("where", ["data:x", "http://[::1", "http://a:99999999/", "https://xn--a/", "\x01", "//"])
def test_a_receiver_that_sends_somewhere_odd_sends_elsewhere(tmp_path: Path, where: str) -> None:
    made = MadeStream(tmp_path / "j.jsonl")

    async def main() -> str:
        async with Hooked(made, hook.url, {"drain_s": 0.1}) as hooked:
            made.say(RECORDS[0])
            return (await hooked.until(OutputState.DOWN)).reason

    with MadeHook([Says(302, {"location": where})]) as hook:
        assert "127.0.0.1 sends elsewhere (302)" in asyncio.run(main())
