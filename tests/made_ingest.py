"""Sources, links and de-identifiers for tests of what runs between a source and the clean records."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from buffers.links import LinkChange
from buffers.picture import Picture
from buffers.records import DEIDENTIFIER_SEAL, CleanAudio, CleanFrame, CleanItem, MaskState, Prosody, Track
from configs.settings import IngestSettings
from streams.channel import Channel, ChannelClosed, Policy
from streams.clock import Clock, VirtualClock
from streams.deidentify.faces import FaceCounts, FaceDeidentifier, Looked
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.ingest import Ingest
from streams.media import RawAudio, RawEnd, RawFrame, RawGap, RawItem, SourceInfo, TrackInfo
from streams.nfbl.replay import ReplayedFeed
from streams.pipeline import Pipeline
from streams.sources.base import Source

BLOCK = 1600


def frames(count: int, fps: float = 25.0, start_s: float = 0.0) -> list[RawItem]:
    return [RawFrame(start_s + n / fps, n, Picture.blank(16, 16)) for n in range(count)]


def blocks(count: int, start_s: float = 0.0) -> list[RawItem]:
    return [RawAudio(start_s + n * 0.1, np.zeros(BLOCK, np.float32)) for n in range(count)]


def starts_s(item: RawItem) -> float:
    """Media time at which an item is read; an end is read after everything else."""
    if isinstance(item, RawEnd):
        return math.inf
    return item.start_s if isinstance(item, RawGap) else item.t_s


class ListedSource:
    """A source of one link that plays what it is given, then raises `error` if there is one."""

    digest = None
    files = ()

    def __init__(self, items: list[RawItem], error: Exception | None = None, tracks: tuple[Track, ...] = ()) -> None:
        self._items = sorted(items, key=starts_s)
        self._error = error
        self.closed = threading.Event()
        self.info = SourceInfo(
            "listed",
            tuple(TrackInfo(track, "raw", 0.0, None) for track in tracks or (Track.VIDEO, Track.AUDIO)),
            None,
        )

    @property
    def tracks(self) -> frozenset[Track]:
        return frozenset(info.track for info in self.info.tracks)

    @property
    def links(self) -> tuple[ListedSource]:
        return (self,)

    def items(self) -> Iterator[RawItem]:
        yield from self._items
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed.set()


class PlainFaces:
    """Releases each frame `late` frames later, as a look-back does."""

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
        self.looked: list[Looked] = []
        self.closed = threading.Event()
        self.counts = FaceCounts(0, 0, 0, 0)

    def push(self, frame: RawFrame) -> list[CleanFrame]:
        self._before()
        self.looked = [Looked(frame, ())]
        if frame.index == self._break_at:
            msg = "boom"
            raise RuntimeError(msg)
        self._waiting.append(frame)
        return [self._clean(self._waiting.pop(0))] if len(self._waiting) > self._late else []

    def settle(self) -> list[CleanFrame]:
        self.looked = []
        return []

    def gap(self, gap: RawGap) -> list[CleanFrame]:
        return self.flush() if self._forgetful else []

    @property
    def holding(self) -> bool:
        return bool(self._waiting)

    def flush(self) -> list[CleanFrame]:
        waiting, self._waiting, self.looked = self._waiting, [], []
        return [self._clean(frame) for frame in waiting]

    def close(self) -> None:
        self.closed.set()

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
    failures = 0

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


class ListedLink:
    """A link of one track: plays what it is given; `until` is waited for before the last item."""

    def __init__(self, track: Track, items: list[RawItem], until: threading.Event | None = None) -> None:
        self._items, self._until = items, until
        self.tracks = frozenset({track})
        self.closed = threading.Event()

    def items(self) -> Iterator[RawItem]:
        yield from self._items[:-1]
        if self._until is not None:
            assert_set(self._until)
        yield from self._items[-1:]

    def close(self) -> None:
        self.closed.set()


class LinkedSource:
    """A source of several links."""

    digest = None
    files = ()

    def __init__(self, *links: ListedLink) -> None:
        self.links = links
        tracks = [track for link in links for track in link.tracks]
        self.info = SourceInfo("linked", tuple(TrackInfo(track, "raw", 0.0, None) for track in tracks), None)


class EndlessLink:
    """Pictures and sound of a live source, handed over by the test, until it is stopped."""

    tracks = frozenset(Track)

    def __init__(self) -> None:
        self._posted: Channel[RawItem] = Channel("posted", max_items=10_000, policy=Policy.WAIT)
        self.closed = threading.Event()

    def post(self, *items: RawItem) -> None:
        for item in items:
            self._posted.put(0.0, item)

    def stop(self) -> None:
        self._posted.close()

    def items(self) -> Iterator[RawItem]:
        with contextlib.suppress(ChannelClosed):
            while True:
                yield self._posted.get()

    def close(self) -> None:
        self.closed.set()


class EndlessSource:
    """A live source of one `EndlessLink`."""

    digest = None
    files = ()
    status = ()

    def __init__(self) -> None:
        self.link = EndlessLink()
        self.links = (self.link,)
        self.info = SourceInfo("endless", tuple(TrackInfo(track, "raw", 0.0, None) for track in Track), None)
        self.clocks: list[Clock] = []
        self.stops = 0

    def begin(self, clock: Clock) -> None:
        self.clocks.append(clock)

    def changes(self) -> tuple[LinkChange, ...]:
        return ()

    def pause(self) -> None:
        return

    def resume(self) -> None:
        return

    def stop(self) -> None:
        self.stops += 1
        self.link.stop()


def ingest(
    source: Source,
    *,
    faces: PlainFaces | None = None,
    voice: PlainVoice | None = None,
    feed: ReplayedFeed | None = None,
    clock: Clock | None = None,
    again: Callable[[], PlainFaces | PlainVoice] | None = None,
    batches: int = 64,
    settings: IngestSettings | None = None,
) -> Ingest:
    """An ingest of plain de-identifiers; `again` makes those that take the place of hung ones."""
    pipeline = Pipeline(
        source,
        cast(FaceDeidentifier, faces or PlainFaces()),
        cast(VoiceDeidentifier, voice or PlainVoice()),
        feed,
        make_faces=cast("Callable[[], FaceDeidentifier]", again or PlainFaces),
        make_voice=cast("Callable[[], VoiceDeidentifier]", again or PlainVoice),
    )
    return Ingest(
        pipeline, clock=clock or VirtualClock(), settings=settings or IngestSettings(max_age_s=60.0), batches=batches
    )


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
