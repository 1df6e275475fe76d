"""From a source to clean records in order of media time: a capture thread for each link, a vision and an audio worker.

```
source ─ capture ─▶ channel ─ vision: faces ─┐
                └─▶ channel ─ audio: voice ──┴─▶ merger ─▶ batches
```
Live edges drop their oldest frames and say so, a replay at max speed waits. Raw media end here: what comes
out of `next_batch` is clean, or it is a gap.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from buffers.records import CleanItem, Track
from configs.errors import DeidentificationFailed, MonitorError
from configs.settings import IngestSettings
from streams.channel import Channel, ChannelClosed, ChannelCounts, Policy
from streams.clock import Clock, monotonic_s
from streams.media import RawAudio, RawEnd, RawFrame, RawGap
from streams.merge import Merger
from streams.pipeline import Pipeline
from streams.sources.base import Link
from streams.watchdog import Breaker, Stall
from streams.workers import AudioWorker, VisionWorker, Worker

logger = logging.getLogger("emotion_monitor.ingest")

_BATCHES: Final = 64
"""Batches waiting for the session; beyond this the workers wait and the live edges before them drop."""

_JOIN_S: Final = 5.0
"""How long a stop waits for each thread; they are daemons, so a hung one cannot keep the process alive."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Clean items in order of media time; `watermark_s` is infinite in the last one."""

    items: tuple[tuple[float, CleanItem], ...]
    watermark_s: float


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """What one track's edge has seen: `received` from the source, `dropped` before de-identification."""

    received: int
    dropped: int
    ended: bool


