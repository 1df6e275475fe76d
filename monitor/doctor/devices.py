"""The cameras and microphones there are, and PortAudio, through which microphones are read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from configs.errors import ConfigError
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

if TYPE_CHECKING:
    from streams.sources.devices.cameras import Camera
    from streams.sources.devices.microphones import Microphone

SOUND_S: Final = 8.0
"""Limit of what asks the sound system: it lists in 1.5 s, and a sound server that is stopped never answers."""

MOST: Final = 6
"""Devices of a kind that are named; ALSA lists every way to each card."""

_findings = Findings("devices")


def _cameras(_: Asked) -> Iterator[Check]:
    from streams.sources.devices.cameras import cameras
    from streams.sources.devices.refusals import no_camera

    found = cameras()
    if not found:
        yield _none("cameras", no_camera())
    for camera in found[:MOST]:
        if camera.problem:
            yield _findings.warn("camera", f"{camera.name} {camera.problem}")
        else:
            yield _findings.ok("camera", camera_line(camera))
    if len(found) > MOST:
        yield _findings.ok("cameras", f"{len(found) - MOST} more: emotion-monitor devices")


def camera_line(camera: Camera) -> str:
    """A camera by its address, with how many modes it has and the largest."""
    address = camera.addresses[0]
    if not camera.modes:
        return address
    largest = max(camera.modes, key=lambda mode: mode.width_px * mode.height_px)
    return f"{address}, {len(camera.modes)} modes up to {largest.size}"


def _sound(_: Asked) -> Iterator[Check]:
    if find_spec("sounddevice") is None:
        yield _findings.skip(
            "PortAudio", "no package sounddevice: no microphones", "pip install 'emotion-monitor[devices]'"
        )
        return
    from streams.sources.devices.microphones import microphones
    from streams.sources.devices.portaudio import PORTAUDIO
    from streams.sources.devices.refusals import no_microphone

    try:
        apis, found = PORTAUDIO.host_apis(), microphones()
    except ConfigError as error:
        yield _findings.warn("PortAudio", *_with_remedy(str(error)))
        return
    yield _findings.ok("PortAudio", f"host APIs: {', '.join(apis) or 'none'}")
    if not found:
        yield _none("microphones", no_microphone(""))
    for microphone in found[:MOST]:
        yield _findings.ok("microphone", microphone_line(microphone))
    if len(found) > MOST:
        yield _findings.ok("microphones", f"{len(found) - MOST} more: emotion-monitor devices")


def microphone_line(microphone: Microphone) -> str:
    """A microphone by its address, with what it gives."""
    default = ", the default" if microphone.is_default else ""
    channels = f"{microphone.channels} channel{'s' if microphone.channels != 1 else ''}"
    return f"{microphone.address}, {microphone.host_api}, {channels}, {microphone.rate_hz} Hz{default}"


def _none(name: str, hint: str) -> Check:
    return _findings.skip(name, *_with_remedy(hint, ": "))


def _with_remedy(text: str, mark: str = "; ") -> tuple[str, str]:
    """What a line of the devices says, parted from what to do about it."""
    said, _, remedy = text.partition(mark)
    return said, remedy


SECTION: Final = Section(
    "devices",
    __name__,
    (
        Probe("cameras", _cameras, limit_s=8.0, remedy="unplug the camera and plug it in again", vital=False),
        Probe("PortAudio", _sound, limit_s=SOUND_S, remedy="restart the sound server", vital=False),
    ),
)
