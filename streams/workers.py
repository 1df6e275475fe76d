"""The two workers behind the edges of an ingest: one masks faces, one alters voices. Raw media end here.

Each runs in a thread of its own and hands what it made to `emit`, which raises `ChannelClosed` once nobody wants
anything of it any more: the session has left, or the worker hung and another took its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from buffers.records import AUDIO_RATE_HZ, CleanFrame, CleanItem, Gap, Track
from streams.channel import Channel, ChannelClosed
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.media import RawAudio, RawFrame, RawGap
from streams.nfbl.feed import Feed
from streams.watchdog import Stage

T = TypeVar("T")

Emit = Callable[[Sequence[tuple[float, CleanItem]], float], None]
"""Takes clean items with their media times, and how far the track is complete now (s)."""

_AUDIO_HOLE_S: Final = 0.02
"""Audio that starts this much later than the last block ended was dropped on the way; one McAdams window."""

_PRESSED: Final = 3
"""Frames waiting to be masked live, a tenth of a second at 30 a second, from which body language stands back."""


class Worker(Protocol):
    """One of the two."""

    stage: Stage

    def run(self) -> None:
        """Work until the edge ends; `ChannelClosed` where nobody wants what comes of it."""

    @property
    def reached_s(self) -> float:
        """Media time up to which everything was handed on."""


class VisionWorker:
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
        self.stage = Stage("face masking")
        self.reached_s = -math.inf if after is None else after.start_s
        self._edge = edge
        self._faces = faces
        self._feed = feed
        self._emit = emit
        self._live = live
        self._after = after

    def run(self) -> None:
        """See `Worker.run`."""
        for item in _drain(self._edge, self.stage):
            self._begin(item)
            if isinstance(item, RawGap):
                self._gap(item)
            else:
                self._frame(item)
        self._emit_frames(self._faces.flush())

    def _begin(self, item: RawFrame | RawGap) -> None:
        """What a worker that hung has taken with it is a hole."""
        after, self._after = self._after, None
        start_s = item.start_s if isinstance(item, RawGap) else item.t_s
        if after is not None and start_s > after.start_s:
            self._gap(RawGap(after.track, after.start_s, start_s, after.reason))

    def _gap(self, gap: RawGap) -> None:
        if self._feed is not None:
            self._feed.miss(gap)
        self._emit_frames(self._faces.gap(gap))
        # Frames from before a short gap may still wait; then the track has not come past it.
        reached_s = -math.inf if self._faces.holding else gap.end_s
        self._hand_on([(gap.start_s, clean_gap(gap))], reached_s)

    def _frame(self, frame: RawFrame) -> None:
        released = self._faces.push(frame)
        if self._feed is not None:
            self._feed.see(frame, self._faces.seen, pressed=self._live and len(self._edge) > _PRESSED)
        self._emit_frames(released)

    def _emit_frames(self, frames: Sequence[CleanFrame]) -> None:
        if frames:
            self._hand_on([(frame.t_s, frame) for frame in frames], frames[-1].t_s)

    def _hand_on(self, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        self._emit(items, reached_s)
        self.reached_s = max(self.reached_s, reached_s)


class AudioWorker:
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
        self.stage = Stage("voice altering")
        self.reached_s = -math.inf if after is None else after.start_s
        self._edge = edge
        self._voice = voice
        self._feed = feed
        self._emit = emit
        self._expected_s = None if after is None else after.start_s
        self._reason = "audio dropped under overload" if after is None else after.reason
        self._altered_s = self._measured_s = -math.inf
        if not voice.keeps_sound:
            self._altered_s = math.inf  # no sound will come that anything could wait for

    def run(self) -> None:
        """See `Worker.run`."""
        for item in _drain(self._edge, self.stage):
            start_s = item.start_s if isinstance(item, RawGap) else item.t_s
            if self._expected_s is not None and start_s > self._expected_s + _AUDIO_HOLE_S:
                self._gap(RawGap(Track.AUDIO, self._expected_s, start_s, self._reason))
                self._reason = "audio dropped under overload"
            if isinstance(item, RawGap):
                self._gap(item)
                self._expected_s = item.end_s
            else:
                self._emit_voice(self._voice.push(item))
                self._expected_s = item.t_s + len(item.samples) / AUDIO_RATE_HZ
        self._emit_voice(self._voice.flush())

    def _gap(self, gap: RawGap) -> None:
        self._emit_voice(self._voice.gap(gap))
        self._hand_on([(gap.start_s, clean_gap(gap))], gap.end_s)

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
        self._hand_on(items, min(self._altered_s, self._measured_s))

    def _hand_on(self, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        self._emit(items, reached_s)
        self.reached_s = max(self.reached_s, reached_s)


def clean_gap(gap: RawGap) -> Gap:
    """The gap as a record that may be kept."""
    return Gap(gap.track, gap.start_s, gap.end_s, gap.reason)


def _drain(channel: Channel[T], stage: Stage) -> Iterator[T]:
    """Every item; the stage is busy from when one is taken until the next is asked for."""
    while True:
        stage.rest()
        try:
            item = channel.get()
        except ChannelClosed:
            return
        stage.work()
        yield item
