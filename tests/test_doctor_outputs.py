"""The doctor says of everything that leaves the machine whether it can work, and publishes nothing."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import cli
from commands.flags import load
from configs.load import load_settings
from monitor.doctor import outputs
from monitor.doctor.check import Check, Status
from monitor.doctor.guard import examined
from monitor.doctor.probe import Asked, answer
from tests.made_broker import MadeBroker, free_port, made_certificates

PASSWORD = "hunter2-hunter2"

SECRET = "s" * 32


def asked(name: str, *overrides: str) -> Check:
    (probe,) = (probe for probe in outputs.SECTION.probes if probe.name == name)
    (check,) = answer(outputs.SECTION, probe, Asked(load_settings(None, overrides, {}).settings))
    assert PASSWORD not in f"{check.found}{check.remedy}"
    assert SECRET not in f"{check.found}{check.remedy}"
    return check


def broker(port: int, *overrides: str) -> Check:
    return asked("broker (MQTT)", "outputs.mqtt.enabled=true", f"outputs.mqtt.port={port}", *overrides)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.unit
@pytest.mark.parametrize("name", ["broker (MQTT)", "page", "metrics", "webhook"])
def test_what_is_not_set_is_not_asked(name: str) -> None:
    assert asked(name) == Check("outputs", name, Status.SKIP, "not set")


@pytest.mark.unit
def test_a_broker_that_is_not_there_fails_with_what_to_do() -> None:
    check = broker(free_port())
    assert check.status is Status.FAIL
    assert check.found.startswith("nobody listens at 127.0.0.1:")
    assert check.remedy.startswith("start the broker")


@pytest.mark.unit
def test_a_broker_that_says_nothing_is_not_waited_for(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "ANSWER_S", 0.3)
    check = broker(taken)
    assert check.status is Status.FAIL
    assert "takes the connection but does not answer" in check.found


@pytest.mark.unit
def test_a_name_without_a_password_is_a_setting_that_cannot_work() -> None:
    check = broker(1883, "outputs.mqtt.username=carol")
    assert check.status is Status.FAIL
    assert "EMOTION_MONITOR_MQTT_PASSWORD" in check.found


@pytest.mark.broker
def test_a_broker_that_answers_is_told_with_how(tmp_path: Path) -> None:
    with MadeBroker(tmp_path / "broker") as made:
        check = broker(made.port)
        assert check.status is Status.OK
        assert f"127.0.0.1:{made.port} answers in " in check.found
        assert check.found.endswith("ms, MQTT 5, not encrypted, without a login")
        assert broker(made.port, "outputs.mqtt.protocol=3.1.1").found.endswith(
            "MQTT 3.1.1, not encrypted, without a login"
        )


@pytest.mark.broker
def test_a_password_is_right_or_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MadeBroker(tmp_path / "broker", users={"carol": PASSWORD}) as made:
        monkeypatch.setenv("EMOTION_MONITOR_MQTT_PASSWORD", PASSWORD)
        assert broker(made.port, "outputs.mqtt.username=carol").found.endswith("as carol")
        monkeypatch.setenv("EMOTION_MONITOR_MQTT_PASSWORD", "wrong")
        check = broker(made.port, "outputs.mqtt.username=carol")
        assert check.status is Status.FAIL
        assert check.found.startswith("the broker refuses the login")
        assert check.remedy == "check outputs.mqtt.username and its password"
        assert broker(made.port).remedy == "it may want outputs.mqtt.username and its password"


@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # paho leaves the socket of a failed handshake to the collector
def test_a_certificate_is_trusted_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, others = (made_certificates(tmp_path / name) for name in ("ours", "others"))
    with MadeBroker(tmp_path / "broker", lines=ours.lines) as made:
        tls = "outputs.mqtt.tls.enabled=true"
        check = broker(made.port, tls, f"outputs.mqtt.tls.ca_file={ours.authority}")
        assert (check.status, "MQTT 5, TLS" in check.found) == (Status.OK, True), check
        check = broker(made.port, tls, f"outputs.mqtt.tls.ca_file={others.authority}")
        assert check.status is Status.FAIL
        assert "is not trusted" in check.found
        assert "outputs.mqtt.tls.ca_file" in check.remedy
        monkeypatch.setattr(outputs, "ANSWER_S", 0.5)
        assert "whether it expects TLS" in broker(made.port).found
    gc.collect()


@pytest.mark.unit
@pytest.mark.parametrize(("name", "section"), [("page", "outputs.web"), ("metrics", "outputs.metrics")])
def test_a_port_is_free_or_taken(name: str, section: str, taken: int) -> None:
    check = asked(name, f"{section}.enabled=true", f"{section}.port={free_port()}")
    assert check.status is Status.OK
    assert check.found.endswith(" is free, http, no token asked")
    check = asked(name, f"{section}.enabled=true", f"{section}.port={taken}")
    assert check.status is Status.FAIL
    assert f"{section}.port: cannot listen on 127.0.0.1 port {taken}" in check.found


@pytest.mark.unit
def test_a_page_that_others_can_reach_is_told_to_be_readable_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_MONITOR_WEB_TOKEN", SECRET)
    check = asked("page", "outputs.web.enabled=true", "outputs.web.host=0.0.0.0", f"outputs.web.port={free_port()}")
    assert check.status is Status.WARN
    assert "asks for a token: whoever is between can read along" in check.found
    assert "outputs.web.certificate" in check.remedy


@pytest.mark.unit
def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nothing")
    files = [f"outputs.web.{name}={tmp_path / 'c.pem'}" for name in ("certificate", "key")]
    check = asked("page", "outputs.web.enabled=true", f"outputs.web.port={free_port()}", *files)
    assert check.status is Status.FAIL
    assert check.found.startswith("outputs.web.certificate, outputs.web.key:")


@pytest.mark.unit
def test_a_receiver_is_reached_without_a_request(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_MONITOR_WEBHOOK_SECRET", SECRET)
    url = "outputs.webhook.url=http://127.0.0.1:{}/hooks/private-path?key=x"
    check = asked("webhook", url.format(taken))
    assert check.status is Status.OK
    assert check.found.startswith(f"127.0.0.1:{taken} takes connections")
    assert "private-path" not in check.found
    check = asked("webhook", url.format(free_port()))
    assert check.status is Status.FAIL
    assert "cannot be reached" in check.found


@pytest.mark.unit
def test_a_webhook_without_a_secret_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_MONITOR_WEBHOOK_SECRET", raising=False)
    check = asked("webhook", "outputs.webhook.url=https://example.invalid/x")
    assert check.status is Status.FAIL
    assert "EMOTION_MONITOR_WEBHOOK_SECRET" in check.found


@pytest.mark.unit
@pytest.mark.parametrize(
    ("extra", "name", "setting"),
    [
        ("mqtt", "broker (MQTT)", "outputs.mqtt.enabled=true"),
        ("web", "page", "outputs.web.enabled=true"),
        ("metrics", "metrics", "outputs.metrics.enabled=true"),
        ("webhook", "webhook", "outputs.webhook.url=https://example.invalid/"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    extra: str, name: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.outputs import destinations

    def missing(_: object, __: Mapping[str, str]) -> None:
        raise ImportError("No module named 'x'", name="aiothing")

    monkeypatch.setitem(destinations.DESTINATIONS, extra, missing)
    check = asked(name, setting)
    assert check.found == "aiothing is not installed"
    assert check.remedy == f"pip install 'emotion-monitor[{extra}]'"


@pytest.mark.broker
def test_a_process_of_its_own_is_told_the_settings_and_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_MONITOR_MQTT_PASSWORD", PASSWORD)
    with MadeBroker(tmp_path / "broker", users={"carol": PASSWORD}) as made:
        words = ["outputs.mqtt.enabled=true", f"outputs.mqtt.port={made.port}", "outputs.mqtt.username=carol"]
        first, *others = examined(outputs.SECTION, Asked(load_settings(None, words, {}).settings))
    assert (first.name, first.status) == ("broker (MQTT)", Status.OK), first
    assert {check.status for check in others} == {Status.SKIP}


@pytest.mark.unit
def test_the_doctor_takes_the_flags_of_a_session() -> None:
    args = cli._parser().parse_args(["doctor", "--mqtt", "broker:1884", "--web", "--webhook", "https://a.example/x"])
    out = load(args).settings.outputs
    assert (out.mqtt.enabled, out.mqtt.host, out.mqtt.port) == (True, "broker", 1884)
    assert (out.web.enabled, out.webhook.url) == (True, "https://a.example/x")
