"""From an address on the command line to a source: a table of schemes, nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from buffers.records import Track
from configs.errors import ConfigError
from configs.settings import Settings
from streams.sources.base import Source
from streams.sources.file import FileSource
from streams.sources.live.captor import Captor
from streams.sources.live.source import CapturedSource
from streams.sources.sound import BLOCK_S

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least, so that a drive letter is none."""

_PART: Final = re.compile(r"(?:^|,)(camera|mic)=")
"""What begins a part of an av: address; a comma within a value begins none."""


def _camera(address: str, settings: Settings) -> Captor:
    from streams.sources.devices.camera import CameraCaptor

    return CameraCaptor(_rest(address), settings.camera, settings.live)


def _mic(address: str, settings: Settings) -> Captor:
    from streams.sources.devices.microphone import MicCaptor

    return MicCaptor(_rest(address), settings.mic, settings.live)


def _network(address: str, settings: Settings) -> Captor:
    from streams.sources.network.captor import NetworkCaptor

    return NetworkCaptor(address, settings.network, settings.live)


def _loop(address: str, _: Settings) -> Captor:
    from streams.sources.live.loop import LoopCaptor

    return LoopCaptor(Path(_rest(address)))


def _webrtc(address: str, settings: Settings) -> Captor:
    from streams.sources.webrtc.captor import WebrtcCaptor

    return WebrtcCaptor(_rest(address), settings.webrtc)


CAPTORS: Final[dict[str, Callable[[str, Settings], Captor]]] = {
    "camera": _camera,
    "mic": _mic,
    **dict.fromkeys(("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "tcp", "udp", "srt"), _network),
    "webrtc": _webrtc,
    "loop": _loop,
}
"""What captures an address, by scheme, given the whole address; the heavy packages are imported only there."""


def open_source(
    uri: str,
    settings: Settings | None = None,
    *,
    block_s: float = BLOCK_S,
    tracks: frozenset[Track] = frozenset(Track),
) -> Source:
    """Open the source an address means: a path, `file:`, `av:camera=...,mic=...`, or a scheme of `CAPTORS`.

    Its sound comes in blocks of `block_s` seconds. Of a live source only `tracks` are captured, unless it has no other.
    Raises `ConfigError` for an address that cannot be meant, and whatever the source's constructor raises.
    """
    if not uri:
        raise ConfigError("no source given; name a recording, a device or a stream")
    match = _SCHEME.match(uri)
    if match is None or Path(uri).exists():
        return FileSource(uri, block_s=block_s)
    scheme = match[1].lower()
    if scheme == "file":
        return FileSource(_path_of(uri), block_s=block_s)
    settings = settings or Settings()
    captors = _both(uri, settings) if scheme == "av" else [(_captor(uri, settings), frozenset(Track))]
    wanted = [(captor, taken & tracks) for captor, taken in captors if _has(captor, taken & tracks)]
    return CapturedSource(wanted or captors, settings.live, block_s=block_s)


def _has(captor: Captor, tracks: frozenset[Track]) -> bool:
    return any(info.track in tracks for info in captor.tracks)


def _captor(uri: str, settings: Settings) -> Captor:
    match = _SCHEME.match(uri)
    factory = CAPTORS.get(match[1].lower()) if match else None
    if factory is None:
        understood = ", ".join(["a path", "file:", "av:", *(f"{scheme}:" for scheme in CAPTORS)])
        raise ConfigError(
            f"{uri.split(':', maxsplit=1)[0]}: is not a source that is understood; understood are {understood}"
        )
    return factory(uri, settings)


def _both(uri: str, settings: Settings) -> list[tuple[Captor, frozenset[Track]]]:
    """The camera and the microphone of an av: address; each a name, or an address of its own."""
    rest = _rest(uri)
    starts = list(_PART.finditer(rest))
    ends = [match.start() for match in starts[1:]] + [len(rest)]
    parts = {match[1]: rest[match.end() : end] for match, end in zip(starts, ends, strict=True)}
    if set(parts) != {"camera", "mic"} or not all(parts.values()) or starts[0].start() != 0 or len(starts) != 2:
        raise ConfigError("av: names one camera and one microphone: av:camera=NAME,mic=NAME")
    return [
        (_captor(_address(kind, parts[kind]), settings), frozenset({track}))
        for kind, track in (("camera", Track.VIDEO), ("mic", Track.AUDIO))
    ]


def _address(kind: str, value: str) -> str:
    match = _SCHEME.match(value)
    return value if match and match[1].lower() in CAPTORS else f"{kind}:{value}"


def _rest(address: str) -> str:
    return address.partition(":")[2]


def _path_of(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise ConfigError(f"{parts.netloc}: files on other machines are not read; copy the recording here")
    return unquote(parts.path)
