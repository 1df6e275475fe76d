"""From a source to clean records in order of media time: a capture thread for each link, a vision and an audio worker.

```
source ─ capture ─▶ channel ─ vision: faces ─┐
                └─▶ channel ─ audio: voice ──┴─▶ merger ─▶ batches
```
Live edges drop their oldest frames and say so, a replay at max speed waits. Raw media end here: what comes
out of `next_batch` is clean, or it is a gap.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from buffers.records import CleanAudio, CleanItem, Track
from configs.errors import DeidentificationFailed, MonitorError, SourceUnreadable
from configs.settings import IngestSettings
from streams.channel import Channel, ChannelClosed, ChannelCounts, Policy
from streams.clock import Clock, monotonic_s
from streams.media import RawAudio, RawEnd, RawFrame, RawGap, RawMedia
from streams.merge import Merger
from streams.pipeline import Pipeline
from streams.sources.base import Link
from streams.watchdog import Breaker, Stall, Watch
from streams.workers import AudioWorker, VisionWorker, Worker, end_s

logger = logging.getLogger("emotion_monitor.ingest")

_BATCHES: Final = 64
"""Batches waiting for the session; beyond this the workers wait and the live edges before them drop."""

_JOIN_S: Final = 5.0
"""How long a stop waits for all threads; they are daemons, so a hung one cannot keep the process alive."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Clean items in order of media time; `watermark_s` is infinite in the last one.

    `over` are the tracks of which nothing more comes, and up to which media time each lasted (s). What is later than
    that comes in batches that say so.
    """

    items: tuple[tuple[float, CleanItem], ...]
    watermark_s: float
    over: tuple[tuple[Track, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """What one track's edge has seen: `received` from the source, `dropped` before de-identification, `queued` now."""

    received: int
    dropped: int
    ended: bool
    queued: int = 0


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
        self._delivering = threading.Lock()
        self._told_s = dict.fromkeys(self._tracks, 0.0)
        self._ended: set[Track] = set()
        self._failure: MonitorError | None = None
        self._stopping = threading.Event()
        self._aborted = False
        self._watch = Watch()
        self._breakers = {track: Breaker() for track in self._tracks}
        self._workers = {track: self._worker(track) for track in pipeline.tracks}
        self._captures = [
            threading.Thread(target=self._capture, args=(link,), name=f"capture-{number}", daemon=True)
            for number, link in enumerate(pipeline.source.links, start=1)
        ]
        self._threads = {track: self._thread(track, worker) for track, worker in self._workers.items()}

    def start(self) -> None:
        """Start the threads."""
        if self._pipeline.live is not None:
            self._pipeline.live.begin(self._clock)
        for thread in (*self._captures, *self._threads.values()):
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
        with self._merging:
            self._aborted = True
        for channel in (self._video, self._audio, self._out):
            channel.abort()
        started = [thread for thread in (*self._captures, *self._threads.values()) if thread.ident is not None]
        until_s = monotonic_s() + _JOIN_S
        for thread in started:
            thread.join(max(0.0, until_s - monotonic_s()))
        if not started:
            for link in self._pipeline.source.links:
                link.close()
        self._pipeline.close()

    def counts(self) -> dict[Track, TrackCounts]:
        """Counters of each track that is read."""
        edges: dict[Track, ChannelCounts] = {Track.VIDEO: self._video.counts, Track.AUDIO: self._audio.counts}
        return {
            track: TrackCounts(edge.put, edge.dropped, track in self._ended, edge.queued)
            for track, edge in edges.items()
            if track in self._tracks
        }

    def stalls(self, after_s: float) -> list[Stall]:
        """Workers that have been busy with the same item for longer (wall time, s), and where they are.

        To be asked a few times within `after_s`: a worker counts once two looks found it at the same item.
        """
        return self._watch.look([worker.stage for worker in self._workers.values()], monotonic_s(), after_s=after_s)

    def restart(self, stall: Stall) -> bool:
        """Leave a hung worker behind and put another, with a de-identifier of its own, in its place.

        False where that was done too often of late, or where none can be built: the session has failed then, for
        nothing may pass unmasked. Takes as long as loading the models does; one thread at a time may call it.
        """
        track = next((track for track, worker in self._workers.items() if worker.stage is stall.stage), None)
        if track is None or stall.over:
            return True
        if not self._breakers[track].allows(monotonic_s()):
            self._fail(DeidentificationFailed(f"{stall.stage.name} hung again and again; please report {stall.stack}"))
            return False
        try:
            self._pipeline.renew(track)
        except MonitorError as error:
            self._fail(error)
            return False
        with self._merging:
            if self._aborted:
                self._pipeline.close()
                return False
            hung = self._workers[track]
            hung.leave()
            told_s = self._told_s[track]
            hole = RawGap(track, told_s, max(told_s, hung.taken_s), f"{stall.stage.name} was restarted")
            worker = self._workers[track] = self._worker(track, hole)
        # The one left behind is a daemon that nobody waits for.
        thread = self._threads[track] = self._thread(track, worker)
        thread.start()
        return True

    def _worker(self, track: Track, after: RawGap | None = None) -> Worker:
        pipeline, emit = self._pipeline, functools.partial(self._emit, track)
        if track is Track.VIDEO:
            assert pipeline.faces is not None
            return VisionWorker(self._video, pipeline.faces, self._feed, emit, live=self._clock.paced, after=after)
        assert pipeline.voice is not None
        return AudioWorker(self._audio, pipeline.voice, self._feed, emit, after=after)

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
                # On the edge a gap is as old as its end: by its start it would make way for the frame behind it.
                self._hand_over(end_s(item), item)
        except ChannelClosed:
            logger.debug("capture: the workers have left")
        except MonitorError as error:
            self._fail(error)
        except Exception as error:
            logger.debug("capture failed", exc_info=error)
            what = f"{self._pipeline.info.name}: reading failed ({type(error).__name__}: {error})"
            self._fail(SourceUnreadable(f"{what}; please report this"))
        finally:
            self._close_edges(link.tracks)
            # A source is closed by the thread that reads it: closing under a blocked read never returns.
            link.close()

    def _close_edges(self, tracks: Collection[Track]) -> None:
        for track in tracks:
            (self._video if track is Track.VIDEO else self._audio).close()

    def _hand_over(self, t_s: float, item: RawMedia) -> None:
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
            logger.debug("%s: the session has left, or another worker has taken over", track)
        except Exception as error:
            if worker is not self._workers[track]:
                logger.debug("%s: a worker that was left behind failed", track, exc_info=error)
            elif isinstance(error, MonitorError):
                self._fail(error)
            else:
                logger.debug("%s worker failed", track, exc_info=error)
                what = f"de-identification of the {track} failed ({type(error).__name__}: {error})"
                self._fail(DeidentificationFailed(f"{what}; nothing more is released, please report this"))

    def _emit(self, track: Track, worker: Worker, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        # Two locks: while one worker waits for the session, restarts must not.
        with self._delivering:
            with self._merging:
                if worker is not self._workers[track]:
                    raise ChannelClosed(f"{worker.stage.name} was left behind")
                for t_s, item in items:
                    self._merger.put(track, t_s, item)
                self._merger.reach(track, reached_s)
                sound_s = [item.end_s for _, item in items if isinstance(item, CleanAudio)]
                self._told_s[track] = max(self._told_s[track], reached_s, *sound_s)
                batch = self._batch()
            self._deliver(batch)

    def _finish(self, track: Track, worker: Worker) -> None:
        with self._delivering:
            with self._merging:
                if worker is not self._workers[track]:
                    return
                self._merger.end(track)
                self._told_s[track] += self._last_frame_s(track)
                self._ended.add(track)
                batch = self._batch()
            self._deliver(batch)
            if self._ended == self._tracks:
                self._out.close()

    def _batch(self) -> Batch:
        """What is complete, with the NFBL events that fall between. Called with the merger's lock held."""
        items: list[tuple[float, CleanItem]] = []
        watermark_s = self._merger.watermark_s
        for t_s, item in self._merger.ready():
            items += self._reports(t_s)
            items.append((t_s, item))
        items += self._reports(watermark_s)
        over = tuple((track, self._told_s[track]) for track in Track if track in self._ended)
        return Batch(tuple(items), watermark_s, over)

    def _last_frame_s(self, track: Track) -> float:
        """For how long the last frame of a track lasts; of sound, which says itself how long it is, nothing."""
        info = self._pipeline.info.track(track) if track is Track.VIDEO else None
        return 1.0 / info.rate_hz if info is not None and info.rate_hz else 0.0

    def _deliver(self, batch: Batch) -> None:
        """Pass a batch on, in the order in which they were made: the lock of deliveries is held."""
        if batch.items or batch.watermark_s == math.inf:
            self._out.put(batch.watermark_s, batch)

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
