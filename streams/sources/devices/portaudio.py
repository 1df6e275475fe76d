"""The one PortAudio of this process: imported when it is needed, listed afresh, and never waited for for ever.

PortAudio reads the list of devices when it starts, so that what is plugged in later, or a sound server that came back,
is seen only by starting it again; that would end every open stream, and is done only while there is none.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from configs.errors import ConfigError

T = TypeVar("T")

PATIENCE_S: Final = 10.0
"""Longest wait for the sound system (s). Listing takes 1.5 s; a sound server that is stopped never answers."""

_BAD_RATE, _BAD_CHANNELS = -9997, -9998
_TAKEN, _GONE, _MISMATCHED, _UNKNOWN = -9985, -9996, -9993, -9999
"""Error codes of PortAudio."""

_PHRASES: Final = {
    _TAKEN: "is used by another program or was unplugged; close that one, or plug it in again",
    _GONE: "is not there; plug it in again",
    # What a sound server that is stopped comes out as, after half a minute.
    _MISMATCHED: "does not answer; restart the sound server, or plug it in again",
    _UNKNOWN: "does not answer; see that the sound server runs, or plug it in again",
}

_SILENT: Final = "the sound system does not answer; restart the sound server"


class SoundSystemSilent(ConfigError):
    """The sound system hangs."""


class SoundRefused(Exception):
    """A microphone could not be opened. The message is a phrase; `mode` tells that another rate or count may do."""

    def __init__(self, why: str, *, mode: bool = False) -> None:
        """Keep both."""
        super().__init__(why)
        self.mode = mode


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that records, as PortAudio lists it. `index` counts only until PortAudio is started again.

    `is_default` says that it is the system's first choice, `is_host_default` that of its host API.
    """

    index: int
    name: str
    host_api: str
    channels: int
    rate_hz: int
    is_default: bool
    is_host_default: bool


class PortAudio:
    """What is used of PortAudio. Any thread may call; calls that touch the list or open something take turns."""

    def __init__(self, load: Callable[[], Any] = lambda: importlib.import_module("sounddevice")) -> None:
        """Import nothing yet; `load` gives the package `sounddevice`."""
        self._load = load
        self._module: Any = None
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._open = 0
        self._stale = False

    def devices(self) -> tuple[InputDevice, ...]:
        """The devices that record, as they are now; while a stream is open, as they were when that was opened.

        Raises:
            ConfigError: the package or the library is missing.
            SoundSystemSilent: it hangs.
        """
        return _within(PATIENCE_S, self._list)

    def host_apis(self) -> tuple[str, ...]:
        """The names of the host APIs; raises as `devices` does."""
        return _within(PATIENCE_S, self._host_apis)

    def record(
        self,
        device: InputDevice,
        *,
        rate_hz: int,
        channels: int,
        block: int,
        heard: Callable[[Any, int, Any, Any], None],
        ended: Callable[[], None],
        patience_s: float = PATIENCE_S,
    ) -> Any:  # noqa: ANN401 - sounddevice has no types
        """A running `InputStream` that calls `heard` with float32[`block`, channels]; give it back with `release`.

        Raises:
            SoundRefused: it cannot be opened.
            SoundSystemSilent: another call has hung for `patience_s`.
        """
        with self._my_turn(patience_s):
            sounds = self._started()
            # Another of our microphones may have had the list renewed since this one was found in it.
            if device not in _inputs(sounds):
                raise SoundRefused(_PHRASES[_GONE])
            self._count(1)
            try:
                stream = sounds.InputStream(
                    device=device.index,
                    channels=channels,
                    samplerate=rate_hz,
                    blocksize=block,
                    dtype="float32",
                    # The steadiest time stamps: within 0.3 ms, where low latency gives 4 ms and no block size 240 ms.
                    latency="high",
                    callback=heard,
                    finished_callback=ended,
                )
            except BaseException as error:
                self._count(-1)
                if isinstance(error, (sounds.PortAudioError, ValueError)):
                    raise _refusal(error) from None
                raise
        try:
            stream.start()
        except sounds.PortAudioError as error:
            self.release(stream)
            raise _refusal(error) from None
        return stream

    def release(self, stream: Any) -> None:  # noqa: ANN401 - sounddevice has no types
        """Stop recording; once per stream. A sound server that is stopped holds this up for 40 s, and nobody else."""
        stream.abort(ignore_errors=True)
        mine = self._turn.acquire(timeout=PATIENCE_S)
        try:
            stream.close(ignore_errors=True)
        finally:
            if mine:
                self._turn.release()
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._counting:
            self._open += change
            # Whatever ended a stream, or kept it from being opened, may have changed the list.
            self._stale = self._stale or change < 0

    @contextlib.contextmanager
    def _my_turn(self, patience_s: float = PATIENCE_S) -> Iterator[None]:
        if not self._turn.acquire(timeout=patience_s):
            raise SoundSystemSilent(_SILENT)
        try:
            yield
        finally:
            self._turn.release()

    def _list(self) -> tuple[InputDevice, ...]:
        with self._my_turn():
            sounds = self._started()
            with self._counting:
                again = self._stale and self._open == 0
                self._stale = self._stale and not again
            try:
                if again:
                    _restart(sounds)
                found = _inputs(sounds)
            except sounds.PortAudioError as error:
                self._mark_stale()
                raise ConfigError(f"the sound system cannot be listed ({_text(error)}); restart it") from None
            # To start it takes a second, so not each time; but who has no microphone plugs one in and asks again.
            if not found:
                self._mark_stale()
            return found

    def _host_apis(self) -> tuple[str, ...]:
        with self._my_turn():
            sounds = self._started()
            try:
                return tuple(str(api["name"]) for api in sounds.query_hostapis())
            except sounds.PortAudioError:
                return ()

    def _mark_stale(self) -> None:
        with self._counting:
            self._stale = True

    def _started(self) -> Any:  # noqa: ANN401 - sounddevice has no types
        if self._module is None:
            self._module = _imported(self._load)
        return self._module


