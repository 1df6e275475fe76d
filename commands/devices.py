"""`devices`: the cameras and microphones of this machine, by the addresses that `watch` takes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from commands.flags import Families, common_flags, load, settings_flags
from configs.errors import ConfigError

if TYPE_CHECKING:
    from streams.sources.devices.cameras import Camera
    from streams.sources.devices.listing import Devices
    from streams.sources.devices.meter import Meter
    from streams.sources.devices.microphones import Microphone
    from streams.sources.devices.modes import Mode

_CELLS: Final = 40
_QUIETEST_DB: Final = -60.0
"""Width of a meter's bar, and the level at which it is empty (dBFS)."""

_SCREEN_S: Final = 0.1
_LINES_S: Final = 1.0
"""How often a meter is drawn on a terminal, and written to a pipe (s)."""


def add(families: Families) -> None:
    """Add the command."""
    command = families.add_parser(
        "devices", parents=[common_flags(), settings_flags()], help="the cameras and microphones there are"
    )
    command.add_argument("--json", action="store_true", help="as one JSON object")
    command.add_argument("--meter", type=_seconds, metavar="SECONDS", help="show how loud a microphone is, for so long")
    command.add_argument(
        "--mic", action="append", metavar="NAME", help="microphone of the meter (repeatable; default: the default one)"
    )
    command.set_defaults(run=_devices)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 3600.0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds between 0 and 3600")
    return value


def _devices(args: argparse.Namespace) -> int:
    if args.meter is not None:
        return _meter(args)
    if args.mic:
        raise ConfigError("--mic: is the microphone of the meter; add --meter SECONDS")
    from streams.sources.devices.listing import devices

    found = devices()
    print(json.dumps(_plain(found), ensure_ascii=False, indent=2) if args.json else "\n".join(_lines(found)))
    return 0


def _lines(found: Devices) -> Iterable[str]:
    yield f"Cameras: {len(found.cameras) or 'none'}"
    for camera in found.cameras:
        yield from _camera(camera)
    yield f"Microphones: {len(found.microphones) or 'none'}"
    for microphone in found.microphones:
        yield from _microphone(microphone)
    if found.missing:
        yield "Missing:"
    for line in found.missing:
        yield f"  {line}"


def _camera(camera: Camera) -> Iterable[str]:
    yield f"  {camera.name}"
    for label, values in (("watch", camera.addresses), ("path", [camera.path] if camera.path else [])):
        for value in values:
            yield f"    {label:<8}{value}"
    for format_name, modes in groupby(camera.modes, key=lambda mode: mode.format):
        sizes = "  ".join(_mode(mode) for mode in modes)
        yield f"    {format_name:<8}{sizes}"


def _mode(mode: Mode) -> str:
    rates = "/".join(f"{rate_hz:g}" for rate_hz in mode.rates_hz)
    return f"{mode.size}@{rates}" if rates else mode.size


def _microphone(microphone: Microphone) -> Iterable[str]:
    yield f"  {microphone.name}{' (default: mic:default)' if microphone.is_default else ''}"
    yield f"    {'watch':<8}{microphone.address}"
    yield f"    {'gives':<8}{microphone.rate_hz} Hz, {microphone.channels} channels, through {microphone.host_api}"


def _plain(found: Devices) -> dict[str, Any]:
    return {
        "cameras": [
            {
                "name": camera.name,
                "addresses": camera.addresses,
                "path": str(camera.path) if camera.path else None,
                "modes": [
                    {"format": mode.format, "size": mode.size, "rates_hz": mode.rates_hz} for mode in camera.modes
                ],
                "problem": camera.problem or None,
            }
            for camera in found.cameras
        ],
        "microphones": [
            {
                "name": microphone.name,
                "address": f"mic:{microphone.name}",
                "host_api": microphone.host_api,
                "ambiguous": bool(microphone.twins),
                "rate_hz": microphone.rate_hz,
                "channels": microphone.channels,
                "default": microphone.is_default,
            }
            for microphone in found.microphones
        ],
        "missing": found.missing,
    }


def _meter(args: argparse.Namespace) -> int:
    from streams.clock import LiveClock
    from streams.sources.devices.meter import Meter
    from streams.sources.devices.microphone import MicCaptor

    settings = load(args).settings
    captors = [MicCaptor(name.removeprefix("mic:"), settings.mic, settings.live) for name in args.mic or ["default"]]
    screen = sys.stdout.isatty() and not args.json
    meters = [Meter(captor) for captor in captors]
    clock = LiveClock()
    try:
        while clock.now_s() < args.meter:
            clock.sleep_until(min(args.meter, clock.now_s() + (_SCREEN_S if screen else _LINES_S)))
            _draw(meters, screen=screen, as_json=args.json)
            if screen and clock.now_s() < args.meter:
                # Back to the first of the lines, which are then drawn over.
                print(f"\x1b[{len(meters)}A", end="", flush=True)
    finally:
        for meter in meters:
            meter.close()
    for meter in meters:
        _tell(meter)
    return 0


def _draw(meters: Sequence[Meter], *, screen: bool, as_json: bool) -> None:
    for meter in meters:
        level = meter.level_db()
        if as_json:
            line = json.dumps(
                {"name": meter.name, "level_dbfs": _rounded(level), "peak_dbfs": _rounded(meter.peak_db())}
            )
        elif level is None:
            line = f"{meter.name}  waiting for sound"
        else:
            line = f"{meter.name}  {_bar(level, meter.peak_db())} {level:6.1f} dBFS, peak {meter.peak_db():6.1f}"
        print(f"\x1b[2K{line}" if screen else line, flush=True)


def _bar(level_db: float, peak_db: float) -> str:
    cells = ["#" if cell < _cells(level_db) else "-" for cell in range(_CELLS)]
    if _cells(peak_db):
        cells[_cells(peak_db) - 1] = "|"
    return "".join(cells)


def _cells(level_db: float) -> int:
    return max(0, min(_CELLS, round(_CELLS * (1.0 - level_db / _QUIETEST_DB))))


def _rounded(level_db: float | None) -> float | None:
    return None if level_db is None else round(level_db, 1)


def _tell(meter: Meter) -> None:
    from streams.sources.devices.refusals import privacy

    for notice in meter.notices:
        print(notice, file=sys.stderr)
    if meter.overflows:
        print(f"{meter.name}: sound was lost {meter.overflows} times", file=sys.stderr)
    if not meter.heard_anything:
        hint = privacy("Microphone")
        print(
            f"{meter.name}: nothing but silence; see that it is not muted{f', and {hint}' if hint else ''}",
            file=sys.stderr,
        )
