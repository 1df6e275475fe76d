"""The horizon: everything that is kept of one stream, bounded whatever its length, and evidence cut out of it.

It is fed and asked from one thread, in the order of media time. It knows no clock, no model and no screen, and
takes clean records only.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection

from buffers.audio import AudioStore
from buffers.events import EventLog
from buffers.evidence import (
    AudioClip,
    Baseline,
    Cadence,
    Coverage,
    Evidence,
    EvidencePlan,
    HorizonLimits,
    StoredFrame,
    Window,
)
from buffers.frames import FrameStore
from buffers.prosody import ProsodyStore
from buffers.records import (
    NFBL_GROUPS,
    CleanAudio,
    CleanFrame,
    CleanItem,
    Gap,
    Group,
    NfblEvent,
    NfblState,
    NfblWatch,
    Prosody,
    Track,
)
from buffers.spans import JOIN_S, Spans

GLOBAL_BASELINE_S = 90.0
"""A window over the whole session is compared with its own first 90 s, in which people settle (NFBL research)."""

GLOBAL_BASELINE_AFTER_S = 2 * GLOBAL_BASELINE_S
"""Shorter whole-session windows have no baseline: half of what would be compared would be the baseline itself."""

SPARED_DENSE_S, SPARED_FRAMES, SPARED_CLIPS = 32.0, 32, 8
"""The ceiling shortens the dense part to a local window, then thins the whole session to what one window shows
of it (M frames, S clips), and only then takes from either what a window needs."""

MAX_GAPS = 1024
"""Latest gaps that are kept by name; coverage knows the others all the same."""

GAP_BYTES = 200
"""Size of one gap (measured, rounded up)."""


class Horizon:
    """All rolling buffers of one stream.

    A dense recent part of `limits.dense_s` and a whole-session part thinned so that it stays uniform. All media
    together never hold more than `limits.max_bytes`: when they would, the dense part shortens (`dense_span_s`).
    """

    def __init__(self, limits: HorizonLimits, *, av_offset_s: float | None = None) -> None:
        """Start empty. `av_offset_s` is handed on in all evidence."""
        self._limits = limits
        self._av_offset_s = av_offset_s
        self._frames = FrameStore(limits)
        self._audio = AudioStore(limits)
        self._prosody = ProsodyStore(limits)
        self._events = EventLog(limits)
        self._nfbl = Spans()
        self._nfbl_groups = {group: Spans() for group in NFBL_GROUPS}
        self._gaps: deque[Gap] = deque(maxlen=MAX_GAPS)
        self._first_s: float | None = None
        self._last_s = 0.0

    def add(self, item: CleanItem) -> float:
        """Take anything that comes out of the streams; the latest media time it speaks of (s)."""
        match item:
            case CleanFrame():
                self.add_frame(item)
                return item.t_s
            case NfblState():  # says how a feed is, not what it saw
                return item.t_s
            case CleanAudio():
                self.add_audio(item)
            case Prosody():
                self.add_prosody(item)
            case Gap():
                self.add_gap(item)
            case NfblEvent():
                self.add_event(item)
            case NfblWatch():
                self.nfbl_observed(item.start_s, item.end_s, item.seen)
        return item.end_s

    def add_frame(self, frame: CleanFrame) -> None:
        """Take a frame; kept if it is the first at its place of the grid of `limits.frame_rate_hz`."""
        if Track.VIDEO not in self._limits.tracks:
            return
        self._reach(frame.t_s, frame.t_s)
        if self._frames.add(frame):
            self._hold_ceiling()

    def add_audio(self, audio: CleanAudio) -> None:
        """Take a block of altered voice."""
        if Track.AUDIO not in self._limits.tracks:
            return
        self._reach(audio.t_s, audio.end_s)
        if self._audio.add(audio):
            self._hold_ceiling()

    def add_prosody(self, prosody: Prosody) -> None:
        """Take what was measured on a block before its voice was altered."""
        self._reach(prosody.t_s, prosody.end_s)
        self._prosody.add(prosody)

    def add_event(self, event: NfblEvent) -> None:
        """Take a report: it opens, updates or closes the event of its id."""
        self._events.add(event)

    def add_gap(self, gap: Gap) -> None:
        """Take a hole in a track; it joins the one before if it goes on for the same reason."""
        if gap.track is Track.VIDEO:
            self._frames.interrupt(gap.start_s)
        # Both tracks of a stalled source have gaps that grow in turn.
        for place in range(len(self._gaps) - 1, max(-1, len(self._gaps) - 3), -1):
            last = self._gaps[place]
            if (last.track, last.reason) == (gap.track, gap.reason) and abs(gap.start_s - last.end_s) <= JOIN_S:
                self._gaps[place] = Gap(gap.track, last.start_s, gap.end_s, gap.reason)
                return
        self._gaps.append(gap)

    def nfbl_observed(self, start_s: float, end_s: float, groups: Collection[Group] = NFBL_GROUPS) -> None:
        """An NFBL feed could see these groups during [start_s, end_s); spans come in order of time."""
        seen = [group for group in NFBL_GROUPS if group in groups]
        if seen:
            self._nfbl.add(start_s, end_s)
        for group in seen:
            self._nfbl_groups[group].add(start_s, end_s)

    def evidence(self, window: Window, plan: EvidencePlan) -> Evidence:
        """Cut what is held for a window.

        A window within the dense part is cut from it exactly; an earlier or longer one comes from the
        whole-session part. `frames` and `clips` are at uniform positions (see `nearest_to_uniform` and
        `AudioStore.clips`); counts are of events that start in the window.
        """
        start_s, end_s = window.start_s, window.end_s
        clips = self._audio.grid_clips if plan.on_grid else self._audio.clips
        return Evidence(
            window=window,
            frames=self._frames.pick(start_s, end_s, plan.frames, on_grid=plan.on_grid),
            clips=clips(start_s, end_s, plan.clips) if plan.clips else (),
            events=self._events.overlapping(start_s, end_s),
            counts=self._events.counts(start_s, end_s),
            prosody=self._prosody.bins(start_s, end_s),
            movement=self._frames.movement(start_s, end_s),
            gaps=tuple(gap for gap in self._gaps if gap.start_s < end_s and gap.end_s > start_s),
            coverage=Coverage(
                video=_share(self._frames.shown_s(start_s, end_s), window),
                audio=_share(self._heard_s(start_s, end_s), window),
                nfbl=_share(self._nfbl.seconds(start_s, end_s), window),
                nfbl_groups=tuple(
                    (group, _share(seconds, window)) for group, seconds in self._group_seconds(start_s, end_s)
                ),
            ),
            baseline=self._baseline(window),
            av_offset_s=self._av_offset_s,
        )

    def grid_frames_after(self, t_s: float) -> tuple[StoredFrame, ...]:
        """Frames on the encoding grid that are later than `t_s` and still in the dense part."""
        return self._frames.on_grid_after(t_s)

    def grid_clips_after(self, t_s: float) -> tuple[AudioClip, ...]:
        """Whole clips on their grid that begin later than `t_s` and are still in the dense part."""
        return self._audio.on_grid_after(t_s)

    @property
    def newest_frame(self) -> StoredFrame | None:
        """The latest frame that is kept, None before the first."""
        return self._frames.newest

    @property
    def nbytes(self) -> int:
        """Bytes held by all buffers, media exactly and the rest estimated."""
        spans = self._nfbl.nbytes + sum(spans.nbytes for spans in self._nfbl_groups.values())
        rest = self._prosody.nbytes + self._events.nbytes + spans + len(self._gaps) * GAP_BYTES
        return self._frames.nbytes + self._audio.nbytes + rest

    @property
    def span_s(self) -> float:
        """Media time from the first record to the last: how far back the whole-session part reaches."""
        return 0.0 if self._first_s is None else self._last_s - self._first_s

    @property
    def dense_span_s(self) -> float:
        """How far back the dense part reaches now; below `span_s` and `limits.dense_s` only by the ceiling."""
        starts = [start for start in (self._frames.dense_from_s, self._audio.dense_from_s) if start is not None]
        return max(0.0, self._last_s - min(starts)) if starts else 0.0

    def _reach(self, start_s: float, end_s: float) -> None:
        self._first_s = start_s if self._first_s is None else self._first_s
        self._last_s = max(self._last_s, end_s)

    def _baseline(self, window: Window) -> Baseline:
        """What was before a local window; of a window over the whole session, its own first 90 s.

        `observed_s` is the time the NFBL feed was watching, so that rates are right when it came late; without a
        feed it is the time for which anything was seen or heard.
        """
        start_s, end_s = -math.inf, window.start_s
        if window.cadence is Cadence.GLOBAL:
            if window.length_s < GLOBAL_BASELINE_AFTER_S:
                return Baseline(0.0, (), None, None, None)
            start_s, end_s = window.start_s, window.start_s + GLOBAL_BASELINE_S
        watched_s = self._nfbl.seconds(start_s, end_s)
        media_s = max(self._frames.shown_s(start_s, end_s), self._heard_s(start_s, end_s))
        voice = self._prosody.total(start_s, end_s)
        return Baseline(
            observed_s=watched_s if watched_s > 0 else media_s,
            nfbl=self._events.counts(start_s, end_s),
            speech_share=voice.speech_s / voice.observed_s if voice.observed_s > 0 else None,
            pitch_spread_st=voice.pitch_spread_st,
            movement=self._frames.movement(start_s, end_s),
            watched_s=watched_s,
            watched_groups=self._group_seconds(start_s, end_s),
        )

    def _group_seconds(self, start_s: float, end_s: float) -> tuple[tuple[Group, float], ...]:
        """For how long each group of body language could be seen; empty where none ever was."""
        if self._nfbl.seconds(start_s, end_s) <= 0.0:
            return ()
        return tuple((group, spans.seconds(start_s, end_s)) for group, spans in self._nfbl_groups.items())

    def _heard_s(self, start_s: float, end_s: float) -> float:
        """Seconds of sound that were kept; where none ever was (voice mode `features-only`), that were measured."""
        if self._audio.dense_count:
            return self._audio.heard_s(start_s, end_s)
        return self._prosody.total(start_s, end_s).observed_s

    def _hold_ceiling(self) -> None:
        spared_s = min(SPARED_DENSE_S, self._limits.dense_s)
        while self.nbytes > self._limits.max_bytes:
            gentle = (self.dense_span_s > spared_s and self._shorten()) or self._thin(SPARED_FRAMES, SPARED_CLIPS)
            if not (gentle or self._shorten() or self._thin(1, 1)):
                return

    def _shorten(self) -> bool:
        """Drop the oldest item of the dense part; the newest frame and piece of sound stay."""
        stores = [store for store in (self._frames, self._audio) if store.dense_count > 1]
        if not stores:
            return False
        min(stores, key=lambda store: store.dense_from_s or 0.0).drop_oldest()
        return True

    def _thin(self, frames: int, clips: int) -> bool:
        """Halve the heavier whole-session part of those that hold twice as many items as are spared."""
        stores: list[FrameStore | AudioStore] = []
        if self._frames.session_count >= 2 * frames:
            stores.append(self._frames)
        if self._audio.session_count >= 2 * clips:
            stores.append(self._audio)
        return bool(stores) and max(stores, key=lambda store: store.session_bytes).thin()


def _share(seconds: float, window: Window) -> float:
    return min(1.0, max(0.0, seconds / window.length_s)) if window.length_s > 0 else 0.0
