"""The values that may be kept and passed on: clean media, events, windows, evidence.

The privacy boundary is a type. `CleanFrame` and `CleanAudio` demand the seal, a token that only
`streams/deidentify/` imports (a test reads the code to prove it), so nothing else can make one.
Everything is immutable; times are float seconds of media time since the session's epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture

AUDIO_RATE_HZ: Final = 16_000
"""Rate of all clean audio: McAdams depends on it (fixed point 1 rad = fs / 2 pi)."""

CLIP_S: Final = 2.0
"""Length of one audio clip of the evidence, as in EALD-MLLM."""


class Seal:
    """Proof that a record was made by the de-identifier."""

    __slots__ = ()


DEIDENTIFIER_SEAL: Final = Seal()


class Track(StrEnum):
    """The two kinds of media a session has."""

    VIDEO = "video"
    AUDIO = "audio"


class Group(StrEnum):
    """Coarse body region of an NFBL event; what can be trusted first."""

    HEAD = "head"
    ARMS = "arms"
    HANDS = "hands"
    POSTURE = "posture"
    ILLUSTRATIVE = "illustrative"


class Phase(StrEnum):
    """Where an NFBL event is in its life."""

    OPEN = "open"
    UPDATE = "update"
    CLOSE = "close"


class MaskState(StrEnum):
    """Why a clean frame looks the way it does; the audit trail of de-identification."""

    CLEAR = "clear"
    """The detector answered for this frame and no face is near it."""
    MASKED = "masked"
    """Faces were detected in this frame and masked."""
    HELD = "held"
    """A mask was carried from detections before or after this frame."""
    WHOLE_FRAME = "whole-frame"
    """The policy could not be satisfied: nothing of the frame was released."""


class MaskOrigin(StrEnum):
    """Where the box of one mask comes from; with `MaskState` the audit trail of de-identification."""

    DETECTED = "detected"
    """The face was found in this frame."""
    BRIDGED = "bridged"
    """Found before and after: the way between was interpolated."""
    HELD = "held"
    """Found before and lost: the last box is carried on."""
    LOOK_BACK = "look-back"
    """Found only later in the shot: the first box is carried back."""
    WHOLE_FRAME = "whole-frame"
    """No face: nobody knows what is in the frame, so all of it is hidden."""


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box in pixels, x right, y down; may reach beyond the picture."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Width in pixels (may be 0)."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels (may be 0)."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square pixels, 0 for an empty box."""
        return max(0.0, self.width) * max(0.0, self.height)


@dataclass(frozen=True, slots=True)
class MaskedBox:
    """One mask that was drawn: the pixels it covers and the evidence it rests on.

    `track` numbers the face for its life in the session and `score` (0-1) is that of the detection `box` was
    taken or carried from; both are None for `MaskOrigin.WHOLE_FRAME`.
    """

    box: Box
    origin: MaskOrigin
    track: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CleanFrame:
    """One de-identified image.

    `masked` are the masks that were drawn, in pixels of the picture; `index` counts the frames the
    source decoded, so that a dropped frame leaves a hole.
    """

    t_s: float
    index: int
    picture: Picture
    state: MaskState
    masked: tuple[MaskedBox, ...]
    seal: Seal

    def __post_init__(self) -> None:
        """Refuse a frame without the de-identifier's seal (TypeError)."""
        _demand_seal(self.seal)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CleanAudio:
    """A block of altered voice: float32[n] mono at `AUDIO_RATE_HZ`, starting at `t_s`."""

    t_s: float
    samples: NDArray[np.float32]
    seal: Seal

    def __post_init__(self) -> None:
        """Refuse audio without the de-identifier's seal (TypeError)."""
        _demand_seal(self.seal)

    @property
    def end_s(self) -> float:
        """End of the block."""
        return self.t_s + len(self.samples) / AUDIO_RATE_HZ


def _demand_seal(seal: object) -> None:
    if seal is not DEIDENTIFIER_SEAL:
        msg = "only streams/deidentify may make clean records"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class Prosody:
    """How something was said during one block, never what: measured before the voice is altered.

    `speech` is the voice activity probability 0-1; `pitch_st` the median pitch in semitones against the
    speaker's own running baseline (None where unvoiced); `intensity_db` the level in dB against the
    speaker's running speech level (None in digital silence or before a baseline exists).
    """

    t_s: float
    duration_s: float
    speech: float
    pitch_st: float | None
    intensity_db: float | None

    @property
    def end_s(self) -> float:
        """End of the block."""
        return self.t_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of media time for which a track has nothing, and why (`reason` is one short phrase)."""

    track: Track
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NfblEvent:
    """One report about one piece of non-facial body language; the journal's `nfbl` record has the same fields.

    An event keeps its `id` through `open`, `update` and `close`. `score` is 0-1 and uncalibrated. The class
    is a ranked guess: `alternatives` holds the runners-up as (class id, share). `quality` (0-1) is how well what it
    rests on was seen, None where nobody measured it. An `open` report ends at the time at which it was known.
    """

    id: str
    phase: Phase
    group: Group
    class_id: str
    name: str
    side: str
    start_s: float
    end_s: float
    score: float
    alternatives: tuple[tuple[str, float], ...]
    source: str
    speaking: bool | None = None
    quality: float | None = None
    calibrated: bool = False

    @property
    def duration_s(self) -> float:
        """Length so far."""
        return self.end_s - self.start_s


NFBL_GROUPS: Final = (Group.HEAD, Group.ARMS, Group.HANDS, Group.POSTURE)
"""The groups that are body language; illustrative gestures are told apart from them."""


@dataclass(frozen=True, slots=True)
class NfblWatch:
    """How well body language could be watched during [start_s, end_s): without it "no event" would read as calm.

    `blind` names the groups that could not be seen, each with one short reason. `person` numbers the person who was
    watched (None: nobody) and `people` counts the faces there were to choose from.
    """

    start_s: float
    end_s: float
    blind: tuple[tuple[Group, str], ...]
    person: int | None = None
    people: int = 0

    @property
    def seen(self) -> tuple[Group, ...]:
        """The groups of body language that could be seen."""
        blind = {group for group, _ in self.blind}
        return tuple(group for group in NFBL_GROUPS if group not in blind)


class FeedState(StrEnum):
    """How a body-language feed is."""

    OFF = "off"
    STARTING = "starting"
    LIVE = "live"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class NfblState:
    """The feed's state changed at `t_s`; `reason` is one short phrase, empty where all is well."""

    t_s: float
    state: FeedState
    reason: str = ""


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


CleanItem = CleanFrame | CleanAudio | Prosody | Gap | NfblEvent | NfblWatch | NfblState
"""What comes out of the streams: all of it may be kept and passed on."""


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
