"""What the session knows about itself, kept up to date by plain calls and read as one immutable `Snapshot`.

Every list here is bounded: a session may last for days.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from buffers.evidence import Cadence
from buffers.links import LinkStatus
from buffers.records import (
    NFBL_GROUPS,
    CleanFrame,
    FeedState,
    Gap,
    MaskState,
    NfblEvent,
    NfblState,
    NfblWatch,
    Phase,
    Prosody,
    Track,
)
from monitor.describers.base import ModelInfo
from monitor.records import EndReason, EndRecord, TotalsRecord
from monitor.snapshot import (
    EstimatePoint,
    JudgedWindow,
    MediaHealth,
    OutputState,
    OutputStatus,
    PrivacyHealth,
    SessionState,
    Snapshot,
    TrackEstimate,
)
from monitor.usage import ModelUse

_HISTORY: Final = 512
"""Points of the estimate's history; wider than any terminal."""

_SHOWN: Final = 32
"""Windows and events kept for show; the journal has them all."""

_NOTICES: Final = 64
"""Latest notices that are kept: a server can fail in new words for days."""

_GRID: Final = 64
"""Cells to a side for measuring the masked area."""

_SPEECH: Final = 0.5
"""Voice activity probability above which somebody is said to speak; silero's own default."""


@dataclass(slots=True)
class MediaTally:
    """Running counts of one track as the session saw it come out of de-identification."""

    released: int = 0
    gaps: int = 0
    first_s: float | None = None
    """Media time of the first item."""
    seen_s: float = 0.0
    """Media time of the latest item."""
    received: int = 0
    dropped: int = 0
    ended: bool = False
    queued: int = 0

    def release(self, t_s: float) -> None:
        """Count an item that starts at `t_s`."""
        self.first_s = t_s if self.first_s is None else self.first_s
        self.seen_s = t_s
        self.released += 1

    @property
    def rate_hz(self) -> float | None:
        """Items per media second between the first and the latest, None before the second."""
        if self.first_s is None or self.seen_s <= self.first_s:
            return None
        return (self.released - 1) / (self.seen_s - self.first_s)


