"""How a session does: lags between two health records, a watcher of the event loop, and the record itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from monitor.board import Board
from monitor.records import HealthRecord, StallRecord, TrackHealthRecord
from streams.clock import monotonic_s
from streams.pipeline import Pipeline
from streams.watchdog import Stage

_MOST_SAMPLES: Final = 4096
"""Samples kept between two records: 17 minutes at four a second."""

_HELD_S: Final = 2.0
"""Time without a turn of the event loop that is told: outputs and judging stand still meanwhile."""

_LOOK_S: Final = 0.5
"""How often the watcher looks at the loop (wall time, s)."""


@dataclass(slots=True)
class Lags:
    """Lags (s) sampled since the last time they were taken."""

    samples: list[float] = field(default_factory=list)

    def add(self, lag_s: float) -> None:
        """One more; beyond a bound they are let go."""
        if len(self.samples) < _MOST_SAMPLES:
            self.samples.append(lag_s)

    def take(self) -> tuple[float, float, float] | None:
        """Median, 95th percentile and maximum, and begin anew; None without a sample."""
        found, self.samples = sorted(self.samples), []
        if not found:
            return None
        return found[len(found) // 2], found[min(len(found) - 1, round(0.95 * len(found)))], found[-1]


class LoopWatch:
    """Notices when the event loop is held up, from a thread of its own, and remembers by what.

    `beat` is called on the loop, about four times a second; it returns how late it was called.
    """

    def __init__(self, *, period_s: float, now_s: Callable[[], float] = monotonic_s) -> None:
        """The loop means to beat every `period_s`."""
        self._period_s = period_s
        self._now_s = now_s
        self._stage = Stage("event loop")
        self._beat_s: float | None = None
        self._stack = ""
        self._held: list[StallRecord] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        self.worst_s = 0.0

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def beat(self, media_s: float) -> float:
        """The loop turns; how late this turn is (s)."""
        now_s = self._now_s()
        late_s = 0.0 if self._beat_s is None else max(0.0, now_s - self._beat_s - self._period_s)
        self._beat_s = now_s
        self._stage.work()
        self.worst_s = max(self.worst_s, late_s)
        if late_s > _HELD_S:
            stack, self._stack = self._stack, ""
            self._held.append(StallRecord(media_s=media_s, stage="event loop", held_s=late_s, stack=stack or "unknown"))
        return late_s

    def look(self) -> None:
        """What the watcher's thread does: where the loop is, once it is late."""
        beat_s = self._beat_s
        if beat_s is not None and self._now_s() - beat_s > self._period_s + _HELD_S and not self._stack:
            self._stack = self._stage.stack()

    def held(self) -> list[StallRecord]:
        """What held the loop up since this was last asked."""
        held, self._held = self._held, []
        return held

    def take_worst_s(self) -> float:
        """The latest turn since this was last asked (s)."""
        worst_s, self.worst_s = self.worst_s, 0.0
        return worst_s

    def stop(self) -> None:
        """End the thread."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            self.look()


def health_record(
    board: Board,
    pipeline: Pipeline,
    *,
    horizon_bytes: int,
    embedding_bytes: int,
    lags: Lags,
    loop_lag_s: float | None,
    cpu_share: float | None,
) -> HealthRecord:
    """How the session does now; what the lags were since the last time is taken."""
    counts, looks = pipeline.face_counts, pipeline.feed_counts
    p50_s, p95_s, most_s = lags.take() or (None, None, None)
    drift = next((link for link in board.links if link.drift_s is not None), None)
    return HealthRecord(
        media_s=board.media_s,
        tracks=tuple(TrackHealthRecord.of(health) for health in board.media()),
        whole_frames=board.whole_frames,
        detector_failures=counts.detector_failures,
        voice_failures=pipeline.voice_failures,
        horizon_bytes=horizon_bytes,
        nfbl_looks=looks.looks,
        nfbl_skipped=looks.skipped,
        nfbl_losses=looks.losses,
        embedding_bytes=embedding_bytes,
        lag_s=board.lag_s,
        lag_p50_s=p50_s,
        lag_p95_s=p95_s,
        lag_max_s=most_s,
        loop_lag_s=loop_lag_s,
        drift_s=None if drift is None else drift.drift_s,
        drift_ppm=None if drift is None else drift.drift_ppm,
        rss_bytes=board.rss_bytes,
        cpu_share=cpu_share,
    )