def _imported(load: Callable[[], Any]) -> Any:  # noqa: ANN401 - sounddevice has no types
    try:
        sounds = load()
    except ImportError:
        raise ConfigError("microphones need the package sounddevice; pip install 'emotion-monitor[devices]'") from None
    except OSError:
        raise ConfigError(
            "PortAudio is missing, and microphones are read through it; Debian, Ubuntu: apt-get install libportaudio2, "
            "Fedora: dnf install portaudio, elsewhere: pip install --force-reinstall sounddevice"
        ) from None
    except Exception as error:
        if type(error).__name__ != "PortAudioError":
            raise
        raise ConfigError(f"PortAudio does not start ({_text(error)}); restart the sound server") from None
    # At exit it would wait for a sound server that is stopped; the system releases everything anyway.
    handler = getattr(sounds, "_exit_handler", None)
    if handler is not None:
        atexit.unregister(handler)
    return sounds


def _restart(sounds: Any) -> None:  # noqa: ANN401 - sounddevice has no types
    """The one way to a fresh list, private though it is: PortAudio has no other."""
    if sounds._initialized:  # noqa: SLF001 - see above
        sounds._terminate()  # noqa: SLF001 - see above
    sounds._initialize()  # noqa: SLF001 - see above


def _inputs(sounds: Any) -> tuple[InputDevice, ...]:  # noqa: ANN401 - sounddevice has no types
    apis = sounds.query_hostapis()
    default = _default(sounds)
    return tuple(
        InputDevice(
            index,
            str(device["name"]),
            str(apis[device["hostapi"]]["name"]),
            int(device["max_input_channels"]),
            round(device["default_samplerate"]),
            is_default=index == default,
            is_host_default=index == apis[device["hostapi"]]["default_input_device"],
        )
        for index, device in enumerate(sounds.query_devices())
        if device["max_input_channels"] > 0
    )


def _default(sounds: Any) -> int:  # noqa: ANN401 - sounddevice has no types
    try:
        return int(sounds.query_devices(kind="input")["index"])
    except (sounds.PortAudioError, ValueError):
        return -1


def _refusal(error: Exception) -> SoundRefused:
    code = next((part for part in error.args[1:2] if isinstance(part, int)), 0)
    phrase = _PHRASES.get(code) or f"cannot be opened ({_text(error)})"
    return SoundRefused(phrase, mode=code in {_BAD_RATE, _BAD_CHANNELS})


def _text(error: Exception) -> str:
    """PortAudio's own words, on one line."""
    return " ".join(str(error.args[0] if error.args else error).split())[:120]


def _within(timeout_s: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises, in a thread that is left behind where it hangs (`SoundSystemSilent`)."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked
            errors.append(error)

    thread = threading.Thread(target=run, name="sound-system", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise errors[0]
    if not answers:
        raise SoundSystemSilent(_SILENT)
    return answers[0]


PORTAUDIO: Final = PortAudio()
"""The process's own: PortAudio is one per process, so its users must take turns."""
