"""`devices`: what it lists, how loud it says a microphone is, and that nothing missing breaks it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cli
from streams.sources.devices import listing
from streams.sources.devices.cameras import Camera
from streams.sources.devices.listing import Devices, devices
from streams.sources.devices.meter import FLOOR_DB, decibels
from streams.sources.devices.microphones import Microphone, microphones
from streams.sources.devices.modes import Mode
from streams.sources.devices.portaudio import PORTAUDIO, PortAudio
from tests.made_devices import MadeDevice, MadeSounds, MadeStream

pytestmark = pytest.mark.unit

REPO = Path(__file__).resolve().parents[1]

FOUND = Devices(
    (
        Camera(
            "HD Webcam",
            "v4l2",
            "/dev/video0",
            Path("/dev/video0"),
            (Path("/dev/v4l/by-id/usb-HD"),),
            (Mode("mjpeg", 1280, 720, (30.0, 15.0)), Mode("mjpeg", 640, 480, (29.97,)), Mode("Z16", 64, 48)),
        ),
    ),
    (Microphone("Mic", "ALSA", 2, 48000, is_default=True), Microphone("Line", "ALSA", 1, 44100, False, ("JACK",))),
    ("something: do something",),
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "devices", lambda: FOUND)


def test_a_person_can_copy_every_address(found: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for line in (
        "watch   camera:HD Webcam",
        "watch   camera:/dev/v4l/by-id/usb-HD",
        "mjpeg   1280x720@30/15  640x480@29.97",
        "Z16     64x48",
        "Mic (default: mic:default)",
        "watch   mic:Mic",
        "watch   mic:Line --set mic.host_api='ALSA'",
        "gives   44100 Hz, 1 channels, through ALSA",
        "something: do something",
    ):
        assert line in lines


def test_a_program_can_read_it_too(found: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cameras"][0]["addresses"] == ["camera:HD Webcam", "camera:/dev/v4l/by-id/usb-HD"]
    assert told["cameras"][0]["modes"][1] == {"format": "mjpeg", "size": "640x480", "rates_hz": [29.97]}
    assert [mic["default"] for mic in told["microphones"]] == [True, False]
    assert told["missing"] == ["something: do something"]


def test_nothing_at_all_is_two_remedies_and_no_error() -> None:
    shared = PortAudio(MadeSounds)
    told = devices(lambda: (), lambda: microphones(shared), shared.host_apis)
    assert (told.cameras, told.microphones) == ((), ())
    assert [line.partition(":")[0] for line in told.missing] == ["no camera", "no microphone (asked"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("raise OSError('PortAudio library not found')", "apt-get install libportaudio2"),
        ("raise ModuleNotFoundError('sounddevice')", "pip install 'emotion-monitor[devices]'"),
    ],
)
def test_a_machine_without_portaudio_is_told_how_to_get_it(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "sounddevice.py").write_text(content)
    run = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cli; sys.exit(cli.main())"]
    listed = subprocess.run([*run, "devices"], cwd=REPO, capture_output=True, text=True, check=False, timeout=60)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert said in listed.stdout
    metered = subprocess.run(
        [*run, "devices", "--meter", "1"], cwd=REPO, capture_output=True, text=True, check=False, timeout=60
    )
    assert metered.returncode == 2
    assert said in metered.stderr
    assert metered.stderr.count("\n") == 1


@pytest.mark.parametrize(("amplitude", "level"), [(1.0, 0.0), (0.1, -20.0), (0.0, FLOOR_DB), (1e-9, FLOOR_DB)])
def test_levels_are_told_in_decibels_of_full_scale(amplitude: float, level: float) -> None:
    assert decibels(amplitude) == pytest.approx(level)


def speak(stream: MadeStream) -> None:
    """A quarter of a second at -20 dBFS with a click at -6."""
    loud = np.full((2400, 1), 0.1, np.float32)
    loud[100:130] = 0.5
    for number in range(1, 6):
        stream.hear(loud, now_s=0.05 * number, adc_s=0.05 * (number - 1))


@pytest.fixture
def sounds(monkeypatch: pytest.MonkeyPatch) -> MadeSounds:
    made = MadeSounds([MadeDevice("Mic", channels=1)], starting=speak)
    monkeypatch.setattr(PORTAUDIO, "_module", made)
    return made


def test_a_meter_shows_level_and_peak_and_lets_go(sounds: MadeSounds, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "--meter", "1.2", "--mic", "mic:Mic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    shown = re.fullmatch(r"mic:Mic  (#+-*\|-*) +(-[0-9.]+) dBFS, peak +(-[0-9.]+)", lines[0])
    assert shown, lines[0]
    assert float(shown[2]) == pytest.approx(-18.9, abs=0.5)
    assert float(shown[3]) == pytest.approx(-6.0, abs=1.5)
    assert shown[1].count("#") == pytest.approx(27, abs=1)
    assert sounds.streams[0].closed


def test_a_meter_tells_a_program_too(sounds: MadeSounds, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "--meter", "0.5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "mic:default"
    assert told["level_dbfs"] == pytest.approx(-18.9, abs=0.5)


def test_a_silent_microphone_is_told(sounds: MadeSounds, capsys: pytest.CaptureFixture[str]) -> None:
    def hush(stream: MadeStream) -> None:
        for number in (1, 2, 3):
            stream.hear(np.zeros((2400, 1), np.float32), now_s=0.05 * number, adc_s=0.05 * (number - 1))

    sounds.starting = hush
    assert cli.main(["devices", "--meter", "0.3"]) == 0
    assert "nothing but silence; see that it is not muted" in capsys.readouterr().err


def test_a_microphone_that_fails_ends_the_meter_with_one_line(
    sounds: MadeSounds, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds.devices[0].error = ("Device unavailable", -9985)
    assert cli.main(["devices", "--meter", "5"]) == 1
    assert "mic:default: is used by another program" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon", "4000"])
def test_a_meter_runs_for_a_time_that_can_be_meant(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["devices", "--meter", text])
    assert ended.value.code == 2
    assert "is not a number of seconds" in capsys.readouterr().err
