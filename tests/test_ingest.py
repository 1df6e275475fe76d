from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from buffers.picture import Picture
from buffers.records import (
    DEIDENTIFIER_SEAL,
    CleanAudio,
    CleanFrame,
    CleanItem,
    Gap,
    MaskState,
    NfblEvent,
    Prosody,
    Track,
)
from configs.errors import DeidentificationFailed, SourceLost
from configs.settings import IngestSettings
from streams.channel import ChannelClosed
from streams.clock import Clock, PacedClock, VirtualClock
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.ingest import Ingest
from streams.media import RawAudio, RawFrame, RawGap, RawItem, SourceInfo, TrackInfo
from streams.nfbl.replay import ReplayedFeed
from streams.pipeline import Pipeline

pytestmark = pytest.mark.unit

BLOCK = 1600


def frames(count: int, fps: float = 25.0, start_s: float = 0.0) -> list[RawItem]:
    return [RawFrame(start_s + n / fps, n, Picture.blank(16, 16)) for n in range(count)]


def blocks(count: int, start_s: float = 0.0) -> list[RawItem]:
    return [RawAudio(start_s + n * 0.1, np.zeros(BLOCK, np.float32)) for n in range(count)]


def starts_s(item: RawItem) -> float:
    return item.start_s if isinstance(item, RawGap) else item.t_s


class ListedSource:
    """A source that plays what it is given, then raises `error` if there is one."""

    digest = None

    def __init__(self, items: list[RawItem], error: Exception | None = None, tracks: tuple[Track, ...] = ()) -> None:
        self._items = sorted(items, key=starts_s)
        self._error = error
        self.closed = threading.Event()
        self.info = SourceInfo(
            "listed",
            tuple(TrackInfo(track, "raw", 0.0, None) for track in tracks or (Track.VIDEO, Track.AUDIO)),
            None,
        )

    def items(self) -> Iterator[RawItem]:
        yield from self._items
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed.set()


class PlainFaces:
    """Releases each frame `late` frames later, as a look-back does."""

    seen = ()

    def __init__(
        self,
        late: int = 3,
        break_at: int | None = None,
        before: Callable[[], None] = lambda: None,
        *,
        forgetful: bool = True,
    ) -> None:
        self._late, self._break_at, self._before, self._forgetful = late, break_at, before, forgetful
        self._waiting: list[RawFrame] = []

    def push(self, frame: RawFrame) -> list[CleanFrame]:
        self._before()
        if frame.index == self._break_at:
            msg = "boom"
            raise RuntimeError(msg)
        self._waiting.append(frame)
        return [self._clean(self._waiting.pop(0))] if len(self._waiting) > self._late else []

    def gap(self, gap: RawGap) -> list[CleanFrame]:
        return self.flush() if self._forgetful else []

    @property
    def holding(self) -> bool:
        return bool(self._waiting)

    def flush(self) -> list[CleanFrame]:
        waiting, self._waiting = self._waiting, []
        return [self._clean(frame) for frame in waiting]

    def close(self) -> None:
        return

    @staticmethod
    def _clean(frame: RawFrame) -> CleanFrame:
        return CleanFrame(
            t_s=frame.t_s,
            index=frame.index,
            picture=Picture.blank(16, 16),
            state=MaskState.CLEAR,
            masked=(),
            seal=DEIDENTIFIER_SEAL,
        )


class PlainVoice:
    """Releases each block at once; `before` may make it slow."""

    keeps_sound = True

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self._before = before

    def push(self, audio: RawAudio) -> VoiceOutput:
        self._before()
        block = CleanAudio(t_s=audio.t_s, samples=np.zeros_like(audio.samples), seal=DEIDENTIFIER_SEAL)
        return VoiceOutput((block,), (Prosody(audio.t_s, len(audio.samples) / 16_000, 0.0, None, None),))

    def gap(self, gap: RawGap) -> VoiceOutput:
        return VoiceOutput()

    def flush(self) -> VoiceOutput:
        return VoiceOutput()


def ingest(
    source: ListedSource,
    *,
    faces: PlainFaces | None = None,
    voice: PlainVoice | None = None,
    feed: ReplayedFeed | None = None,
    clock: Clock | None = None,
) -> Ingest:
    pipeline = Pipeline(
        source,
        cast(FaceDeidentifier, faces or PlainFaces()),
        cast(VoiceDeidentifier, voice or PlainVoice()),
        feed,
    )
    return Ingest(pipeline, clock=clock or VirtualClock(), settings=IngestSettings())


def drain(running: Ingest) -> list[tuple[float, CleanItem]]:
    running.start()
    out: list[tuple[float, CleanItem]] = []
    try:
        while True:
            batch = running.next_batch(10.0)
            out += batch.items
            assert all(t_s <= batch.watermark_s for t_s, _ in batch.items)
    except ChannelClosed:
        return out
    finally:
        running.abort()