class Ingest:
    """Runs a source through de-identification. Use `start`, `next_batch` until `ChannelClosed`, `stop`."""

    def __init__(self, pipeline: Pipeline, *, clock: Clock, settings: IngestSettings, batches: int = _BATCHES) -> None:
        """Prepare; nothing runs before `start`. `batches` may wait for whoever calls `next_batch`."""
        self._feed = pipeline.feed
        self._pipeline = pipeline
        self._clock = clock
        self._tracks = frozenset(pipeline.tracks)
        policy = Policy.DROP_OLDEST if clock.paced else Policy.WAIT
        self._video = Channel[RawFrame | RawGap](
            "video", max_items=settings.video_items, policy=policy, max_age_s=settings.max_age_s
        )
        self._audio = Channel[RawAudio | RawGap]("audio", max_items=settings.audio_items, policy=policy)
        self._out = Channel[Batch]("clean", max_items=batches, policy=Policy.WAIT)
        self._merger: Merger[CleanItem] = Merger(self._tracks)
        self._merging = threading.Lock()
        self._ended: set[Track] = set()
        self._failure: MonitorError | None = None
        self._stopping = threading.Event()
        self._breakers = {track: Breaker() for track in self._tracks}
        self._workers = {track: self._worker(track) for track in pipeline.tracks}
        links = pipeline.source.links
        self._threads = [
            threading.Thread(target=self._capture, args=(link,), name=f"capture-{number}", daemon=True)
            for number, link in enumerate(links, start=1)
        ]
        self._threads += [self._thread(track, worker) for track, worker in self._workers.items()]

    def start(self) -> None:
        """Start the threads."""
        if self._pipeline.live is not None:
            self._pipeline.live.begin(self._clock)
        for thread in self._threads:
            thread.start()

    def next_batch(self, timeout_s: float | None = None) -> Batch:
        """The next clean items. `ChannelClosed` after the last; the worker's `MonitorError` where one failed.

        TimeoutError when nothing came within `timeout_s`.
        """
        try:
            return self._out.get(timeout_s)
        except ChannelClosed:
            if self._failure is not None:
                raise self._failure from None
            raise

    def stop(self) -> None:
        """End capture, let what was captured be de-identified and delivered, then `ChannelClosed`."""
        self._stopping.set()
        self._clock.interrupt()
        if self._pipeline.live is not None:
            self._pipeline.live.stop()

    def abort(self) -> None:
        """Leave at once: nothing more is delivered; threads are joined and the source is closed."""
        self.stop()
        for channel in (self._video, self._audio, self._out):
            channel.abort()
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(_JOIN_S)
        if not started:
            for link in self._pipeline.source.links:
                link.close()
        self._pipeline.close()

    def counts(self) -> dict[Track, TrackCounts]:
        """Counters of each track that is read."""
        edges: dict[Track, ChannelCounts] = {Track.VIDEO: self._video.counts, Track.AUDIO: self._audio.counts}
        return {
            track: TrackCounts(edges[track].put, edges[track].dropped, track in self._ended) for track in self._tracks
        }

    def stalls(self, after_s: float) -> list[Stall]:
        """Workers that have been busy with the same item for longer (wall time, s), and where they are."""
        now_s = monotonic_s()
        busy = [(worker.stage, worker.stage.busy_s(now_s)) for worker in self._workers.values()]
        return [Stall(stage, busy_s, stage.stack()) for stage, busy_s in busy if busy_s > after_s]

    def restart(self, stall: Stall) -> bool:
        """Leave a hung worker behind and put another, with a de-identifier of its own, in its place.

        False where that was done too often of late: the session has failed then, for nothing may pass unmasked.
        """
        track = next((track for track, worker in self._workers.items() if worker.stage is stall.stage), None)
        if track is None:
            return True
        if not self._breakers[track].allows(monotonic_s()):
            self._fail(DeidentificationFailed(f"{stall.stage.name} hung again and again; please report {stall.stack}"))
            return False
        with self._merging:
            reached_s = max(0.0, self._workers[track].reached_s)
            self._pipeline.renew(track)
            worker = self._worker(track, RawGap(track, reached_s, reached_s, f"{stall.stage.name} was restarted"))
            self._workers[track] = worker
        thread = self._thread(track, worker)
        self._threads.append(thread)
        thread.start()
        return True

    def _worker(self, track: Track, after: RawGap | None = None) -> Worker:
        pipeline = self._pipeline
        if track is Track.VIDEO:
            assert pipeline.faces is not None

            def emit_video(items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
                self._emit(vision, track, items, reached_s)

            vision = VisionWorker(
                self._video, pipeline.faces, self._feed, emit_video, live=self._clock.paced, after=after
            )
            return vision
        assert pipeline.voice is not None

        def emit_audio(items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
            self._emit(hearing, track, items, reached_s)

        hearing = AudioWorker(self._audio, pipeline.voice, self._feed, emit_audio, after=after)
        return hearing

    def _thread(self, track: Track, worker: Worker) -> threading.Thread:
        return threading.Thread(target=self._supervise, args=(track, worker), name=f"deidentify-{track}", daemon=True)

    def _capture(self, link: Link) -> None:
        """Read a link at the clock's pace and hand every item to its track's worker."""
        try:
            for item in link.items():
                if isinstance(item, RawEnd):
                    self._close_edges({item.track})
                    continue
                t_s = item.start_s if isinstance(item, RawGap) else item.t_s
                if self._pipeline.live is None:
                    self._clock.sleep_until(t_s)
                    if self._stopping.is_set():
                        break
                self._hand_over(t_s, item)
        except ChannelClosed:
            logger.debug("capture: the workers have left")
        except MonitorError as error:
            self._fail(error)
        finally:
            # A source is closed by the thread that reads it: closing under a blocked read never returns.
            link.close()
            self._close_edges(link.tracks)

    def _close_edges(self, tracks: Collection[Track]) -> None:
        for track in tracks:
            (self._video if track is Track.VIDEO else self._audio).close()

    def _hand_over(self, t_s: float, item: RawFrame | RawAudio | RawGap) -> None:
        """Put an item on its track's edge; what belongs to a track nobody de-identifies is let go."""
        if isinstance(item, RawFrame) or (isinstance(item, RawGap) and item.track is Track.VIDEO):
            if Track.VIDEO in self._tracks:
                self._video.put(t_s, item)
        elif Track.AUDIO in self._tracks:
            self._audio.put(t_s, item)

    def _supervise(self, track: Track, worker: Worker) -> None:
        """Run one worker to its end. Whatever breaks it ends the session: nothing may pass a broken de-identifier."""
        try:
            worker.run()
            self._finish(track, worker)
        except ChannelClosed:
            logger.debug("%s: the session has left", track)
        except MonitorError as error:
            self._fail(error)
        except Exception as error:
            if worker is not self._workers[track]:
                return  # left behind long ago
            logger.debug("%s worker failed", track, exc_info=error)
            what = f"de-identification of the {track} failed ({type(error).__name__}: {error})"
            self._fail(DeidentificationFailed(f"{what}; nothing more is released, please report this"))

    def _emit(self, worker: Worker, track: Track, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        with self._merging:
            if worker is not self._workers[track]:
                raise ChannelClosed(f"{worker.stage.name} was left behind")
            for t_s, item in items:
                self._merger.put(track, t_s, item)
            self._merger.reach(track, reached_s)
            self._deliver()

    def _finish(self, track: Track, worker: Worker) -> None:
        with self._merging:
            if worker is not self._workers[track]:
                return
            self._merger.end(track)
            self._ended.add(track)
            self._deliver()
            if self._ended == self._tracks:
                self._out.close()

    def _deliver(self) -> None:
        """Pass on what is complete, with the NFBL events that fall between. Called with the merger's lock held."""
        items: list[tuple[float, CleanItem]] = []
        watermark_s = self._merger.watermark_s
        for t_s, item in self._merger.ready():
            items += self._reports(t_s)
            items.append((t_s, item))
        items += self._reports(watermark_s)
        if items or math.isinf(watermark_s):
            self._out.put(watermark_s, Batch(tuple(items), watermark_s))

    def _reports(self, t_s: float) -> list[tuple[float, CleanItem]]:
        """What the feed may tell with everything before `t_s` complete."""
        if self._feed is None:
            return []
        return [(report.t_s, report.item) for report in self._feed.reports(t_s)]

    def _fail(self, error: MonitorError) -> None:
        """Keep the first failure and end everything; the session meets it in `next_batch`."""
        if self._failure is None:
            self._failure = error
        self.stop()
        self._video.abort()
        self._audio.abort()
        self._out.close()
