"""What is cut from the horizon for one window, and the bounds of what the horizon keeps: plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from buffers.records import Box, Gap, Group, MaskState, NfblEvent, Track


class Cadence(StrEnum):
    """How far a window looks back."""

    LOCAL = "local"
    """A recent span; it moves the current estimate."""
    GLOBAL = "global"
    """The whole session so far; it anchors the overall estimate."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span [start_s, end_s) of media time to be described and judged."""

    id: int
    start_s: float
    end_s: float
    cadence: Cadence

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


class Token:
    """Stands for one kept piece of media and lives no longer than it.

    What is derived from the piece and hung on its token (see `buffers.embeddings`) goes when the piece goes.
    """

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrame:
    """A clean frame as the horizon keeps it: a JPEG and a tiny luma thumbnail uint8[h, w] for movement.

    `masked` boxes are in fractions of width and height, so they hold for the JPEG and the thumbnail alike.
    `on_grid` says whether it is the one frame of its place on the encoding grid (`EvidencePlan.on_grid`).
    """

    t_s: float
    index: int
    jpeg: bytes
    width_px: int
    height_px: int
    thumbnail: NDArray[np.uint8]
    state: MaskState
    masked: tuple[Box, ...]
    on_grid: bool = False
    token: Token = field(default_factory=Token)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return len(self.jpeg) + self.thumbnail.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """`CLIP_S` seconds of altered voice, float32[n] at `AUDIO_RATE_HZ`; holes are zeros, `coverage` says how few.

    Clips cut on the grid of pieces share the token of their piece; others have one of their own.
    """

    t_s: float
    samples: NDArray[np.float32]
    coverage: float
    token: Token = field(default_factory=Token)


@dataclass(frozen=True, slots=True)
class ProsodyBin:
    """Prosody summed over a span: means weighted by speech, None where there was no speech."""

    t_s: float
    duration_s: float
    observed_s: float
    speech_s: float
    pitch_st: float | None
    pitch_spread_st: float | None
    intensity_db: float | None


@dataclass(frozen=True, slots=True)
class NfblCount:
    """How often and how long events of one class happened in a span (scores summed for weighting)."""

    class_id: str
    group: Group
    events: int
    seconds: float
    score_sum: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares 0-1 of the window's time for which something was seen, heard and watched for body language.

    `video` counts released frames that show something (a whole-frame mask shows nothing); `audio` counts
    clean audio; `nfbl` the time for which an NFBL feed was attached and saw any group, `nfbl_groups` that of each.
    """

    video: float
    audio: float
    nfbl: float
    nfbl_groups: tuple[tuple[Group, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual for this person: everything of the session before the window, never a population.

    Rates are events per minute of `observed_s` seconds; prosody means are over the same time.
    """

    observed_s: float
    nfbl: tuple[NfblCount, ...]
    speech_share: float | None
    pitch_spread_st: float | None
    movement: float | None
    watched_s: float | None = None
    """Seconds of it for which an NFBL feed watched (0: none, so `nfbl` says nothing); None where not told."""
    watched_groups: tuple[tuple[Group, float], ...] = ()
    """Seconds of it for which each group of body language could be seen; empty where not told."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the horizon holds for one window; all that a describer and a judge ever see."""

    window: Window
    frames: tuple[StoredFrame, ...]
    clips: tuple[AudioClip, ...]
    events: tuple[NfblEvent, ...]
    counts: tuple[NfblCount, ...]
    prosody: tuple[ProsodyBin, ...]
    movement: float | None
    gaps: tuple[Gap, ...]
    coverage: Coverage
    baseline: Baseline
    av_offset_s: float | None = None
    """Start of the video track minus start of the audio track, None where one is missing."""


@dataclass(frozen=True, slots=True)
class EvidencePlan:
    """How much to cut for a window: `frames` images (M) and `clips` two-second clips (S).

    With `on_grid` only media on fixed grids are cut, about one frame a second and one clip every two, so that windows
    that overlap hold the same frames and clips and a model need encode each of them once. Positions are off by half
    a place of the grid at most, and a window shorter than M seconds holds fewer frames.
    """

    frames: int = 32
    clips: int = 8
    on_grid: bool = False


@dataclass(frozen=True, slots=True)
class HorizonLimits:
    """Bounds of the horizon; see the settings of the same names for the reasons."""

    dense_s: float = 120.0
    frame_rate_hz: float = 4.0
    frame_long_side_px: int = 448
    jpeg_quality: int = 80
    max_bytes: int = 256 * 1024 * 1024
    session_frames: int = 512
    session_clips: int = 128
    session_events: int = 4096
    session_bins: int = 1024
    tracks: tuple[Track, ...] = field(default=(Track.VIDEO, Track.AUDIO))