def exhaust(running: Ingest, released: list[CleanFrame] | None = None) -> int:
    """Read to the end; how many items came. Frames are added to `released`, also where the end is an error."""
    count = 0
    while True:
        try:
            items = running.next_batch(10.0).items
        except ChannelClosed:
            return count
        count += len(items)
        if released is not None:
            released += [item for _, item in items if isinstance(item, CleanFrame)]


def assert_set(event: threading.Event) -> None:
    assert event.wait(10)


def shape(items: list[tuple[float, CleanItem]]) -> list[tuple[float, str]]:
    return [(t_s, type(item).__name__) for t_s, item in items]


def test_everything_comes_out_once_in_order_of_media_time() -> None:
    items = drain(ingest(ListedSource(frames(50) + blocks(20))))
    times = [t_s for t_s, _ in items]
    assert times == sorted(times)
    assert sum(isinstance(item, CleanFrame) for _, item in items) == 50
    assert sum(isinstance(item, CleanAudio) for _, item in items) == 20
    assert sum(isinstance(item, Prosody) for _, item in items) == 20


def test_the_order_at_max_speed_is_the_same_whichever_worker_is_slower() -> None:
    def busy() -> None:
        sum(range(20_000))

    slow_faces = drain(ingest(ListedSource(frames(40) + blocks(16)), faces=PlainFaces(before=busy)))
    slow_voice = drain(ingest(ListedSource(frames(40) + blocks(16)), voice=PlainVoice(before=busy)))
    assert shape(slow_faces) == shape(slow_voice)


def test_a_track_that_starts_late_keeps_its_offset() -> None:
    items = drain(ingest(ListedSource(frames(10, start_s=0.852) + blocks(20))))
    assert min(t_s for t_s, item in items if isinstance(item, CleanFrame)) == 0.852
    assert items[0][0] == 0.0


def test_a_worker_that_breaks_ends_the_session_and_releases_nothing_more() -> None:
    running = ingest(ListedSource(frames(40) + blocks(16)), faces=PlainFaces(break_at=20))
    running.start()
    released: list[CleanFrame] = []
    with pytest.raises(DeidentificationFailed, match="boom"):
        exhaust(running, released)
    running.abort()
    assert all(frame.index < 20 for frame in released)


def test_a_source_that_is_lost_is_told_to_the_session_and_closed() -> None:
    source = ListedSource(frames(5) + blocks(2), SourceLost("the camera is gone; plug it in again"))
    running = ingest(source)
    running.start()
    with pytest.raises(SourceLost, match="camera"):
        exhaust(running)
    running.abort()
    assert source.closed.is_set()


def test_audio_that_was_lost_on_the_way_becomes_a_gap() -> None:
    items = drain(ingest(ListedSource(frames(50) + blocks(5) + blocks(5, start_s=1.0))))
    gaps = [item for _, item in items if isinstance(item, Gap)]
    assert [(gap.track, round(gap.start_s, 6), round(gap.end_s, 6)) for gap in gaps] == [(Track.AUDIO, 0.5, 1.0)]


@pytest.mark.parametrize("forgetful", [True, False])
def test_a_gap_of_the_source_reaches_the_session_in_its_place(forgetful: bool) -> None:
    hole = RawGap(Track.VIDEO, 0.4, 1.6, "the camera was covered")
    source = ListedSource([*frames(10), hole, *frames(10, start_s=1.6), *blocks(20)])
    items = drain(ingest(source, faces=PlainFaces(forgetful=forgetful)))
    assert [item for _, item in items if isinstance(item, Gap)] == [
        Gap(Track.VIDEO, 0.4, 1.6, "the camera was covered")
    ]
    assert [t_s for t_s, _ in items] == sorted(t_s for t_s, _ in items)


def test_events_of_the_feed_come_between_the_media_they_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("start_s,end_s,class\n0.3,0.8,N34\n")
    items = drain(ingest(ListedSource(frames(50) + blocks(20)), feed=ReplayedFeed(path)))
    events = [(t_s, item.phase.value) for t_s, item in items if isinstance(item, NfblEvent)]
    assert events == [(0.3, "open"), (0.8, "close")]
    assert [t_s for t_s, _ in items] == sorted(t_s for t_s, _ in items)


def test_a_stopped_session_still_gets_what_was_captured() -> None:
    clock = PacedClock(speed=1.0)
    running = ingest(ListedSource(frames(10_000) + blocks(4_000)), clock=clock)
    running.start()
    running.next_batch(10.0)
    running.stop()
    assert exhaust(running) > 0
    running.abort()


def test_a_live_edge_drops_the_oldest_frames_and_counts_them() -> None:
    release = threading.Event()
    source = ListedSource(frames(200, fps=1e9), tracks=(Track.VIDEO,))
    running = ingest(source, faces=PlainFaces(late=0, before=lambda: assert_set(release)), clock=PacedClock())
    running.start()
    source.closed.wait(10)
    release.set()
    released = exhaust(running)
    running.abort()
    counts = running.counts()[Track.VIDEO]
    assert counts.received == 200
    assert counts.dropped > 0
    assert released + counts.dropped == 200