@dataclass(slots=True)
class Board:
    """The session's own books. `snapshot` is the only thing outputs ever get from it."""

    session: str
    source: str
    mode: str
    duration_s: float | None
    describer: ModelInfo
    judge: ModelInfo
    detector: str
    mask: str
    voice: str
    nfbl_source: str
    overall: TrackEstimate
    current: TrackEstimate
    journal: str | None
    tracks: tuple[Track, ...]
    state: SessionState = SessionState.CONNECTING
    media_s: float = 0.0
    lag_s: float | None = None
    judged: int = 0
    abstained: int = 0
    skipped: int = 0
    next_window_s: float | None = None
    running: Cadence | None = None
    horizon_s: float = 0.0
    horizon_bytes: int = 0
    rss_bytes: int | None = None
    seq: int = 0
    links: tuple[LinkStatus, ...] = ()
    recording: str | None = None
    loop_lag_s: float | None = None
    outputs: dict[str, OutputStatus] = field(default_factory=dict)
    models: tuple[ModelUse, ...] = ()
    nfbl_looks: int = 0
    nfbl_skipped: int = 0
    notices: list[str] = field(default_factory=list)
    tally: dict[Track, MediaTally] = field(init=False)
    whole_frames: int = 0
    nfbl_started: int = 0
    nfbl_watched_s: float = 0.0
    _output_notices: list[str] = field(default_factory=list)
    _feed: NfblState | None = None
    _watch: NfblWatch | None = None
    _mask_state: MaskState | None = None
    _masked_area: float = 0.0
    _speaking: bool | None = None
    _troubled: bool = False
    _events: dict[str, NfblEvent] = field(default_factory=dict)
    _windows: deque[JudgedWindow] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    _history: deque[EstimatePoint] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def __post_init__(self) -> None:
        """Open a tally for each track."""
        self.tally = {track: MediaTally() for track in self.tracks}

    def frame(self, frame: CleanFrame) -> None:
        """A clean frame was released."""
        self.tally[Track.VIDEO].release(frame.t_s)
        self._mask_state = frame.state
        if frame.state is MaskState.WHOLE_FRAME:
            self.whole_frames += 1
            self._masked_area = 1.0
        else:
            self._masked_area = _masked_share(frame)

    def prosody(self, prosody: Prosody) -> None:
        """A block of sound was altered and its prosody measured: blocks of sound are counted by it."""
        self.tally[Track.AUDIO].release(prosody.t_s)
        self._speaking = prosody.speech >= _SPEECH

    def gap(self, gap: Gap) -> None:
        """A hole was found in a track."""
        self.tally[gap.track].gaps += 1

    def event(self, event: NfblEvent) -> None:
        """An NFBL event opened, changed or closed."""
        if event.phase is Phase.OPEN and event.group in NFBL_GROUPS:
            self.nfbl_started += 1
        self._events.pop(event.id, None)
        self._events[event.id] = event
        while len(self._events) > _SHOWN:
            del self._events[next(iter(self._events))]

    def watch(self, watch: NfblWatch) -> None:
        """The feed says what it could see of whom."""
        self._watch = watch
        if watch.seen:
            self.nfbl_watched_s += watch.end_s - watch.start_s

    def feed(self, change: NfblState) -> None:
        """The feed came, went or was lost."""
        self._feed = change
        if change.state is not FeedState.LIVE:
            self._watch = None
        if change.state is FeedState.OFF:
            self.notice(f"body language is not watched any more: {change.reason}")
        elif change.state is FeedState.LIVE and change.reason:
            self.notice(change.reason)

    @property
    def nfbl_state(self) -> str:
        """The feed's name while all is well, else what is the matter with it."""
        if self._feed is None or self._feed.state is FeedState.LIVE:
            return self.nfbl_source
        return f"{self._feed.state.value}: {self._feed.reason}" if self._feed.reason else self._feed.state.value

    def verdict(self, judged: JudgedWindow, *, abstained: bool) -> None:
        """A window was judged."""
        self._windows.append(judged)
        self.judged += 1
        self.abstained += abstained

    def estimate(self, t_s: float, overall: TrackEstimate, current: TrackEstimate) -> None:
        """The running estimate moved."""
        self.overall, self.current = overall, current
        if self._history and self._history[-1].t_s == t_s:
            self._history.pop()
        self._history.append(EstimatePoint(t_s, overall.p_positive, current.p_positive))

    def received(self, track: Track, received: int, dropped: int, *, ended: bool, queued: int = 0) -> None:
        """Counters of a track's edge before de-identification, where `queued` wait now."""
        tally = self.tally[track]
        tally.received, tally.dropped, tally.ended, tally.queued = received, dropped, ended, queued

    def notice(self, text: str) -> None:
        """Something the user should know; the latest is last, and each is there once."""
        _add(self.notices, text)

    def trouble(self, text: str | None) -> None:
        """Which model did not answer about the last window, None where all did."""
        if text is not None:
            self.notice(text)
        elif self._troubled:
            self.notice("models answer again")
        self._troubled = text is not None

    def output(self, status: OutputStatus) -> None:
        """A destination says how it does; what is the matter with it is shown as a notice too.

        The journal has none of that: what is judged does not depend on where verdicts go.
        """
        before = self.outputs.get(status.name)
        self.outputs[status.name] = status
        troubled = status.state in {OutputState.DOWN, OutputState.STOPPED}
        if troubled and (before is None or (before.state, before.reason) != (status.state, status.reason)):
            _add(self._output_notices, f"{status.name}: {status.reason}")
        elif status.state is OutputState.UP and before is not None and before.state is OutputState.DOWN:
            _add(self._output_notices, f"{status.name}: works again")

    def media(self) -> tuple[MediaHealth, ...]:
        """How each track does."""
        return tuple(_media_health(track, tally) for track, tally in self.tally.items())

    def end_record(self, reason: EndReason) -> EndRecord:
        """The journal's last record."""
        totals = TotalsRecord(
            judged=self.judged,
            abstained=self.abstained,
            skipped=self.skipped,
            nfbl=self.nfbl_started,
            gaps=sum(tally.gaps for tally in self.tally.values()),
        )
        return EndRecord(media_s=self.media_s, reason=reason, totals=totals, notices=tuple(self.notices))

    def snapshot(self) -> Snapshot:
        """The immutable picture of now."""
        minutes = self.nfbl_watched_s / 60.0
        return Snapshot(
            session=self.session,
            source=self.source,
            state=self.state,
            mode=self.mode,
            media_s=self.media_s,
            duration_s=self.duration_s,
            lag_s=self.lag_s,
            media=self.media(),
            privacy=PrivacyHealth(
                detector=self.detector,
                mask=self.mask,
                voice=self.voice,
                state=self._mask_state,
                masked_area=self._masked_area,
                whole_frames=self.whole_frames,
            ),
            overall=self.overall,
            current=self.current,
            history=tuple(self._history),
            windows=tuple(self._windows),
            judged=self.judged,
            abstained=self.abstained,
            skipped=self.skipped,
            next_window_s=self.next_window_s,
            running=self.running,
            nfbl=tuple(self._events.values()),
            nfbl_state=self.nfbl_state,
            nfbl_per_min=self.nfbl_started / minutes if minutes > 0 else None,
            nfbl_watch=self._watch,
            speaking=self._speaking,
            describer=self.describer.name,
            describer_model=self.describer.model,
            judge=self.judge.name,
            judge_model=self.judge.model,
            calibrated=self.judge.calibrated,
            heuristic=self.describer.heuristic or self.judge.heuristic,
            horizon_s=self.horizon_s,
            horizon_bytes=self.horizon_bytes,
            rss_bytes=self.rss_bytes,
            notices=(*self.notices, *self._output_notices),
            journal=self.journal,
            seq=self.seq,
            links=self.links,
            recording=self.recording,
            loop_lag_s=self.loop_lag_s,
            outputs=tuple(self.outputs.values()),
            models=self.models,
            nfbl_looks=self.nfbl_looks,
            nfbl_skipped=self.nfbl_skipped,
        )


def _add(notices: list[str], text: str) -> None:
    if text in notices:
        notices.remove(text)
    notices.append(text)
    del notices[:-_NOTICES]


def _media_health(track: Track, tally: MediaTally) -> MediaHealth:
    return MediaHealth(
        track=track,
        received=tally.received,
        released=tally.released,
        dropped=tally.dropped,
        gaps=tally.gaps,
        rate_hz=tally.rate_hz,
        ended=tally.ended,
        queued=tally.queued,
    )


def _masked_share(frame: CleanFrame) -> float:
    """Share of the picture under masks, on a coarse grid: exact enough for a display, and overlaps count once."""
    grid = np.zeros((_GRID, _GRID), bool)
    across, down = _GRID / frame.picture.width_px, _GRID / frame.picture.height_px
    for mask in frame.masked:
        box = mask.box
        rows = slice(max(0, round(box.y0 * down)), max(0, round(box.y1 * down)))
        grid[rows, max(0, round(box.x0 * across)) : max(0, round(box.x1 * across))] = True
    return float(grid.mean())
