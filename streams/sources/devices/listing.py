"""What there is to watch and to listen to on this machine, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from configs.errors import ConfigError
from streams.sources.devices.cameras import Camera, cameras
from streams.sources.devices.microphones import Microphone, microphones
from streams.sources.devices.portaudio import PORTAUDIO
from streams.sources.devices.refusals import no_camera, no_microphone


@dataclass(frozen=True, slots=True)
class Devices:
    """Everything that was found; `missing` says in one line each what was not, and what to do about it."""

    cameras: tuple[Camera, ...]
    microphones: tuple[Microphone, ...]
    missing: tuple[str, ...]


def devices(
    list_cameras: Callable[[], tuple[Camera, ...]] = cameras,
    list_microphones: Callable[[], tuple[Microphone, ...]] = microphones,
    host_apis: Callable[[], tuple[str, ...]] = PORTAUDIO.host_apis,
) -> Devices:
    """Look for all of them. Nothing that is missing is an error here."""
    seen = list_cameras()
    missing = [] if seen else [no_camera()]
    missing += [f"{camera.name}: {camera.problem}" for camera in seen if camera.problem]
    heard: tuple[Microphone, ...] = ()
    try:
        heard = list_microphones()
        if not heard:
            missing.append(no_microphone(", ".join(host_apis())))
    except ConfigError as error:
        missing.append(f"no microphone: {error}")
    return Devices(seen, heard, tuple(missing))
