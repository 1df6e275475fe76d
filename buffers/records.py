"""The values that come out of the streams and may be kept: clean media, prosody, gaps, body language.

The privacy boundary is a type. `CleanFrame` and `CleanAudio` demand the seal, a token that only
`streams/deidentify/` imports (a test reads the code to prove it), so nothing else can make one.
Everything is immutable; times are float seconds of media time since the session's epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
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


CleanItem = CleanFrame | CleanAudio | Prosody | Gap | NfblEvent | NfblWatch | NfblState
"""What comes out of the streams: all of it may be kept and passed on."""
