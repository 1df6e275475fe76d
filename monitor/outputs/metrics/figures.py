"""Which figures Prometheus is told: one table for each kind of thing, and nothing that names a person or a place.

A figure that is not known (no prices, no sound, no lag at max speed) is left out instead of being told as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from buffers.links import LinkStatus
from monitor.snapshot import MediaHealth, OutputState, OutputStatus, Snapshot, TrackEstimate
from monitor.usage import ModelUse

T = TypeVar("T")

PREFIX: Final = "emotion_monitor_"


@dataclass(frozen=True, slots=True)
class Figure(Generic[T]):
    """One figure of one kind of thing; names of counters end in `_total`."""

    name: str
    help: str
    of: Callable[[T], float | None]

    @property
    def counter(self) -> bool:
        """Whether it only ever rises."""
        return self.name.endswith("_total")


STREAM: Final[tuple[Figure[Snapshot], ...]] = (
    Figure(
        "media_time_seconds", "Media time up to which everything was de-identified and buffered.", lambda s: s.media_s
    ),
    Figure("lag_seconds", "How far that trails the clock.", lambda s: s.lag_s),
    Figure(
        "loop_lag_seconds", "How late the event loop turned at its worst in the last seconds.", lambda s: s.loop_lag_s
    ),
    Figure("windows_running", "Windows that are being judged now.", lambda s: float(s.running is not None)),
    Figure(
        "masked_whole_frames_total",
        "Frames of which nothing was shown, because the masks could not be trusted.",
        lambda s: s.privacy.whole_frames,
    ),
    Figure("masked_area_ratio", "Share of the latest frame that is masked.", lambda s: s.privacy.masked_area),
    Figure("nfbl_looks_total", "Frames that were looked at for body language.", lambda s: s.nfbl_looks),
    Figure("nfbl_looks_skipped_total", "Looks that were due and not taken for want of time.", lambda s: s.nfbl_skipped),
    Figure(
        "nfbl_rate_hertz",
        "Body-language events that began, per second in which somebody could be watched.",
        lambda s: None if s.nfbl_per_min is None else s.nfbl_per_min / 60.0,
    ),
    Figure("horizon_bytes", "What the rolling buffers hold.", lambda s: s.horizon_bytes),
    Figure("horizon_seconds", "Media time that the rolling buffers reach back.", lambda s: s.horizon_s),
    Figure("journal_lines_total", "Lines of the journal.", lambda s: s.seq),
)

MEDIA: Final[tuple[Figure[MediaHealth], ...]] = (
    Figure("media_received_total", "Frames or blocks that came from the source.", lambda m: m.received),
    Figure("media_released_total", "Frames or blocks that were de-identified and released.", lambda m: m.released),
    Figure("media_dropped_total", "Frames or blocks that were dropped under overload.", lambda m: m.dropped),
    Figure("media_gaps_total", "Holes in the track.", lambda m: m.gaps),
    Figure("media_queued", "Frames or blocks that wait for de-identification.", lambda m: m.queued),
    Figure("media_rate_hertz", "Frames or blocks released per media second so far.", lambda m: m.rate_hz),
    Figure("media_ended", "1 where the track came to its end.", lambda m: float(m.ended)),
)

ESTIMATE: Final[tuple[Figure[TrackEstimate], ...]] = (
    Figure("estimate_positive_ratio", "Probability of positive.", lambda e: e.p_positive),
    Figure("estimate_lower_ratio", "Lower bound of its interval.", lambda e: e.interval[0]),
    Figure("estimate_upper_ratio", "Upper bound of its interval.", lambda e: e.interval[1]),
    Figure("estimate_windows", "Verdicts that it is made of.", lambda e: e.windows),
    Figure("estimate_age_seconds", "Media time since the latest of them.", lambda e: e.age_s),
    Figure("estimate_stale", "1 where that is too long ago.", lambda e: float(e.stale)),
)

LINK: Final[tuple[Figure[LinkStatus], ...]] = (
    Figure("link_reconnects_total", "How often the link of a live source came back.", lambda one: one.reconnects),
    Figure("link_jumps_total", "How often its timestamps jumped.", lambda one: one.jumps),
    Figure("link_silent_seconds", "Age of the newest thing that arrived.", lambda one: one.silent_s),
    Figure("link_drift_seconds", "How far the sound's own clock is from media time.", lambda one: one.drift_s),
)

MODEL: Final[tuple[Figure[ModelUse], ...]] = (
    Figure("model_requests_total", "Windows that the model was asked about.", lambda m: m.asked),
    Figure("model_failures_total", "Windows about which it gave no answer.", lambda m: m.failed),
    Figure("model_seconds_total", "Time spent waiting for its answers.", lambda m: m.seconds),
    Figure("model_last_seconds", "Time spent waiting for the latest.", lambda m: m.last_s),
    Figure("model_cost_total", "What its tokens cost, in the currency of the prices that are set.", lambda m: m.cost),
)

OUTPUT: Final[tuple[Figure[OutputStatus], ...]] = (
    Figure("output_up", "1 where what is told there arrives.", lambda o: float(o.state is OutputState.UP)),
    Figure("output_waiting", "Records that are not acknowledged yet.", lambda o: o.waiting),
)
