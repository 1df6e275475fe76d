"""Lists the microphones of this machine, and finds the one that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from configs.errors import ConfigError
from streams.sources.devices.names import listed, matching
from streams.sources.devices.portaudio import PORTAUDIO, InputDevice, PortAudio
from streams.sources.devices.refusals import no_microphone

DEFAULT: Final = "default"
"""What the system's own choice goes by."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """A microphone. `twins` are the host APIs that offer another of this name, so that one has to be chosen."""

    name: str
    host_api: str
    channels: int
    rate_hz: int
    is_default: bool
    twins: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """What can be given to `watch`, with the setting that it needs."""
        choice = f" --set mic.host_api='{self.host_api}'" if self.twins else ""
        return f"mic:{self.name}{choice}"


def microphones(portaudio: PortAudio = PORTAUDIO) -> tuple[Microphone, ...]:
    """The microphones there are now. `ConfigError` with the remedy where they cannot be listed."""
    devices = portaudio.devices()
    return tuple(
        Microphone(
            device.name,
            device.host_api,
            device.channels,
            device.rate_hz,
            device.is_default,
            tuple(other.host_api for other in devices if other.name == device.name and other is not device),
        )
        for device in devices
    )


def find(name: str, host_api: str | None, portaudio: PortAudio = PORTAUDIO, *, whole: bool = False) -> InputDevice:
    """The device that `name` means, `default` the system's own choice; with `whole` it is the device's whole name.

    `ConfigError` where none or more than one is meant, with those there are.
    """
    devices = portaudio.devices()
    if not devices:
        raise ConfigError(f"mic:{name}: {no_microphone(', '.join(portaudio.host_apis()))}")
    if host_api is not None:
        apis = list(dict.fromkeys(device.host_api for device in devices))
        chosen = {apis[place] for place in matching(host_api, apis)}
        if len(chosen) != 1:
            raise ConfigError(f"mic.host_api: '{host_api}' is not one of the host APIs in use: {listed(apis)}")
        devices = tuple(device for device in devices if device.host_api in chosen)
    if name == DEFAULT:
        return max(devices, key=lambda device: (device.is_default, device.is_host_default))
    if not name:
        raise ConfigError(
            f"mic: names no microphone; mic:default is the system's choice, there are {_addresses(devices)}"
        )
    places = matching(name, [device.name for device in devices], whole=whole)
    if not places:
        raise ConfigError(f"mic:{name}: there is no microphone of that name; there are {_addresses(devices)}")
    if len(places) > 1:
        raise ConfigError(f"mic:{name}: {len(places)} microphones are meant; {_choice([devices[p] for p in places])}")
    return devices[places[0]]


def _choice(meant: list[InputDevice]) -> str:
    apis = list(dict.fromkeys(device.host_api for device in meant))
    names = list(dict.fromkeys(device.name for device in meant))
    if len(apis) > 1:
        return f"choose one with --set mic.host_api=... of {listed(apis)}" + (
            f" and name one of {listed(names)}" if len(names) > 1 else ""
        )
    if len(names) > 1:
        return f"name one of {_addresses(meant)}"
    return "they have the same name; rename or unplug one of them"


def _addresses(devices: tuple[InputDevice, ...] | list[InputDevice]) -> str:
    return listed(list(dict.fromkeys(f"mic:{device.name}" for device in devices)))
