"""From a source to clean records in order of media time: one capture thread, one vision and one audio worker.

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from buffers.records import AUDIO_RATE_HZ, CleanFrame, CleanItem, Gap, Track
from configs.errors import DeidentificationFailed, MonitorError
from configs.settings import IngestSettings
from streams.channel import Channel, ChannelClosed, ChannelCounts, Policy
from streams.clock import Clock
from streams.deidentify.voice import VoiceOutput
from streams.media import RawAudio, RawFrame, RawGap, RawItem
from streams.merge import Merger
from streams.pipeline import Pipeline

logger = logging.getLogger("emotion_monitor.ingest")

T = TypeVar("T")

_AUDIO_HOLE_S: Final = 0.02
"""Audio that starts this much later than the last block ended was dropped on the way; one McAdams window."""

_BATCHES: Final = 64
"""Batches waiting for the session; beyond this the workers wait and the live edges before them drop."""

_PRESSED: Final = 3
"""Frames waiting to be masked live, a tenth of a second at 30 a second, from which body language stands back."""

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
        self._source = pipeline.source
        self._faces = pipeline.faces
        self._voice = pipeline.voice
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
        work = {Track.VIDEO: self._see, Track.AUDIO: self._hear}
        self._merger: Merger[CleanItem] = Merger(self._tracks)
        self._merging = threading.Lock()
        self._ended: set[Track] = set()
        self._altered_s = self._measured_s = -math.inf
        if pipeline.voice is not None and not pipeline.voice.keeps_sound:
            self._altered_s = math.inf  # no sound will come that anything could wait for
        self._failure: MonitorError | None = None
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._capture, name="capture", daemon=True)]
        self._threads += [
            threading.Thread(target=self._supervise, args=(track, work[track]), name=f"deidentify-{track}", daemon=True)
            for track in pipeline.tracks
        ]

    def start(self) -> None:
        """Start the threads."""
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

    def abort(self) -> None:
        """Leave at once: nothing more is delivered; threads are joined and the source is closed."""
        self.stop()
        for channel in (self._video, self._audio, self._out):
            channel.abort()
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(_JOIN_S)
        if not started:
            self._source.close()
        self._pipeline.close()

    def counts(self) -> dict[Track, TrackCounts]:
        """Counters of each track that is read."""
        edges: dict[Track, ChannelCounts] = {Track.VIDEO: self._video.counts, Track.AUDIO: self._audio.counts}
        return {
            track: TrackCounts(edges[track].put, edges[track].dropped, track in self._ended) for track in self._tracks
        }

    def _capture(self) -> None:
        """Read the source at the clock's pace and hand every item to its track's worker."""
        try:
            for item in self._source.items():
                t_s = item.start_s if isinstance(item, RawGap) else item.t_s
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
            self._source.close()
            self._video.close()
            self._audio.close()

    def _hand_over(self, t_s: float, item: RawItem) -> None:
        """Put an item on its track's edge; what belongs to a track nobody de-identifies is let go."""
        if isinstance(item, RawFrame) or (isinstance(item, RawGap) and item.track is Track.VIDEO):
            if Track.VIDEO in self._tracks:
                self._video.put(t_s, item)
        elif Track.AUDIO in self._tracks:
            self._audio.put(t_s, item)

    def _supervise(self, track: Track, work: Callable[[], None]) -> None:
        """Run one worker to its end. Whatever breaks it ends the session: nothing may pass a broken de-identifier."""
        try:
            work()
            self._finish(track)
        except ChannelClosed:
            logger.debug("%s: the session has left", track)
        except MonitorError as error:
            self._fail(error)
        except Exception as error:
            logger.debug("%s worker failed", track, exc_info=error)
            what = f"de-identification of the {track} failed ({type(error).__name__}: {error})"
            self._fail(DeidentificationFailed(f"{what}; nothing more is released, please report this"))

    def _see(self) -> None:
        """Mask faces. The track has come as far as what was released, not as far as what came in."""
        assert self._faces is not None
        for item in self._drain(self._video):
            if isinstance(item, RawGap):
                if self._feed is not None:
                    self._feed.miss(item)
                self._emit_frames(self._faces.gap(item))
                # Frames from before a short gap may still wait; then the track has not come past it.
                reached_s = -math.inf if self._faces.holding else item.end_s
                self._emit(Track.VIDEO, [(item.start_s, _clean_gap(item))], reached_s)
            else:
                released = self._faces.push(item)
                if self._feed is not None:
                    pressed = self._clock.paced and len(self._video) > _PRESSED
                    self._feed.see(item, self._faces.seen, pressed=pressed)
                self._emit_frames(released)
        self._emit_frames(self._faces.flush())

    def _hear(self) -> None:
        """Alter the voice; blocks that were dropped on the way become gaps, for audio is never thinned."""
        assert self._voice is not None
        expected_s: float | None = None
        for item in self._drain(self._audio):
            if isinstance(item, RawGap):
                self._hear_gap(item)
                expected_s = item.end_s
                continue
            if expected_s is not None and item.t_s > expected_s + _AUDIO_HOLE_S:
                self._hear_gap(RawGap(Track.AUDIO, expected_s, item.t_s, "audio dropped under overload"))
            self._emit_voice(self._voice.push(item))
            expected_s = item.t_s + len(item.samples) / AUDIO_RATE_HZ
        self._emit_voice(self._voice.flush())

    def _hear_gap(self, gap: RawGap) -> None:
        assert self._voice is not None
        self._emit_voice(self._voice.gap(gap))
        self._emit(Track.AUDIO, [(gap.start_s, _clean_gap(gap))], gap.end_s)

    def _emit_frames(self, frames: Sequence[CleanFrame]) -> None:
        if frames:
            self._emit(Track.VIDEO, [(frame.t_s, frame) for frame in frames], frames[-1].t_s)

    def _emit_voice(self, output: VoiceOutput) -> None:
        for block in output.audio:
            self._altered_s = block.end_s
        for prosody in output.prosody:
            self._measured_s = prosody.end_s
            if self._feed is not None:
                self._feed.hear(prosody)
        items: list[tuple[float, CleanItem]] = [(block.t_s, block) for block in output.audio]
        items += [(prosody.t_s, prosody) for prosody in output.prosody]
        # Voice and prosody leave at different delays; the track is complete only up to the slower of the two.
        self._emit(Track.AUDIO, items, min(self._altered_s, self._measured_s))

    def _emit(self, track: Track, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        with self._merging:
            for t_s, item in items:
                self._merger.put(track, t_s, item)
            self._merger.reach(track, reached_s)
            self._deliver()

    def _finish(self, track: Track) -> None:
        with self._merging:
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

    @staticmethod
    def _drain(channel: Channel[T]) -> Iterator[T]:
        while True:
            try:
                item = channel.get()
            except ChannelClosed:
                return
            yield item


def _clean_gap(gap: RawGap) -> Gap:
    return Gap(gap.track, gap.start_s, gap.end_s, gap.reason)
