"""Captures sound from a microphone through PortAudio, timed by the device's own converter."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from buffers.records import Track
from configs.errors import ConfigError
from configs.live_settings import LiveSettings, MicSettings
from streams.channel import Channel, ChannelClosed, Policy
from streams.media import TrackInfo
from streams.sources.devices.hearing import Heard, Hearing
from streams.sources.devices.microphones import DEFAULT, find
from streams.sources.devices.portaudio import PORTAUDIO, InputDevice, PortAudio, SoundRefused, SoundSystemSilent
from streams.sources.live.captor import CaptureFailed, Post

_BLOCK_S: Final = 0.05
"""Length of a block that PortAudio gives (s): two in a block of clean sound."""

_BACKLOG: Final = 200
"""Blocks that wait to be resampled (10 s): a sound server that was stopped delivers what it kept all at once."""

_ASK_S: Final = 0.25
"""Longest wait for a block before it is asked whether anybody still wants one, and whether the stream runs (s)."""

_OVERFLOW: Final = "the microphone's sound came faster than it was taken"
_TOO_SLOW: Final = "the machine was too slow for the microphone"

_CHANNELS: Final = 2
"""Channels recorded unless asked otherwise: people have two, ALSA's plugins claim 128."""


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """A running stream, its mode, and where its blocks arrive."""

    stream: Any
    rate_hz: int
    channels: int
    blocks: Channel[Heard]


class MicCaptor:
    """A microphone by name; `default` is the system's own choice."""

    one_clock = True

    def __init__(
        self, name: str, settings: MicSettings, live: LiveSettings, *, portaudio: PortAudio = PORTAUDIO
    ) -> None:
        """Look whether it is there; nothing is opened for capture.

        Raises `ConfigError` where none or several are meant, or where what is needed is not installed.
        """
        self._settings = settings
        self._patience_s = live.open_timeout_s
        self._portaudio = portaudio
        device = find(name, settings.host_api, portaudio)
        # The whole name, so that another microphone whose name holds the same part may come and go.
        self._name = name if name == DEFAULT else device.name

    @property
    def name(self) -> str:
        """Its address with the microphone's whole name."""
        return f"mic:{self._name}"

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """One of sound."""
        return (TrackInfo(Track.AUDIO, "unknown", 0.0, None),)

    def capture(self, post: Post) -> None:
        """One attempt; see `Captor.capture`."""
        try:
            device = find(self._name, self._settings.host_api, self._portaudio, whole=True)
        except SoundSystemSilent as error:
            raise CaptureFailed(str(error)) from None
        except ConfigError:
            raise CaptureFailed("is not there; plug it in, or start its sound server") from None
        try:
            recording = self._recording(device, post)
        except (SoundRefused, SoundSystemSilent) as error:
            raise CaptureFailed(str(error)) from None
        try:
            self._deliver(recording, post)
        finally:
            self._portaudio.release(recording.stream)

    def close(self) -> None:
        """Nothing outlives an attempt."""

    def _recording(self, device: InputDevice, post: Post) -> _Recording:
        """The stream in the first mode that is not refused."""
        refusal: SoundRefused | None = None
        for rate_hz, channels in self._requests(device):
            blocks: Channel[Heard] = Channel("microphone", max_items=_BACKLOG, policy=Policy.DROP_OLDEST)
            try:
                stream = self._portaudio.record(
                    device,
                    rate_hz=rate_hz,
                    channels=channels,
                    block=round(_BLOCK_S * rate_hz),
                    heard=_Ear(blocks, post),
                    ended=blocks.close,
                    patience_s=self._patience_s,
                )
            except SoundRefused as error:
                if not error.mode:
                    raise
                refusal = error
            else:
                return _Recording(stream, rate_hz, channels, blocks)
        assert refusal is not None
        raise refusal

    def _deliver(self, recording: _Recording, post: Post) -> None:
        rate_hz, channels, blocks = recording.rate_hz, recording.channels, recording.blocks
        hearing = Hearing(post, rate_hz)
        info = TrackInfo(Track.AUDIO, "pcm_f32le", 0.0, float(rate_hz), channels=channels)
        started_s, is_open, dropped = post.now_s(), False, 0
        while post.wanted:
            block = _next(recording)
            if block is None:
                # It counts as open once it is heard: a sound server takes up to two seconds for that, or never does it.
                if not is_open and post.now_s() - started_s > self._patience_s:
                    raise CaptureFailed("gives no sound; restart the sound server, or plug it in again")
                continue
            if not is_open:
                is_open = hearing.settled(block)
                if not is_open:
                    continue
                post.opened([info], *self._differences(rate_hz, channels))
            if blocks.counts.dropped > dropped:
                dropped = blocks.counts.dropped
                block = replace(block, lost=_TOO_SLOW)
            hearing.take(block)

    def _requests(self, device: InputDevice) -> list[tuple[int, int]]:
        """Rates and channel counts from what was asked for to what the device says of itself, each once."""
        few = min(self._settings.channels or _CHANNELS, device.channels)
        rates = [self._settings.rate_hz or device.rate_hz, device.rate_hz]
        asked = [(rate_hz, channels) for channels in (few, device.channels, 1) for rate_hz in rates]
        return list(dict.fromkeys(asked))

    def _differences(self, rate_hz: int, channels: int) -> Iterator[str]:
        """One notice where the mode is not what was asked for."""
        asked_hz, asked = self._settings.rate_hz or rate_hz, self._settings.channels or channels
        if (asked_hz, asked) != (rate_hz, channels):
            yield f"{self.name}: gives {rate_hz} Hz, {channels} channels; asked was {asked_hz} Hz, {asked} channels"


class _Ear:
    """PortAudio's callback: copies, notes the time and returns; it runs in PortAudio's own thread."""

    def __init__(self, blocks: Channel[Heard], post: Post) -> None:
        self._blocks = blocks
        self._post = post

    def __call__(self, samples: Any, _: int, times: Any, flags: Any) -> None:  # noqa: ANN401 - sounddevice has no types
        at_s = self._post.now_s()
        age_s = times.currentTime - times.inputBufferAdcTime
        mono = np.asarray(np.mean(samples, axis=1, dtype=np.float32), np.float32)
        with contextlib.suppress(ChannelClosed):
            self._blocks.put(at_s, Heard(mono, at_s, age_s, _OVERFLOW if flags.input_overflow else ""))


def _next(recording: _Recording) -> Heard | None:
    """The next block, None where there is none yet. `CaptureFailed` where none will come."""
    try:
        return recording.blocks.get(_ASK_S)
    except TimeoutError:
        if recording.stream.active:
            return None
    except ChannelClosed:
        pass
    raise CaptureFailed("the microphone stopped; it was unplugged, or its sound server ended")
