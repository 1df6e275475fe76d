"""Brokers that will not have us, or are not there: one clear line each, and on it goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import aiomqtt
import pytest

from monitor.snapshot import OutputState
from tests.made_broker import Certificates, MadeBroker, eventually, free_port, listening, made_certificates
from tests.made_journal import made_records
from tests.made_mqtt import LIVE, ROOT, STREAM, Publishing, publishing
from tests.made_old_broker import Manner, few_words

pytestmark = pytest.mark.broker

PASSWORD = "correct-horse"
VARIABLE = "EMOTION_MONITOR_MQTT_PASSWORD"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_certificates(tmp_path_factory.mktemp("certificates"))


def reason(
    tmp_path: Path, port: int, *overrides: str, environ: Mapping[str, str] | None = None, answer_s: float = 5.0
) -> str:
    """The first line that is said of a broker that cannot be used; the session goes on meanwhile."""

    async def look() -> str:
        async with publishing(tmp_path / "j.jsonl", port, *overrides, environ=environ, answer_s=answer_s) as of:
            await eventually(lambda: bool(of.reasons(OutputState.DOWN)))
            assert not of.reasons(OutputState.UP)
            return of.reasons(OutputState.DOWN)[0]

    line = asyncio.run(look())
    assert "\n" not in line
    assert len(line) < 200
    assert PASSWORD not in line
    return line


def is_up(tmp_path: Path, port: int, *overrides: str, environ: Mapping[str, str] | None = None) -> None:
    async def look() -> None:
        async with publishing(tmp_path / f"{token_hex(4)}.jsonl", port, *overrides, environ=environ) as of:
            await eventually(of.is_up)

    asyncio.run(look())


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
def test_a_wrong_password_is_named_and_the_right_one_works(tmp_path: Path, protocol: str) -> None:
    speak = f'protocol="{protocol}"'
    with MadeBroker(tmp_path / "broker", users={"monitor": PASSWORD}) as broker:
        wrong = reason(tmp_path, broker.port, "username=monitor", speak, environ={VARIABLE: "wrong"})
        nobody = reason(tmp_path, broker.port, speak)
        is_up(tmp_path, broker.port, "username=monitor", speak, environ={VARIABLE: PASSWORD})
    assert wrong.startswith("the broker refuses the login (")
    assert "outputs.mqtt.username and its password" in wrong
    assert "it may want" in nobody


def test_the_password_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    with MadeBroker(tmp_path / "broker", users={"monitor": PASSWORD}) as broker:
        is_up(tmp_path, broker.port, "username=monitor", f"password_file={secret}")


def test_tls_works_with_the_authority_that_signed_the_broker(tmp_path: Path, certificates: Certificates) -> None:
    with MadeBroker(tmp_path / "broker", lines=certificates.lines) as broker:
        is_up(tmp_path, broker.port, "tls.enabled=true", f"tls.ca_file={certificates.authority}")


def test_another_authority_is_not_trusted(tmp_path: Path, certificates: Certificates) -> None:
    other = made_certificates(tmp_path / "other")
    with MadeBroker(tmp_path / "broker", lines=certificates.lines) as broker:
        wrong = reason(tmp_path, broker.port, "tls.enabled=true", f"tls.ca_file={other.authority}")
        unknown = reason(tmp_path, broker.port, "tls.enabled=true")
    for line in (wrong, unknown):
        assert "is not trusted (" in line
        assert "check outputs.mqtt.tls.ca_file" in line


def test_a_certificate_for_another_name_is_taken_only_where_that_was_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = made_certificates(tmp_path / "certificates", host="broker.example")
    trusted = ("tls.enabled=true", f"tls.ca_file={other.authority}")
    with MadeBroker(tmp_path / "broker", lines=other.lines) as broker:
        assert "is not valid for '127.0.0.1'" in reason(tmp_path, broker.port, *trusted)
        assert "insecure" not in caplog.text
        is_up(tmp_path, broker.port, *trusted, "tls.insecure=true")
    assert "outputs.mqtt.tls.insecure: the broker's name is not checked" in caplog.text


def test_a_broker_that_wants_a_certificate_gets_it(tmp_path: Path, certificates: Certificates) -> None:
    lines = [*certificates.lines, "require_certificate true"]
    trusted = ("tls.enabled=true", f"tls.ca_file={certificates.authority}")
    own = (f"tls.certificate={certificates.client}", f"tls.key={certificates.client_key}")
    with MadeBroker(tmp_path / "broker", lines=lines) as broker:
        is_up(tmp_path, broker.port, *trusted, *own)
        without = reason(tmp_path, broker.port, *trusted, answer_s=0.5)
    assert "whether it wants a client certificate" in without


def test_tls_spoken_to_a_plain_port_and_the_reverse_are_told_apart(tmp_path: Path, certificates: Certificates) -> None:
    with MadeBroker(tmp_path / "plain") as broker:
        assert "does not speak TLS" in reason(tmp_path, broker.port, "tls.enabled=true")
    with MadeBroker(tmp_path / "broker", lines=certificates.lines) as broker:
        assert "whether it expects TLS" in reason(tmp_path, broker.port, answer_s=0.5)


def test_nobody_there_and_no_such_name_are_told_apart(tmp_path: Path) -> None:
    assert "nobody listens at 127.0.0.1:" in reason(tmp_path, free_port())
    assert "no address is known for broker.invalid" in reason(tmp_path, 1883, "host=broker.invalid")


def test_somebody_who_takes_connections_and_says_nothing_is_no_broker(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = reason(tmp_path, silent.getsockname()[1], answer_s=0.3)
    assert "takes the connection but does not answer" in line


def test_topics_that_the_broker_forbids_are_waited_for_and_nothing_is_counted_as_delivered(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite #\ntopic deny {STREAM}/verdict\n")
    acl.chmod(0o600)

    async def look(port: int) -> tuple[str, int | None]:
        async with publishing(tmp_path / "j.jsonl", port) as of:
            of.made.say(*made_records())
            await eventually(lambda: of.status.state is OutputState.DOWN)
        return of.reasons(OutputState.DOWN)[0], of.status.waiting

    with MadeBroker(tmp_path / "broker", lines=[f"acl_file {acl}"]) as broker:
        line, waiting = asyncio.run(look(broker.port))
    assert line.startswith("the broker refuses what is published (Not authorized)")
    assert waiting == 48


def test_a_name_that_was_mended_meanwhile_works_without_a_new_start(tmp_path: Path) -> None:
    broker = MadeBroker(tmp_path / "broker", users={"monitor": "another"})

    async def look() -> None:
        async with publishing(
            tmp_path / "j.jsonl", broker.port, "username=monitor", environ={VARIABLE: PASSWORD}
        ) as of:
            await eventually(lambda: "refuses the login" in of.status.reason)
            broker.stop()
            broker.users = {"monitor": PASSWORD}
            broker.start()
            await eventually(of.is_up)

    try:
        broker.start()
        asyncio.run(look())
    finally:
        broker.kill()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_of_two_clients_with_one_id_one_stops_and_says_why(tmp_path: Path, protocol: str) -> None:
    async def look(port: int) -> list[str]:
        own = ("client_id=twin", f'protocol="{protocol}"')
        async with (
            publishing(tmp_path / "a.jsonl", port, *own, "node=a") as first,
            publishing(tmp_path / "b.jsonl", port, *own, "node=b") as second,
        ):
            both = (first, second)
            await eventually(lambda: any(of.status.state is OutputState.STOPPED for of in both))
            await eventually(lambda: any(of.is_up() for of in both))
            told = len(first.made.told) + len(second.made.told)
            await asyncio.sleep(1.5)  # several times the wait between attempts
            assert len(first.made.told) + len(second.made.told) == told
            assert sorted(of.status.state.value for of in both) == ["stopped", "up"]
            return [of.status.reason for of in both if of.status.reason]

    with MadeBroker(tmp_path / "broker") as broker:
        (line,) = asyncio.run(look(broker.port))
    assert "another client uses the id twin" in line
    assert "set outputs.mqtt.client_id" in line


def test_a_broker_that_says_who_took_over_is_believed_at_once(tmp_path: Path) -> None:
    async def look() -> list[str]:
        async with few_words(Manner.TAKES_OVER) as broker:
            async with publishing(tmp_path / "j.jsonl", broker.port, "client_id=twin") as of:
                await eventually(lambda: of.status.state is OutputState.STOPPED)
                await asyncio.sleep(1.0)
            assert broker.connects == [5]
            return of.reasons(OutputState.STOPPED)

    assert asyncio.run(look()) == [
        "another client has taken over the id twin: give each its own outputs.mqtt.client_id"
    ]


@pytest.mark.parametrize(("manner", "answer_s"), [(Manner.REFUSES_5, 5.0), (Manner.IGNORES_5, 0.3)])
def test_a_broker_that_speaks_only_3_1_1_is_spoken_to_in_it(tmp_path: Path, manner: Manner, answer_s: float) -> None:
    async def look() -> None:
        async with few_words(manner) as broker:
            async with publishing(tmp_path / "j.jsonl", broker.port, answer_s=answer_s) as of:
                await eventually(of.is_up)
                of.made.say(*made_records())
                await eventually(lambda: broker.topics.count(f"{STREAM}/verdict") == 39)
            assert broker.connects == [5, 4]
            if manner is Manner.REFUSES_5:
                assert of.reasons(OutputState.DOWN) == []

    asyncio.run(look())


def test_who_insists_on_mqtt_5_is_told_that_the_broker_does_not_speak_it(tmp_path: Path) -> None:
    async def look() -> str:
        async with (
            few_words(Manner.REFUSES_5) as broker,
            publishing(tmp_path / "j.jsonl", broker.port, 'protocol="5"') as of,
        ):
            await eventually(lambda: of.status.state is OutputState.DOWN)
            return of.status.reason

    assert asyncio.run(look()) == "the broker does not speak MQTT 5: set outputs.mqtt.protocol=auto"


def test_two_installations_of_one_name_are_told_of_each_other(tmp_path: Path) -> None:
    async def look(port: int) -> list[str]:
        async with publishing(tmp_path / "a.jsonl", port) as first:
            await eventually(first.is_up)
            async with publishing(tmp_path / "b.jsonl", port) as second:
                await eventually(lambda: all("publishes as node n too" in of.status.reason for of in (first, second)))
                return [of.status.state.value for of in (first, second)]

    with MadeBroker(tmp_path / "broker") as broker:
        assert asyncio.run(look(broker.port)) == ["up", "up"]


def test_one_that_is_started_again_does_not_take_its_own_traces_for_another(tmp_path: Path) -> None:
    async def look(port: int) -> list[str]:
        async with publishing(tmp_path / "a.jsonl", port) as before:
            await eventually(before.is_up)
        async with listening(port) as ear, publishing(tmp_path / "b.jsonl", port) as of:
            await eventually(of.is_up)
            await eventually(lambda: len(ear.of(f"{ROOT}/info")) >= 2)
            await asyncio.sleep(0.2)
            return of.reasons(OutputState.UP)

    with MadeBroker(tmp_path / "broker") as broker:
        assert asyncio.run(look(broker.port)) == [""]


def test_the_access_list_of_the_documentation_lets_everybody_do_their_part_and_no_more(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs/mqtt.md").read_text("utf-8")
    acl = tmp_path / "acl"
    acl.write_text(page.partition("```acl\n")[2].partition("```")[0].replace("NODE", "n"))
    acl.chmod(0o600)

    async def look(port: int) -> tuple[list[str], str | None]:
        own = ("username=monitor", "stats_s=0.2")
        async with (
            publishing(tmp_path / "j.jsonl", port, *own, environ={VARIABLE: PASSWORD}) as of,
            aiomqtt.Client("127.0.0.1", port, username="viewer", password=PASSWORD) as viewer,
            aiomqtt.Client("127.0.0.1", port, username="operator", password=PASSWORD) as operator,
        ):
            await eventually(of.is_up)
            of.made.say(*made_records())
            await viewer.subscribe(f"{STREAM}/preview/state", 1)
            await viewer.publish(f"{STREAM}/enabled/set", "OFF", 1)
            await operator.publish(f"{STREAM}/preview/set", "ON", 1)
            async for message in viewer.messages:
                if message.payload == b"ON":
                    break
            await eventually(lambda: of.status.waiting == 0 or shown(of))
            return [command.value for command, _ in of.made.asked], of.status.reason

    def shown(of: Publishing) -> bool:
        of.output.show(LIVE)
        return of.status.waiting == 0

    users = dict.fromkeys(("monitor", "viewer", "operator"), PASSWORD)
    with MadeBroker(tmp_path / "broker", users=users, lines=[f"acl_file {acl}"]) as broker:
        asked, reason_now = asyncio.run(look(broker.port))
    assert asked == []
    assert reason_now == ""
