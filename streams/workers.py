"""The two workers behind the edges of an ingest: one masks faces, one alters voices. Raw media end here.

Each runs in a thread of its own and hands what it made to `emit`, which raises `ChannelClosed` once nobody wants
anything of it any more: the session has left, or the worker hung and another took its place.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from buffers.records import AUDIO_RATE_HZ, CleanFrame, CleanItem, Gap, Track
from streams.channel import Channel, ChannelClosed
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.media import RawAudio, RawFrame, RawGap
from streams.nfbl.feed import Feed
from streams.watchdog import Stage

Emit = Callable[["Worker", Sequence[tuple[float, CleanItem]], float], None]
"""Takes a worker's clean items with their media times, and how far the track is complete now (s)."""

T = TypeVar("T", RawFrame | RawGap, RawAudio | RawGap)

_AUDIO_HOLE_S: Final = 0.02
"""Audio that starts this much later than the last block ended was dropped on the way; one McAdams window."""

_PRESSED: Final = 3
"""Frames waiting to be masked live, a tenth of a second at 30 a second, from which body language stands back."""


class Worker(ABC):
    """What both do the same way: take items, hand on what came of them, and leave when they are told to.

    `taken_s` is the end of the newest item that was taken (media time), -inf before the first.
    """

    def __init__(self, name: str, emit: Emit, after: RawGap | None) -> None:
        """Name the stage; `after` is a hole to begin behind."""
        self.stage = Stage(name)
        self.taken_s = -math.inf
        self._emit = emit
        self._after = after
        self._left = False

    @abstractmethod
    def run(self) -> None:
        """Work until the edge ends; `ChannelClosed` where nobody wants what comes of it."""

    def leave(self) -> None:
        """Another takes its place: when it comes back from where it hangs, it takes and tells nothing more."""
        self._left = True

    def _items(self, edge: Channel[T]) -> Iterator[T]:
        """Every item; the stage is busy from when one is taken until the next is asked for."""
        while True:
            self._stay()
            self.stage.rest()
            try:
                item = edge.get()
            except ChannelClosed:
                self.stage.work()
                return
            self.stage.work()
            # Whoever restarts a worker that hangs may be a moment late: it came back, and waits here.
            self._stay()
            self.taken_s = end_s(item)
            yield item

    def _stay(self) -> None:
        """Raise `ChannelClosed` where another has taken this worker's place."""
        if self._left:
            raise ChannelClosed(f"{self.stage.name} was left behind")

    def _hand_on(self, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        # Waiting until the session has room is no hang.
        self.stage.rest()
        self._emit(self, items, reached_s)
        self.stage.work()

    def _begin(self, start_s: float | None) -> None:
        """Tell once what a worker that hung took with it: a hole up to the first item, where there is one."""
        after, self._after = self._after, None
        if after is None:
            return
        until_s = after.end_s if start_s is None else start_s
        if until_s > after.start_s:
            self._gap(RawGap(after.track, after.start_s, until_s, after.reason))

    @abstractmethod
    def _gap(self, gap: RawGap) -> None:
        """Pass a hole on."""


class VisionWorker(Worker):
    """Masks faces. The track has come as far as what was released, not as far as what came in."""

    def __init__(
        self,
        edge: Channel[RawFrame | RawGap],
        faces: FaceDeidentifier,
        feed: Feed | None,
        emit: Emit,
        *,
        live: bool,
        after: RawGap | None = None,
    ) -> None:
        """Read from `edge`. `live`: body language stands back where frames wait; `after` is a hole to begin behind."""
        super().__init__("face masking", emit, after)
        self._edge = edge
        self._faces = faces
        self._feed = feed
        self._live = live

    def run(self) -> None:
        """See `Worker.run`."""
        try:
            for item in self._items(self._edge):
                self._begin(item.start_s if isinstance(item, RawGap) else item.t_s)
                if isinstance(item, RawGap):
                    self._gap(item)
                else:
                    self._frame(item)
            self._begin(None)
            self._release(self._faces.flush())
        finally:
            self.stage.rest()
            if self._left:
                self._faces.close()

    def _gap(self, gap: RawGap) -> None:
        self._release(self._faces.settle())
        if self._feed is not None:
            self._feed.miss(gap)
        self._emit_frames(self._faces.gap(gap))
        # Frames from before a short gap may still wait; then the track has not come past it.
        reached_s = -math.inf if self._faces.holding else gap.end_s
        self._hand_on([(gap.start_s, clean_gap(gap))], reached_s)

    def _frame(self, frame: RawFrame) -> None:
        self._release(self._faces.push(frame))

    def _release(self, frames: Sequence[CleanFrame]) -> None:
        """Show body language what was just looked at, and hand on what was released."""
        self._stay()
        if self._feed is not None:
            pressed = self._live and len(self._edge) > _PRESSED
            for looked in self._faces.looked:
                self._stay()
                self._feed.see(looked.frame, looked.faces, pressed=pressed)
        self._emit_frames(frames)

    def _emit_frames(self, frames: Sequence[CleanFrame]) -> None:
        if frames:
            self._hand_on([(frame.t_s, frame) for frame in frames], frames[-1].t_s)


class AudioWorker(Worker):
    """Alters the voice; blocks that were dropped on the way become gaps, for audio is never thinned."""

    def __init__(
        self,
        edge: Channel[RawAudio | RawGap],
        voice: VoiceDeidentifier,
        feed: Feed | None,
        emit: Emit,
        *,
        after: RawGap | None = None,
    ) -> None:
        """Read from `edge`; `after` is a hole to begin behind."""
        super().__init__("voice altering", emit, after)
        self._edge = edge
        self._voice = voice
        self._feed = feed
        self._expected_s: float | None = None
        self._altered_s = self._measured_s = -math.inf
        if not voice.keeps_sound:
            self._altered_s = math.inf  # no sound will come that anything could wait for

    def run(self) -> None:
        """See `Worker.run`."""
        try:
            for item in self._items(self._edge):
                start_s = item.start_s if isinstance(item, RawGap) else item.t_s
                self._begin(start_s)
                if self._expected_s is not None and start_s > self._expected_s + _AUDIO_HOLE_S:
                    self._gap(RawGap(Track.AUDIO, self._expected_s, start_s, "audio dropped under overload"))
                if isinstance(item, RawGap):
                    self._gap(item)
                else:
                    self._emit_voice(self._voice.push(item))
                self._expected_s = self.taken_s
            self._begin(None)
            self._emit_voice(self._voice.flush())
        finally:
            self.stage.rest()

    def _gap(self, gap: RawGap) -> None:
        self._emit_voice(self._voice.gap(gap))
        self._hand_on([(gap.start_s, clean_gap(gap))], gap.end_s)

    def _emit_voice(self, output: VoiceOutput) -> None:
        self._stay()
        for block in output.audio:
            self._altered_s = block.end_s
        for prosody in output.prosody:
            self._measured_s = prosody.end_s
            if self._feed is not None:
                self._feed.hear(prosody)
        items: list[tuple[float, CleanItem]] = [(block.t_s, block) for block in output.audio]
        items += [(prosody.t_s, prosody) for prosody in output.prosody]
        # Voice and prosody leave at different delays; the track is complete only up to the slower of the two.
        self._hand_on(items, min(self._altered_s, self._measured_s))


def clean_gap(gap: RawGap) -> Gap:
    """The gap as a record that may be kept."""
    return Gap(gap.track, gap.start_s, gap.end_s, gap.reason)


def end_s(item: RawFrame | RawAudio | RawGap) -> float:
    """Media time up to which an item lasts; of a frame, whose end nobody knows, its beginning (s)."""
    if isinstance(item, RawGap):
        return item.end_s
    return item.t_s + len(item.samples) / AUDIO_RATE_HZ if isinstance(item, RawAudio) else item.t_s
