"""The source that was named, opened for a few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

if TYPE_CHECKING:
    from streams.sources.firstlook import SeenTrack

LOOK_S: Final = 8.0
"""How long is waited for something to come of it."""

_findings = Findings("source")


def _source(asked: Asked) -> Iterator[Check]:
    if asked.source is None:
        return
    from streams.sources.firstlook import first_look

    look = first_look(asked.source, asked.settings, for_s=LOOK_S)
    came = [seen for seen in look.tracks.values() if seen.first_s is not None]
    if not came and look.waiting:
        yield _findings.warn(look.name, look.waiting, "publish to it, then a session begins")
        return
    if not came:
        why = look.troubles[-1] if look.troubles else "it stayed silent"
        yield _findings.fail(look.name, f"nothing came within {LOOK_S:g} s: {why}", _remedy(asked.source))
        return
    yield _findings.ok(look.name, f"opened, {' and '.join(seen.track for seen in came)}")
    for seen in look.tracks.values():
        if seen.first_s is None:
            yield _findings.warn(seen.track, f"{seen.codec}: promised, but nothing came within {LOOK_S:g} s")
        else:
            yield _findings.ok(seen.track, described(seen))
    for trouble in dict.fromkeys(look.troubles):
        yield _findings.warn("trouble", trouble)
    for notice in look.notices:
        yield _findings.warn("notice", notice)


def _remedy(uri: str) -> str:
    if uri.startswith(("camera:", "mic:", "av:")):
        return "emotion-monitor devices lists cameras and microphones"
    return "" if uri.startswith("webrtc:") else "see that it is running, and that its address is right"


def described(seen: SeenTrack) -> str:
    """Codec, size and rate as they came, and how long the first item took."""
    parts = [seen.codec]
    if seen.size_px != (0, 0):
        parts.append(f"{seen.size_px[0]}x{seen.size_px[1]}")
        rate_hz = seen.rate_hz or seen.promised_hz
        parts += [] if rate_hz is None else [f"{rate_hz:.1f} a second"]
    elif seen.promised_hz is not None:
        parts.append(f"{seen.promised_hz:.0f} Hz")
    return f"{', '.join(parts)}; first after {seen.first_s or 0.0:.2f} s"


SECTION: Final = Section(
    "source",
    __name__,
    (Probe("source", _source, limit_s=LOOK_S + 4.0),),
)
