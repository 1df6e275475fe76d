"""What streams are called outside, and which broker a flag means: nothing that may name a person gets into either."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from commands.flags import publishing_flags
from configs.load import load_settings
from monitor.session.naming import stream_names
from monitor.session.plan import Plan

pytestmark = pytest.mark.unit

LOADED = load_settings(None, (), {})


def plan(source: str, name: str | None = None) -> Plan:
    return Plan(source=source, speed=1.0, loaded=LOADED, name=name)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("camera:Anna's webcam", "camera"),
        ("av:camera=Anna,mic=Anna", "camera"),
        ("mic:", "mic"),
        ("webrtc::9000", "webrtc"),
        ("rtsp://anna.local/1", "stream"),
        ("RTSP://anna.local/1", "stream"),
        ("loop:/home/anna/anna.mp4", "recording"),
        ("/home/anna/anna.mp4", "recording"),
        ("C:\\anna.mp4", "recording"),
        ("anna:whatever", "recording"),
    ],
)
def test_a_stream_is_called_by_the_kind_of_its_source(source: str, name: str) -> None:
    assert stream_names([plan(source)]) == [name]


def test_a_file_is_a_recording_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mic:anna.mp4").touch()
    assert stream_names([plan("mic:anna.mp4")]) == ["recording"]


def test_names_that_were_given_stay_and_the_same_ones_are_numbered() -> None:
    plans = [plan("mic:"), plan("rtsp://a", "interview"), plan("mic:"), plan("x.mp4", "interview")]
    assert stream_names(plans) == ["mic", "interview", "mic-2", "interview-2"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker.local", ('"broker.local"', None)),
        ("broker.local:8883", ('"broker.local"', "8883")),
        ("10.0.0.7", ('"10.0.0.7"', None)),
        ("[::1]:1884", ('"::1"', "1884")),
        ("[fe80::1]", ('"fe80::1"', None)),
    ],
)
def test_a_broker_is_a_host_with_or_without_a_port(text: str, address: tuple[str, str | None]) -> None:
    host, port = address
    wanted = ["outputs.mqtt.enabled=true", f"outputs.mqtt.host={host}"]
    assert publishing_flags().parse_args(["--mqtt", text]).mqtt == wanted + ([f"outputs.mqtt.port={port}"] * bool(port))


@pytest.mark.parametrize("text", ["", "::1", "mqtt://h:1883", "anna:secret@broker:1883", "a b", "h:x", "h:", "[::1"])
def test_what_is_no_broker_is_refused(text: str) -> None:
    parser = argparse.ArgumentParser(parents=[publishing_flags()], exit_on_error=False)
    with pytest.raises(argparse.ArgumentError, match="write HOST, HOST:PORT"):
        parser.parse_args(["--mqtt", text])
