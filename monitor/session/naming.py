"""What streams are called outside: by their kind, since a path, an address or a device may name a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from monitor.session.plan import Plan

_KINDS: Final = {
    "camera": "camera",
    "av": "camera",
    "mic": "mic",
    "webrtc": "webrtc",
    **dict.fromkeys(("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "tcp", "udp", "srt"), "stream"),
}
"""What a source is called, by the beginning of its address; everything else is a recording."""


def stream_names(plans: Sequence[Plan]) -> list[str]:
    """A slug for each plan: the one it was given, else the kind of its source, numbered where there are several."""
    names: list[str] = []
    for plan in plans:
        wanted = plan.name or _kind(plan)
        name, number = wanted, 1
        while name in names:
            number += 1
            name = f"{wanted}-{number}"
        names.append(name)
    return names


def _kind(plan: Plan) -> str:
    if Path(plan.source).exists():
        return "recording"
    return _KINDS.get(plan.source.partition(":")[0].lower(), "recording")
