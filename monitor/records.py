"""What the journal says: one immutable record type for each kind of line, and the line itself.

A line holds times, labels, counts and a model's words; never a pixel, a waveform or what a person said.
`monitor/schema.py` makes the published schema of these types.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, TypeAdapter

from buffers.evidence import Coverage, Window
from buffers.links import LinkChange, LinkState
from buffers.records import FeedState, Gap, Group, NfblEvent, NfblState, Phase, Track
from monitor.describers.base import Description, ModelInfo
from monitor.estimate import Estimate
from monitor.judges.base import Label, Verdict
from monitor.record import Record
from monitor.snapshot import MediaHealth, TrackEstimate


class Mode(StrEnum):
    """How media time passes in a session."""

    MAX = "max"
    """As fast as the machine can; nothing is dropped and the journal repeats byte for byte."""
    PACED = "paced"
    """A recording played as if it were live."""
    LIVE = "live"
    """A live source."""


class EndReason(StrEnum):
    """Why a session ended."""

    ENDED = "ended"
    """The source came to its end."""
    INTERRUPTED = "interrupted"
    """A person asked for it."""
    LOST = "lost"
    """A live source went away for good."""
    FAILED = "failed"
    """Something that the session cannot do without failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """One track of the source; `start_s` is its own offset in the session's epoch."""

    track: Track
    codec: str
    start_s: float
    rate_hz: float | None
    width_px: int | None = None
    height_px: int | None = None
    channels: int | None = None

    @classmethod
    def of(cls, track: object) -> Self:
        """What a source says of a track, as far as a journal's reader has use for it."""
        return cls(**{field.name: getattr(track, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidentificationRecord:
    """How identity is removed: face detector, mask style and voice mode."""

    detector: str
    mask: str
    voice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord(Record):
    """The first line: what is watched, and with what."""

    kind: Literal["session"] = "session"
    source: str
    """Name of the source, without secrets."""
    digest: str | None
    """SHA-256 of a finite source's content."""
    tracks: tuple[TrackRecord, ...]
    av_offset_s: float | None
    """Start of video minus start of audio (s), null unless both exist."""
    duration_s: float | None
    """Length of a finite source (s)."""
    mode: Mode
    profile: str
    settings_digest: str
    """SHA-256 of the effective settings."""
    describer: ModelInfo
    judge: ModelInfo
    deidentification: DeidentificationRecord
    version: str
    """Version of emotion-monitor."""
    notices: tuple[str, ...] = ()
    nfbl: str = "off"
    """The body-language feed, `off` where there is none."""
    consent: str | None = None
    """What the operator noted of the consent of the person who is watched."""
    started_at: str | None = None
    """Wall time in UTC (ISO 8601), null at max speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRecord(Record):
    """A span for which a track has nothing."""

    kind: Literal["gap"] = "gap"
    track: Track
    start_s: float
    end_s: float
    reason: str

    @classmethod
    def of(cls, gap: Gap) -> GapRecord:
        """The record of one gap."""
        return cls(media_s=gap.end_s, track=gap.track, start_s=gap.start_s, end_s=gap.end_s, reason=gap.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRecord(Record):
    """A link of a live source changed its state: connecting, live, stalled, lost, paused, ended."""

    kind: Literal["link"] = "link"
    link: str
    """Name of the device, address or endpoint, without secrets."""
    state: LinkState
    reason: str
    tracks: tuple[TrackRecord, ...] = ()
    """What it delivers, once it is live."""

    @classmethod
    def of(cls, change: LinkChange, tracks: tuple[TrackRecord, ...] = ()) -> LinkRecord:
        """The record of one change."""
        return cls(media_s=change.t_s, link=change.link, state=change.state, reason=change.reason, tracks=tracks)


@dataclass(frozen=True, slots=True, kw_only=True)
class StallRecord(Record):
    """A stage of the program hung and was restarted, or the event loop was held up."""

    kind: Literal["stall"] = "stall"
    stage: str
    held_s: float
    """How long it had made no progress (wall time, s)."""
    stack: str
    """Where it was: functions and lines, never values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NfblRecord(Record):
    """One report about one piece of non-facial body language; `media_s` is when it was known."""

    kind: Literal["nfbl"] = "nfbl"
    id: str
    """The same through open, update and close."""
    phase: Phase
    group: Group
    class_id: str
    name: str
    side: str
    start_s: float
    end_s: float
    score: float
    """0-1, uncalibrated."""
    alternatives: tuple[tuple[str, float], ...]
    """Runners-up as [class id, share]."""
    source: str
    speaking: bool | None
    """Whether somebody spoke meanwhile, null where unknown."""
    quality: float | None = None
    """How well the landmarks it rests on were seen (0-1), null where nobody measured it."""
    calibrated: bool = False
    """Whether the score is a probability."""

    @classmethod
    def of(cls, event: NfblEvent, known_s: float | None = None) -> NfblRecord:
        """The record of one event: the same fields, and when it was known (default: at its end)."""
        same = {field.name: getattr(event, field.name) for field in fields(event)}
        return cls(media_s=event.end_s if known_s is None else known_s, **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindRecord(Record):
    """A span in which a group of body language could not be watched: that nothing was reported means nothing."""

    kind: Literal["nfbl_blind"] = "nfbl_blind"
    group: Group
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRecord(Record):
    """The body-language feed began, stopped or was lost."""

    kind: Literal["nfbl_feed"] = "nfbl_feed"
    state: FeedState
    reason: str

    @classmethod
    def of(cls, change: NfblState) -> FeedRecord:
        """The record of one change."""
        return cls(media_s=change.t_s, state=change.state, reason=change.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionRecord(Record):
    """A describer's answer for one window."""

    kind: Literal["description"] = "description"
    window: Window
    describer: str
    text: str
    """The model's words: data, never trusted."""
    insufficient: bool
    """The describer says that the evidence shows too little."""
    note: str | None = None
    """What a person should know of it, such as that another describer stood in."""

    @classmethod
    def of(cls, window: Window, description: Description) -> DescriptionRecord:
        """The record of one description."""
        same = {field.name: getattr(description, field.name) for field in fields(description)}
        return cls(media_s=window.end_s, window=window, **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRecord(Record):
    """A judged window."""

    kind: Literal["verdict"] = "verdict"
    window: Window
    label: Label
    p_positive: float | None
    """Probability of positive, null when abstaining: as the judge stated it, unless `calibrated`."""
    confidence: float | None
    """The paper's score 0-10 for the label, null when abstaining."""
    judge: str
    describer: str
    calibrated: bool
    rationale: str
    """One line: why, also why it abstained."""
    coverage: Coverage
    raw: str | None
    """The model's reply as it came, null where there was none."""
    p_stated: float | None = None
    """Probability of positive as the judge stated it, where a calibration changed it."""

    @classmethod
    def of(cls, window: Window, verdict: Verdict, coverage: Coverage) -> VerdictRecord:
        """The record of one verdict over `window`."""
        same = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
        return cls(media_s=window.end_s, window=window, coverage=coverage, **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRecord(Record):
    """Both tracks of the running estimate."""

    kind: Literal["estimate"] = "estimate"
    overall: TrackEstimate
    current: TrackEstimate

    @classmethod
    def of(cls, estimate: Estimate) -> EstimateRecord:
        """The record of the estimate at its media time."""
        return cls(media_s=estimate.media_s, overall=estimate.overall, current=estimate.current)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackHealthRecord:
    """Counters of one track since the session's start: frames of video, blocks of audio."""

    track: Track
    received: int
    released: int
    dropped: int
    gaps: int

    @classmethod
    def of(cls, health: MediaHealth) -> TrackHealthRecord:
        """The counters of one track."""
        return cls(**{field.name: getattr(health, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord(Record):
    """How the session does. What depends on the machine is null at max speed, where equal runs are equal bytes."""

    kind: Literal["health"] = "health"
    tracks: tuple[TrackHealthRecord, ...]
    whole_frames: int
    """Frames of which nothing was released because the mask policy could not be satisfied."""
    detector_failures: int
    """Frames for which the face detector gave no answer that could be trusted."""
    voice_failures: int
    """Times sound was released as silence because it could not be altered."""
    horizon_bytes: int
    lag_s: float | None = None
    """How far the watermark trails the clock (s)."""
    nfbl_looks: int = 0
    """Frames that were looked at for body language."""
    nfbl_skipped: int = 0
    """Looks that were due and not taken for want of time."""
    nfbl_losses: int = 0
    """Times the landmark engine was lost."""
    embedding_bytes: int = 0
    """What a describer in this process keeps of frames and clips it has encoded."""
    lag_p50_s: float | None = None
    """Median lag since the health record before (s)."""
    lag_p95_s: float | None = None
    """The same, 95th percentile (s)."""
    lag_max_s: float | None = None
    """The same, at its worst (s)."""
    loop_lag_s: float | None = None
    """How late the event loop was at its worst since the health record before (s)."""
    drift_s: float | None = None
    """How far the sound's own clock is from media time after correction (s), live only."""
    drift_ppm: float | None = None
    """How much faster than media time the sound's own clock runs, in millionths, live only."""
    rss_bytes: int | None = None
    cpu_share: float | None = None
    """CPU seconds per wall second since the session was opened (1 is one core)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecord(Record):
    """A person marked this moment."""

    kind: Literal["mark"] = "mark"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsRecord:
    """Counts over the whole session; `judged` includes `abstained`, `skipped` are planned windows that never ran."""

    judged: int
    abstained: int
    skipped: int
    nfbl: int
    gaps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord(Record):
    """The last line of a session that ended in order."""

    kind: Literal["end"] = "end"
    reason: EndReason
    totals: TotalsRecord
    notices: tuple[str, ...] = ()


AnyRecord: TypeAlias = Annotated[
    SessionRecord
    | GapRecord
    | LinkRecord
    | StallRecord
    | NfblRecord
    | BlindRecord
    | FeedRecord
    | DescriptionRecord
    | VerdictRecord
    | EstimateRecord
    | HealthRecord
    | MarkRecord
    | EndRecord,
    Field(discriminator="kind"),
]


@cache
def record_types() -> TypeAdapter[AnyRecord]:
    """The types as one: reads records from parsed lines and describes them. Built once, when first needed."""
    return TypeAdapter(AnyRecord)
