"""What devices are tested with: a post that keeps what it is given, and a PortAudio without any sound hardware."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ
from streams.clock import Clock, LiveClock
from streams.media import TrackInfo


class KeptPost:
    """A `Post` that keeps everything; over after `most` pictures or sounds, or when told."""

    def __init__(self, *, most: int = 1_000_000, clock: Clock | None = None) -> None:
        self.clock = clock or LiveClock()
        self.frames: list[tuple[Picture, float | None]] = []
        self.arrivals_s: list[float] = []
        self.sounds: list[tuple[NDArray[np.float32], float | None]] = []
        self.tracks: tuple[TrackInfo, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.overflows: list[str] = []
        self.waits: list[str] = []
        self.is_open = threading.Event()
        self.over = threading.Event()
        self.waited = 0
        self._most = most

    @property
    def wanted(self) -> bool:
        return not self.over.is_set()

    def wait(self, timeout_s: float) -> bool:
        self.waited += 1
        return self.over.wait(timeout_s)

    def now_s(self) -> float:
        return self.clock.now_s()

    def waiting(self, reason: str) -> None:
        self.waits.append(reason)

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:
        self.tracks, self.notices = tuple(tracks), notices
        self.is_open.set()

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        assert pts_s is None
        self.frames.append((picture, captured_s))
        self.arrivals_s.append(self.now_s())
        self._count()

    def sound(
        self, samples: NDArray[np.float32], *, pts_s: float | None = None, captured_s: float | None = None
    ) -> None:
        assert pts_s is None
        self.sounds.append((samples, captured_s))
        self._count()

    def overflow(self, reason: str) -> None:
        self.overflows.append(reason)

    def _count(self) -> None:
        if len(self.frames) + len(self.sounds) >= self._most:
            self.over.set()

    def waveform(self) -> tuple[NDArray[np.float32], float]:
        """All sound with each piece where its time says it was, and the time of the first sample."""
        times = [captured_s for _, captured_s in self.sounds if captured_s is not None]
        start_s = times[0]
        end_s = times[-1] + len(self.sounds[-1][0]) / AUDIO_RATE_HZ
        whole = np.zeros(round((end_s - start_s) * AUDIO_RATE_HZ) + AUDIO_RATE_HZ, np.float32)
        for (samples, _), time_s in zip(self.sounds, times, strict=True):
            place = max(0, round((time_s - start_s) * AUDIO_RATE_HZ))
            whole[place : place + len(samples)] = samples
        return whole, start_s


class PortAudioError(Exception):
    """As sounddevice's: a text and a number."""


@dataclass(slots=True)
class MadeDevice:
    """One input of the made PortAudio; `rates` and `counts` are what it accepts (None: anything)."""

    name: str
    host_api: int = 0
    channels: int = 2
    rate_hz: float = 48_000.0
    rates: tuple[int, ...] | None = None
    counts: tuple[int, ...] | None = None
    error: tuple[str, int] | None = None


@dataclass(slots=True)
class MadeStream:
    """A stream that hears what the test tells it."""

    asked: dict[str, Any]
    active: bool = False
    closed: bool = False
    starting: Callable[[MadeStream], None] = lambda stream: None

    def start(self) -> None:
        self.active = True
        self.starting(self)

    def hear(self, samples: NDArray[np.float32], *, now_s: float, adc_s: float, overflow: bool = False) -> None:
        """Call back as PortAudio does; `now_s` and `adc_s` are on the stream's own clock."""
        times = SimpleNamespace(currentTime=now_s, inputBufferAdcTime=adc_s)
        self.asked["callback"](samples, len(samples), times, SimpleNamespace(input_overflow=overflow))

    def vanish(self, *, told: bool = True) -> None:
        """Stop by itself, with a word to whoever asked for it or without."""
        self.active = False
        if told:
            self.asked["finished_callback"]()

    def abort(self, ignore_errors: bool = True) -> None:
        self.active = False

    def close(self, ignore_errors: bool = True) -> None:
        self.closed = True


@dataclass(slots=True)
class MadeSounds:
    """The package `sounddevice`, as far as it is used."""

    devices: list[MadeDevice] = field(default_factory=list)
    apis: tuple[str, ...] = ("ALSA",)
    default: int = 0
    streams: list[MadeStream] = field(default_factory=list)
    starting: Callable[[MadeStream], None] = lambda stream: None
    starts: int = 1
    plugged_in_later: list[MadeDevice] = field(default_factory=list)
    _initialized: int = 1
    PortAudioError: type[Exception] = PortAudioError

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        def first(api: int) -> int:
            return next((i for i, device in enumerate(self.devices) if device.host_api == api), -1)

        return tuple({"name": name, "default_input_device": first(api)} for api, name in enumerate(self.apis))

    def query_devices(self, kind: str | None = None) -> Any:  # noqa: ANN401 - as sounddevice gives it
        if kind is not None:
            if not 0 <= self.default < len(self.devices):
                raise PortAudioError("Error querying device -1")
            return {"index": self.default}
        return [
            {
                "name": device.name,
                "hostapi": device.host_api,
                "max_input_channels": device.channels,
                "default_samplerate": device.rate_hz,
            }
            for device in self.devices
        ]

    def InputStream(self, **asked: Any) -> MadeStream:  # noqa: ANN401, N802 - as sounddevice has it
        device = self.devices[asked["device"]]
        if device.error is not None:
            raise PortAudioError(*device.error)
        if device.rates is not None and asked["samplerate"] not in device.rates:
            raise PortAudioError("Invalid sample rate", -9997)
        if asked["channels"] > device.channels or (device.counts and asked["channels"] not in device.counts):
            raise PortAudioError("Invalid number of channels", -9998)
        stream = MadeStream(asked, starting=self.starting)
        self.streams.append(stream)
        return stream

    def _terminate(self) -> None:
        assert all(stream.closed for stream in self.streams), "that ends a stream that is open"
        self._initialized -= 1

    def _initialize(self) -> None:
        self._initialized += 1
        self.starts += 1
        self.devices += self.plugged_in_later
        self.plugged_in_later = []
