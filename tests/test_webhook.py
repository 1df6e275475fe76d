"""Webhooks: what is posted, how it is signed, and that nothing is lost while the receiver does not take it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.load import load_settings
from configs.output_settings import WebhookSettings
from monitor import records
from monitor.outputs.destinations import make_destinations
from monitor.outputs.webhook.destination import WebhookDestination
from monitor.record import Record
from monitor.snapshot import OutputState
from tests.made_hook import SECRET, VARIABLE, Hooked, MadeHook, Posted, Says
from tests.made_journal import SECRETS, SESSION, WORDS, made_records
from tests.made_stream import MadeStream

pytestmark = pytest.mark.unit

STATE = ("session", "link", "gap", "stall", "end")
FAILS = Says(503)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def made(tmp_path: Path) -> MadeStream:
    return MadeStream(tmp_path / "journal.jsonl")


def cursors(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state").rglob("*.json"))


def numbers(*kinds: str) -> list[int]:
    """Numbers of the made records of these kinds."""
    lines = [json.loads(record.to_line(SESSION, seq)) for seq, record in enumerate(made_records(), start=1)]
    return [line["seq"] for line in lines if line["kind"] in kinds]


def run(
    made: MadeStream,
    url: str,
    said: Collection[Record],
    *,
    before_end: Callable[[Hooked], object] = lambda _: None,
    **changed: object,
) -> None:
    """A session that says this, in one process."""

    async def main() -> None:
        async with Hooked(made, url, changed) as hooked:
            made.say(*said)
            await asyncio.to_thread(before_end, hooked)

    asyncio.run(main())


def test_verdicts_and_states_are_posted_in_order_and_signed(made: MadeStream, tmp_path: Path) -> None:
    with MadeHook() as hook:
        run(made, hook.url, made_records())
    assert [posted.seq for posted in hook.posted] == numbers("verdict", *STATE)
    assert [posted.id for posted in hook.posted] == [f"{SESSION}-{posted.seq}" for posted in hook.posted]
    assert all(posted.genuine for posted in hook.posted)
    assert {posted.headers["webhook-timestamp"] for posted in hook.posted} == {"1795341600"}  # 2026-11-22T10:00:00Z
    assert {posted.headers["content-type"] for posted in hook.posted} == {"application/json"}
    assert {posted.path for posted in hook.posted} == {"/hook?key=hunter2"}
    assert made.told[-1].state is OutputState.UP
    assert made.told[-1].waiting == 0
    assert cursors(tmp_path) == []


def test_an_event_names_its_kind_its_time_and_what_may_be_known(made: MadeStream) -> None:
    with MadeHook() as hook:
        run(made, hook.url, made_records(), kinds=["verdict", "estimate", "nfbl", "state"])
    events = {posted.event["type"]: posted.event for posted in hook.posted}
    assert events.keys() == {"verdict", "estimate", "nfbl", *STATE}
    assert all(set(event) == {"type", "timestamp", "data"} for event in events.values())
    verdict = events["verdict"]
    assert verdict["timestamp"] == verdict["data"]["ts"] == "2026-11-22T09:10:00.000Z"
    assert (verdict["data"]["stream"], verdict["data"]["session"]) == ("interview", SESSION)
    assert verdict["data"]["rationale"] is None
    assert events["link"]["data"]["state"] == "live"
    assert events["gap"]["data"].keys() >= {"track", "start_s", "end_s"}
    assert events["stall"]["data"]["stage"] == "face masking"
    assert events["end"]["data"]["totals"]["judged"] == 39
    assert events["session"]["data"]["deidentification"]["mask"] == "solid"


def test_no_path_address_notice_consent_or_word_is_posted(made: MadeStream) -> None:
    with MadeHook() as hook:
        run(made, hook.url, made_records(), kinds=["verdict", "estimate", "nfbl", "state"])
    for posted in hook.posted:
        for secret in (*SECRETS, WORDS, "10.0.0.7", "carol", "faces.py", "connection refused"):
            assert secret not in posted.body.decode()


def test_words_are_posted_only_where_they_are_asked_for(made: MadeStream) -> None:
    with MadeHook() as hook:
        run(made, hook.url, made_records(), kinds=["verdict"], rationale=True)
    assert [posted.seq for posted in hook.posted] == numbers("verdict", "description")
    texts = [posted.event["data"].get("text") for posted in hook.posted if posted.event["type"] == "description"]
    assert set(texts) == {WORDS}


def test_a_receiver_that_fails_is_asked_again_until_it_takes_it(made: MadeStream) -> None:
    with MadeHook([FAILS, Says(429, {"retry-after": "0"}), Says(302, {"location": "/elsewhere"}), Says()]) as hook:
        run(made, hook.url, made_records()[:3], before_end=lambda _: hook.wait_for(5))
    assert len({posted.id for posted in hook.posted[:4]}) == 1
    assert {posted.path for posted in hook.posted} == {"/hook?key=hunter2"}
    assert [posted.seq for posted in hook.taken] == [1, 3]


def test_nothing_is_lost_or_reordered_by_a_receiver_that_fails_half_the_time(made: MadeStream) -> None:
    turns = iter(range(10_000))

    def flaky(posted: Posted) -> Says:
        return FAILS if next(turns) % 2 else Says()

    with MadeHook(flaky) as hook:
        run(made, hook.url, made_records())
    assert [posted.seq for posted in hook.taken] == numbers("verdict", *STATE)


def test_what_is_refused_for_good_is_passed_over_and_the_next_goes_on(
    made: MadeStream, caplog: pytest.LogCaptureFixture
) -> None:
    with MadeHook(lambda posted: Says(422 if posted.seq == 1 else 200)) as hook, caplog.at_level(logging.WARNING):
        run(made, hook.url, made_records()[:3])
    assert [posted.seq for posted in hook.posted] == [1, 3]
    assert "session 1 of" in caplog.text
    assert "does not take it (422)" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_wrong_secret_loses_nothing_and_says_what_to_mend(made: MadeStream, tmp_path: Path) -> None:
    with MadeHook([Says(401)]) as hook:
        run(made, hook.url, made_records()[:3], drain_s=0.2)
        assert made.told[-1].state is OutputState.DOWN
        assert "2 records wait for the next session" in made.told[-1].reason
        assert "refuses (401): check the secret" in made.told[-1].reason
        assert len(cursors(tmp_path)) == 1


def test_who_answers_gone_is_left_alone_until_the_next_run(made: MadeStream, tmp_path: Path) -> None:
    with MadeHook([Says(410)]) as hook:
        run(made, hook.url, made_records(), drain_s=60.0)
        assert len(hook.posted) == 1
        assert made.told[-1].state is OutputState.STOPPED
        assert "wants no more (410)" in made.told[-1].reason
        assert len(cursors(tmp_path)) == 1


def test_what_one_run_left_the_next_delivers_as_late(made: MadeStream, tmp_path: Path) -> None:
    with MadeHook([FAILS]) as down:
        run(made, down.url, made_records(), drain_s=0.1)
        port = down.port
    other = MadeStream(tmp_path / "other.jsonl", session="l-00000000000000ff")
    with MadeHook(port=port) as hook:
        run(other, hook.url, [], before_end=lambda _: hook.wait_for(len(numbers("verdict", *STATE))))
    assert [posted.seq for posted in hook.posted] == numbers("verdict", *STATE)
    assert {posted.event["data"]["late"] for posted in hook.posted} == {True}
    assert {posted.id.rpartition("-")[0] for posted in hook.posted} == {SESSION}
    assert cursors(tmp_path) == []


def test_what_waits_for_one_receiver_is_not_sent_to_another(made: MadeStream, tmp_path: Path) -> None:
    with MadeHook([FAILS]) as down:
        run(made, down.url, made_records()[:3], drain_s=0.1)
        port = down.port
    other = MadeStream(tmp_path / "other.jsonl", session="l-00000000000000ff")
    with MadeHook(port=port) as hook:
        run(other, hook.url.replace("127.0.0.1", "localhost"), [])
        assert hook.posted == []
    assert len(cursors(tmp_path)) == 1


def test_two_streams_are_delivered_side_by_side(made: MadeStream, tmp_path: Path) -> None:
    other = MadeStream(tmp_path / "other.jsonl", session="l-00000000000000ff", name="camera")

    async def main() -> None:
        async with Hooked(made, hook.url, others=[other]):
            made.say(*made_records())
            other.say(*made_records())

    with MadeHook() as hook:
        asyncio.run(main())
    for stream, session in (("interview", SESSION), ("camera", other.session)):
        found = [posted for posted in hook.posted if posted.event["data"]["stream"] == stream]
        assert [posted.id for posted in found] == [f"{session}-{seq}" for seq in numbers("verdict", *STATE)]


def test_nothing_is_posted_unless_an_address_is_set() -> None:
    assert make_destinations(load_settings(None, (), {}).settings.outputs, {}) == []
    asked = load_settings(None, ("outputs.webhook.url=https://hooks.example/x",), {}).settings.outputs
    (destination,) = make_destinations(asked, {VARIABLE: SECRET})
    assert isinstance(destination, WebhookDestination)


@pytest.mark.parametrize(
    ("url", "secret", "told"),
    [
        ("https://hooks.example/hunter2", None, VARIABLE),
        ("https://hooks.example/hunter2", "too-short", "can be guessed"),
        ("https://hooks.example/hunter2", "whsec_MTIzNDU2", "can be guessed"),
        ("https://hooks.example/hunter2", "whsec_" + "?" * 32, "base64"),
        ("http://hooks.example/hunter2", SECRET, "https"),
        ("http://10.0.0.7/hunter2", SECRET, "https"),
        ("ftp://hooks.example/hunter2", SECRET, "no address"),
        ("hunter2", SECRET, "no address"),
        ("https://hooks.example:99999/hunter2", SECRET, "no address"),
        ("https:///hunter2", SECRET, "no address"),
        ("https://[hunter2", SECRET, "no address"),
        ("https://xn--a/hunter2", SECRET, "no address"),
        ("https://xn--zzzzzz99/hunter2", SECRET, "no address"),
    ],
)
def test_what_cannot_work_is_told_in_one_line_that_holds_no_secret(url: str, secret: str | None, told: str) -> None:
    environ = {} if secret is None else {VARIABLE: secret}
    with pytest.raises(ConfigError, match=told) as refused:
        WebhookDestination(WebhookSettings(url=url), url, environ)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    if secret is not None:
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]/x", "https://me:pw@a.example/"]
)
def test_https_is_asked_of_all_but_this_machine(url: str) -> None:
    WebhookDestination(WebhookSettings(url=url), url, {VARIABLE: "a-plain-secret-of-24-or-more"})


def test_a_state_folder_that_cannot_be_used_stops_the_webhook_and_not_the_session(
    made: MadeStream, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("in the way")
    with MadeHook() as hook:
        run(made, hook.url, made_records())
        assert hook.posted == []
    assert made.told[-1].state is OutputState.STOPPED
    assert "outbox" in made.told[-1].reason


def test_records_of_no_published_kind_wake_nobody(made: MadeStream) -> None:
    with MadeHook() as hook:
        run(made, hook.url, [made_records()[0], records.MarkRecord(media_s=1.0, note="she laughs")])
    assert [posted.event["type"] for posted in hook.posted] == ["session"]
