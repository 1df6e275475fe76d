"""An immutable picture of the session now: all that any output ever sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from buffers.evidence import Cadence, Window
from buffers.links import LinkStatus
from buffers.records import MaskState, NfblEvent, NfblWatch, Track
from monitor.judges.base import Verdict
from monitor.usage import ModelUse


class SessionState(StrEnum):
    """Where the session is in its life."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    LOST = "lost"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


class EstimateLabel(StrEnum):
    """A track's answer; in the middle band it is uncertain."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class TrackEstimate:
    """One track of the running estimate: probability of positive with its interval, and how old it is.

    `windows` counts the verdicts in it; `age_s` is media time since the last one (None before the first).
    """

    p_positive: float
    interval: tuple[float, float]
    label: EstimateLabel
    windows: int
    age_s: float | None
    stale: bool


@dataclass(frozen=True, slots=True)
class MediaHealth:
    """How one media track does. `rate_hz` is frames (video) or blocks (audio) released per media second.

    `queued` waits for de-identification now.
    """

    track: Track
    received: int
    released: int
    dropped: int
    gaps: int
    rate_hz: float | None
    ended: bool
    queued: int = 0


@dataclass(frozen=True, slots=True)
class PrivacyHealth:
    """What de-identification does right now. `masked_area` is the share 0-1 of the last frame."""

    detector: str
    mask: str
    voice: str
    state: MaskState | None
    masked_area: float
    whole_frames: int


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """A window with its verdict and the description it was judged from."""

    window: Window
    verdict: Verdict
    description: str


@dataclass(frozen=True, slots=True)
class EstimatePoint:
    """One point of the estimate's history; probabilities of positive."""

    t_s: float
    overall: float
    current: float


class OutputState(StrEnum):
    """Whether what is told there arrives."""

    CONNECTING = "connecting"
    """Not yet."""
    UP = "up"
    """It does."""
    DOWN = "down"
    """It does not for now; the next attempt is planned."""
    STOPPED = "stopped"
    """It does not any more, until the next run: a person must do something."""


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """How a destination does: `name` is `mqtt`, `page`, `webhook` or `metrics`.

    `reason` says in one short phrase, without secrets, what is the matter. `waiting` counts records that are not
    acknowledged yet (None where nothing is). `link` is where a person finds it; it may hold a secret, so it is for the
    operator's own screen and goes into no journal and to no server.
    """

    name: str
    state: OutputState
    reason: str = ""
    waiting: int | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything an output may show. `lag_s` is how far the watermark trails the clock (None at max speed).

    `links` are there for live sources only. `recording` is the file that a clean recording goes to, `loop_lag_s` how
    late the event loop was at its worst in the last seconds (None at max speed). `outputs` says how each destination
    does, `models` what the describer and the judge were asked. `nfbl_looks` counts frames that were looked at for body
    language, `nfbl_skipped` looks that were due and not taken for want of time.
    """

    session: str
    source: str
    state: SessionState
    mode: str
    media_s: float
    duration_s: float | None
    lag_s: float | None
    media: tuple[MediaHealth, ...]
    privacy: PrivacyHealth
    overall: TrackEstimate
    current: TrackEstimate
    history: tuple[EstimatePoint, ...]
    windows: tuple[JudgedWindow, ...]
    judged: int
    abstained: int
    skipped: int
    next_window_s: float | None
    running: Cadence | None
    nfbl: tuple[NfblEvent, ...]
    nfbl_state: str
    nfbl_per_min: float | None
    nfbl_watch: NfblWatch | None
    speaking: bool | None
    describer: str
    describer_model: str
    judge: str
    judge_model: str
    calibrated: bool
    heuristic: bool
    horizon_s: float
    horizon_bytes: int
    rss_bytes: int | None
    notices: tuple[str, ...]
    journal: str | None
    seq: int
    links: tuple[LinkStatus, ...] = ()
    recording: str | None = None
    loop_lag_s: float | None = None
    outputs: tuple[OutputStatus, ...] = ()
    models: tuple[ModelUse, ...] = ()
    nfbl_looks: int = 0
    nfbl_skipped: int = 0
