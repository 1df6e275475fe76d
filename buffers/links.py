"""How a live source is doing: the state of each of its links, as values that screens and journals may show.

A link is what one device, address or browser is captured through; a camera with a microphone is two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from buffers.records import Track


class LinkState(StrEnum):
    """Where a link is in its life; only `ENDED` is for good."""

    CONNECTING = "connecting"
    """Being opened, or waiting for a publisher."""
    LIVE = "live"
    """Everything that was promised arrives."""
    STALLED = "stalled"
    """Open, but a track is silent."""
    LOST = "lost"
    """Closed or failed; the next attempt is planned."""
    PAUSED = "paused"
    """Closed because a person asked for privacy: nothing is captured."""
    ENDED = "ended"
    """Over: its end was reached, or it was given up."""


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A link changed its state at `t_s`; `reason` is one short phrase without secrets, empty where all is well."""

    t_s: float
    link: str
    state: LinkState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A link now.

    `since_s` is the media time of the last change, `silent_s` the age of the newest thing that arrived (None before
    the first), `retry_s` the time until the next attempt (None unless lost). `reconnects` counts how often it came
    back, `jumps` how often its timestamps jumped and were re-anchored. `drift_s` is how far the sound's own clock is
    from media time now, after correction (None without sound), and `drift_ppm` how much faster than media time it
    runs, in millionths (None until measured). `invitation` is a link with which somebody may deliver; it may hold a
    secret, so it is for the operator's own screen and goes into no journal and to no server.
    """

    name: str
    tracks: tuple[Track, ...]
    state: LinkState
    since_s: float
    reason: str = ""
    silent_s: float | None = None
    retry_s: float | None = None
    reconnects: int = 0
    jumps: int = 0
    drift_s: float | None = None
    drift_ppm: float | None = None
    invitation: str = ""
