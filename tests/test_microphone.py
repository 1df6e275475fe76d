"""Microphones: which one is meant, in which mode it is opened, and when its sound was captured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from configs.errors import ConfigError
from configs.live_settings import LiveSettings, MicSettings
from streams.clock import LiveClock, VirtualClock
from streams.sources.devices import portaudio as portaudio_module
from streams.sources.devices.hearing import Heard, Hearing
from streams.sources.devices.microphone import MicCaptor
from streams.sources.devices.microphones import microphones
from streams.sources.devices.portaudio import PortAudio, SoundRefused, SoundSystemSilent
from streams.sources.live.captor import CaptureFailed
from tests.made_devices import KeptPost, MadeDevice, MadeSounds, MadeStream

pytestmark = pytest.mark.unit

WALL_S = 1_700_000_000.0
"""What a stream's clock shows: the wall's, which has nothing to do with media time."""


def tone(start: int, count: int, rate_hz: int) -> NDArray[np.float32]:
    """Samples of a chirp that is never twice the same."""
    t = np.arange(start, start + count) / rate_hz
    return np.asarray(0.5 * np.sin(2 * np.pi * (200 * t + 60 * t**2)), np.float32)


def captor(sounds: MadeSounds, name: str = "default", settings: MicSettings | None = None) -> MicCaptor:
    live = LiveSettings(open_timeout_s=0.5)
    return MicCaptor(name, settings or MicSettings(), live, portaudio=PortAudio(lambda: sounds))


def attempt(mic: MicCaptor, post: KeptPost) -> tuple[threading.Thread, list[str]]:
    said: list[str] = []

    def run() -> None:
        try:
            mic.capture(post)
        except CaptureFailed as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def until(condition: Callable[[], bool]) -> None:
    clock = LiveClock()
    while not condition() and clock.now_s() < 10.0:
        clock.sleep_until(clock.now_s() + 0.01)
    assert condition()


USB = [MadeDevice("USB Audio: Mic (hw:1,0)"), MadeDevice("USB Audio: Line (hw:1,1)"), MadeDevice("default")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("usb audio: mic", "USB Audio: Mic (hw:1,0)"),
        ("line", "USB Audio: Line (hw:1,1)"),
        ("default", "default"),
    ],
)
def test_part_of_a_name_is_enough(name: str, meant: str) -> None:
    assert captor(MadeSounds(list(USB), default=2), name).name == f"mic:{meant}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usb", "2 microphones are meant; name one of mic:USB Audio: Mic (hw:1,0); mic:USB Audio: Line (hw:1,1)"),
        ("shure", "there is no microphone of that name; there are mic:USB Audio: Mic (hw:1,0)"),
        ("", "names no microphone; mic:default is the system's choice"),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused_with_what_there_is(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        captor(MadeSounds(list(USB)), name)
    assert said in str(raised.value)


def test_no_microphone_at_all_names_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"mic:default: no microphone \(asked: ALSA\): plug one in"):
        captor(MadeSounds())


def test_one_name_under_two_host_apis_has_to_be_chosen() -> None:
    sounds = MadeSounds([MadeDevice("Mic"), MadeDevice("Mic", host_api=1)], apis=("MME", "Windows WASAPI"))
    with pytest.raises(ConfigError, match=r"choose one with --set mic\.host_api=\.\.\. of MME; Windows WASAPI"):
        captor(sounds, "Mic")
    assert captor(sounds, "Mic", MicSettings(host_api="wasapi")).name == "mic:Mic"
    with pytest.raises(ConfigError, match="'ASIO' is not one of the host APIs in use: MME; Windows WASAPI"):
        captor(sounds, "Mic", MicSettings(host_api="ASIO"))
    found = microphones(PortAudio(lambda: sounds))
    assert [mic.address for mic in found] == [
        "mic:Mic --set mic.host_api='MME'",
        "mic:Mic --set mic.host_api='Windows WASAPI'",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("sounddevice"), r"pip install 'emotion-monitor\[devices\]'"),
        (OSError("PortAudio library not found"), "apt-get install libportaudio2"),
    ],
)
def test_what_is_not_installed_is_named_with_its_remedy(error: Exception, said: str) -> None:
    def load() -> Any:  # noqa: ANN401 - as importlib's
        raise error

    with pytest.raises(ConfigError, match=said):
        MicCaptor("default", MicSettings(), LiveSettings(), portaudio=PortAudio(load))


def test_a_sound_system_that_never_answers_hangs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(portaudio_module, "PATIENCE_S", 0.05)

    def load() -> MadeSounds:
        answer.wait(10)
        return MadeSounds()

    with pytest.raises(SoundSystemSilent, match="restart the sound server"):
        PortAudio(load).devices()
    answer.set()


@pytest.mark.parametrize("rate_hz", [8000, 12345, 16000, 44100, 48000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count_becomes_mono_at_the_right_time(rate_hz: int, channels: int) -> None:
    # The stream's clock is the wall's; each block was captured 30 ms before its end reached us.
    clock = VirtualClock()
    block, blocks = rate_hz // 20, 40

    def speak(stream: MadeStream) -> None:
        for number in range(blocks):
            samples = np.repeat(tone(number * block, block, rate_hz)[:, None], channels, axis=1)
            now_s = 0.03 + (number + 1) * block / rate_hz
            clock.sleep_until(now_s)
            adc_s = number * block / rate_hz
            stream.hear(samples, now_s=WALL_S + now_s, adc_s=WALL_S + adc_s)

    sounds = MadeSounds([MadeDevice("Mic", channels=channels, rate_hz=float(rate_hz))], starting=speak)
    post = KeptPost(clock=clock)
    thread, _ = attempt(captor(sounds, settings=MicSettings(channels=channels)), post)
    until(lambda: len(post.sounds) >= blocks - 2)
    post.over.set()
    thread.join(10)
    assert (post.tracks[0].rate_hz, post.tracks[0].channels, post.notices) == (rate_hz, channels, ())
    heard, start_s = post.waveform()
    # Two blocks must agree on how late they are before any is taken.
    assert start_s == pytest.approx(0.05, abs=1e-3)
    seconds = 1.8
    expected = tone(round(start_s * 16000), round(seconds * 16000), 16000)
    got = heard[: len(expected)]
    # Below half of 8 kHz the chirp is the same at every rate.
    assert np.corrcoef(got[400:], expected[400:])[0, 1] > 0.999


def listening(rate_hz: int = 16000) -> tuple[Hearing, KeptPost]:
    post = KeptPost(clock=VirtualClock())
    return Hearing(post, rate_hz), post


@pytest.mark.parametrize(
    ("age_s", "captured_s"),
    [
        (0.15, 9.85),
        (0.01, 9.95),  # less than the block is long cannot be
        (-3.0, 9.95),
        (WALL_S, 9.95),  # an API that knows no time of capture
        (float("nan"), 9.95),
    ],
)
def test_a_device_that_tells_nonsense_is_not_believed(age_s: float, captured_s: float) -> None:
    hearing, post = listening()
    hearing.take(Heard(np.zeros(800, np.float32), 10.0, age_s))
    assert post.sounds[0][1] == pytest.approx(captured_s)


def test_the_first_second_of_a_stream_is_left_out_while_its_times_settle() -> None:
    hearing, _ = listening()
    told = [(1.00, 0.42), (1.05, 0.42), (1.10, 0.3), (1.15, 0.2), (1.20, 0.06), (1.25, 0.06), (1.30, 0.4)]
    settled = [hearing.settled(Heard(np.zeros(800, np.float32), at_s, age_s)) for at_s, age_s in told]
    assert settled == [False, False, False, False, False, True, True]


def test_a_microphone_that_is_always_late_is_heard_in_the_end() -> None:
    hearing, _ = listening()
    told = [hearing.settled(Heard(np.zeros(800, np.float32), at_s, 0.5)) for at_s in (1.0, 2.0, 2.9, 3.0)]
    assert told == [False, False, False, True]


def test_an_overflow_is_told_before_the_sound_that_follows_it() -> None:
    sounds = MadeSounds([MadeDevice("Mic", channels=1, rate_hz=44100.0)])
    clock = VirtualClock()
    post = KeptPost(clock=clock)
    thread, _ = attempt(captor(sounds), post)
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    block = np.full((2205, 1), 0.1, np.float32)
    sounds.streams[0].hear(block, now_s=WALL_S + 0.05, adc_s=WALL_S)
    for number, (t_s, overflow) in enumerate(((0.1, False), (0.15, False), (0.5, True), (0.55, False))):
        clock.sleep_until(t_s)
        sounds.streams[0].hear(block, now_s=WALL_S + t_s, adc_s=WALL_S + t_s - 0.05, overflow=overflow)
        until(lambda number=number: len(post.sounds) > number)  # type: ignore[misc] # bound at once
    post.over.set()
    thread.join(10)
    assert post.overflows == ["the microphone's sound came faster than it was taken"]
    captured = [captured_s for _, captured_s in post.sounds]
    assert captured == pytest.approx([0.05, 0.1, 0.45, 0.5], abs=0.002)


@pytest.mark.parametrize("told", [True, False])
def test_a_stream_that_stops_is_a_loss_whether_or_not_it_says_so(*, told: bool) -> None:
    sounds = MadeSounds([MadeDevice("Mic")])
    thread, said = attempt(captor(sounds), KeptPost())
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    sounds.streams[0].vanish(told=told)
    thread.join(10)
    assert said == ["the microphone stopped; it was unplugged, or its sound server ended"]
    assert sounds.streams[0].closed


def test_a_stream_that_gives_nothing_is_given_up() -> None:
    sounds = MadeSounds([MadeDevice("Mic")])
    post = KeptPost()
    thread, said = attempt(captor(sounds), post)
    thread.join(10)
    assert said == ["gives no sound; restart the sound server, or plug it in again"]
    assert not post.is_open.is_set()


def test_nobody_who_wants_more_ends_the_recording_at_once() -> None:
    sounds = MadeSounds([MadeDevice("Mic")])
    post = KeptPost()
    thread, said = attempt(captor(sounds), post)
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    post.over.set()
    thread.join(10)
    assert (said, sounds.streams[0].closed) == ([], True)


@pytest.mark.parametrize(
    ("device", "asked", "opened"),
    [
        (MadeDevice("Mic", rates=(48000,)), MicSettings(rate_hz=16000), (48000, 2)),
        (MadeDevice("Mic", channels=4, counts=(4,)), MicSettings(), (48000, 4)),
        (MadeDevice("Mic", channels=2), MicSettings(channels=8), (48000, 2)),
        (MadeDevice("Mic", channels=128), MicSettings(), (48000, 2)),
        (MadeDevice("Mic", channels=2, counts=(1,), rates=(44100,), rate_hz=44100.0), MicSettings(), (44100, 1)),
    ],
)
def test_a_mode_that_is_refused_gives_way_to_one_the_device_has(
    device: MadeDevice, asked: MicSettings, opened: tuple[int, int]
) -> None:
    sounds = MadeSounds([device])
    thread, _ = attempt(captor(sounds, settings=asked), post := KeptPost())
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    stream = sounds.streams[0]
    for now_s in (1.0, 1.05):
        stream.hear(np.zeros((stream.asked["blocksize"], opened[1]), np.float32), now_s=now_s, adc_s=now_s - 0.05)
    until(post.is_open.is_set)
    post.over.set()
    thread.join(10)
    assert (stream.asked["samplerate"], stream.asked["channels"]) == opened
    told = asked.rate_hz not in {None, opened[0]} or asked.channels not in {None, opened[1]}
    assert bool(post.notices) == told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (("Device unavailable", -9985), "used by another program"),
        (("Unanticipated host error", -9999), "does not answer"),
        (("Something\nelse", -9000), "cannot be opened (Something else)"),
    ],
)
def test_each_refusal_of_portaudio_is_one_line(error: tuple[str, int], said: str) -> None:
    mic = captor(MadeSounds([MadeDevice("Mic", error=error)]))
    with pytest.raises(CaptureFailed) as raised:
        mic.capture(KeptPost())
    assert said in str(raised.value)


def test_a_microphone_that_comes_back_is_found_in_a_fresh_list() -> None:
    sounds = MadeSounds([MadeDevice("Mic")])
    mic = captor(sounds, "Mic")
    thread, _ = attempt(mic, KeptPost())
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    sounds.streams[0].vanish()
    thread.join(10)
    sounds.devices.clear()
    with pytest.raises(CaptureFailed, match="is not there; plug it in, or start its sound server"):
        mic.capture(KeptPost())
    sounds.plugged_in_later = [MadeDevice("Other"), MadeDevice("Mic")]
    thread, said = attempt(mic, post := KeptPost())
    until(lambda: len(sounds.streams) == 2)
    post.over.set()
    thread.join(10)
    assert said == []
    assert sounds.streams[1].asked["device"] == 1


def test_the_list_is_never_renewed_under_an_open_stream() -> None:
    # The made PortAudio fails where it is ended with a stream open.
    sounds = MadeSounds([MadeDevice("One"), MadeDevice("Two", error=("Device unavailable", -9985))])
    shared = PortAudio(lambda: sounds)
    one, two = (MicCaptor(name, MicSettings(), LiveSettings(), portaudio=shared) for name in ("One", "Two"))
    thread, said = attempt(one, post := KeptPost())
    until(lambda: bool(sounds.streams) and sounds.streams[0].active)
    for _ in range(3):
        with pytest.raises(CaptureFailed, match="used by another program"):
            two.capture(KeptPost())
    assert sounds.starts == 1
    post.over.set()
    thread.join(10)
    assert said == []
    with pytest.raises(CaptureFailed):
        two.capture(KeptPost())
    assert sounds.starts == 2


def test_a_number_that_has_come_to_mean_another_microphone_is_not_opened() -> None:
    sounds = MadeSounds([MadeDevice("Mine"), MadeDevice("Other")])
    shared = PortAudio(lambda: sounds)
    mine = shared.devices()[0]
    sounds.devices.reverse()
    with pytest.raises(SoundRefused, match="is not there"):
        shared.record(mine, rate_hz=48000, channels=1, block=2400, heard=lambda *_: None, ended=lambda: None)
    assert sounds.streams == []
