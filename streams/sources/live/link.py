"""Keeps one captor going: opens it, watches it, gets it back, and tells how it is doing.

A shell around `Watch`, which decides, and `Placing`, which puts what arrives into media time.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import Final

from buffers.links import LinkChange, LinkState, LinkStatus
from buffers.records import Track
from configs.errors import MonitorError, SourceLost
from configs.live_settings import LiveSettings
from streams.channel import ChannelClosed
from streams.clock import Clock
from streams.media import RawEnd, RawItem, TrackInfo
from streams.sources.live.attempt import MOST_HUNG, Attempts
from streams.sources.live.backoff import Backoff
from streams.sources.live.captor import Captor, Inviting
from streams.sources.live.notices import Notices
from streams.sources.live.placing import Placing
from streams.sources.live.post import Arrival, Heard, Mailbox, Opened
from streams.sources.live.silences import Silence
from streams.sources.live.times import LiveTimes
from streams.sources.live.watch import WORDS, Watch
from streams.sources.sound import BLOCK_S

_WAKE_S: Final = 0.25
"""Longest wait (wall time, s): so often the watch looks at the time, and so late a command may be obeyed."""

_CLOSING_S: Final = 0.05
"""Wait for the thread of the last attempt to end (wall time, s)."""


class SupervisedLink:
    """A link that survives stalls, hangs and losses of what it captures from."""

    def __init__(
        self,
        captor: Captor,
        tracks: frozenset[Track],
        settings: LiveSettings,
        *,
        block_s: float = BLOCK_S,
        changed: Callable[[LinkChange], None],
        backoff: Backoff | None = None,
        name: str | None = None,
    ) -> None:
        """Take `tracks` of what `captor` captures; `changed` is told of every change of state, in any thread.

        `name` is what it is called where the captor's own name would not tell it from another.
        `changed` must not wait for other threads: it is called while nobody else may ask for the status.
        """
        self._captor = captor
        self._name = name or captor.name
        self._infos = tuple(info for info in captor.tracks if info.track in tracks)
        promised = frozenset(info.track for info in self._infos)
        self._watch = Watch(
            self._name,
            promised,
            settings,
            backoff=backoff or Backoff(settings.backoff_first_s, settings.backoff_most_s),
            changed=changed,
        )
        self._times = LiveTimes(promised, one_clock=captor.one_clock, block_s=block_s)
        self._placing = Placing(self._times, promised)
        self._attempts = Attempts(captor)
        self._notices = Notices()
        self._clock: Clock | None = None
        self._mailbox: Mailbox | None = None
        self._dropped = 0
        self._ready: list[RawItem] = []
        self._stopping = False
        self._barrier_s = math.inf
        self._paused_s: float | None = None
        self._resumed_s: float | None = None
        self._measured: tuple[int, float | None, float | None] = (0, None, None)
        self._failure: MonitorError | None = None
        self._wake = threading.Event()
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def infos(self) -> tuple[TrackInfo, ...]:
        """The tracks, as far as they are known now."""
        with self._lock:
            return self._infos

    @property
    def tracks(self) -> frozenset[Track]:
        """The tracks that may come."""
        with self._lock:
            return self._watch.tracks

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of what was survived."""
        return tuple(f"{self.name}: {text}" for text in self._notices.texts)

    @property
    def status(self) -> LinkStatus:
        """How it is doing now."""
        with self._lock:
            watch, now_s = self._watch, self._now_s()
            jumps, drift_s, drift_ppm = self._measured
            return LinkStatus(
                name=self.name,
                tracks=tuple(sorted(watch.tracks)),
                state=watch.state,
                since_s=watch.since_s,
                reason=watch.reason(now_s),
                silent_s=None if watch.last_s is None else max(0.0, now_s - watch.last_s),
                retry_s=watch.retry_s(now_s),
                reconnects=watch.reconnects,
                jumps=jumps,
                drift_s=drift_s,
                drift_ppm=drift_ppm,
                invitation=self._captor.invitation if isinstance(self._captor, Inviting) else "",
            )

    def begin(self, clock: Clock) -> None:
        """Start capturing."""
        with self._lock:
            self._clock = clock
            self._watch.begin(clock.now_s())

    def items(self) -> Iterator[RawItem]:
        """See `Link.items`. The thread that reads this is the supervisor."""
        assert self._clock is not None, "begin comes first"
        try:
            while not self._watch.ended:
                yield from self._step()
            yield from self._last()
        finally:
            self._leave("stopped")
        if self._failure is not None:
            raise self._failure

    def pause(self) -> None:
        """Capture nothing from this instant on."""
        asked_s = self._now_s()
        # Before the lock: what is stamped later is not handed on, whoever holds the lock just now.
        self._barrier_s = min(self._barrier_s, asked_s)
        with self._lock:
            if self._watch.state in {LinkState.PAUSED, LinkState.ENDED}:
                return
            self._barrier_s = min(self._barrier_s, asked_s)
            self._paused_s = asked_s if self._paused_s is None else self._paused_s
            self._resumed_s = None
            self._drop(asked_s)
            self._watch.pause(asked_s)
        self._wake.set()

    def resume(self) -> None:
        """Capture again."""
        with self._lock:
            if self._watch.state is not LinkState.PAUSED:
                return
            self._resumed_s = self._now_s()
            self._watch.resume(self._resumed_s)
        self._wake.set()

    def stop(self) -> None:
        """End `items` soon."""
        with self._lock:
            self._stopping = True
            if self._mailbox is not None:
                self._mailbox.finish()
        self._wake.set()

    def close(self) -> None:
        """Release everything."""
        self._leave("stopped")
        self._attempts.join()
        self._captor.close()

    def _now_s(self) -> float:
        return 0.0 if self._clock is None else self._clock.now_s()

    def _leave(self, reason: str) -> None:
        with self._lock:
            self._watch.end(self._now_s(), reason)
            self._drop(self._now_s())

    def _step(self) -> Iterator[RawItem]:
        """Look at the time, then hand on what one arrival gives, or wait a moment for one."""
        with self._lock:
            now_s = self._now_s()
            told = self._obey()
            self._look(now_s)
            told += self._placing.silences.due(self._watch.away(now_s), now_s)
            ready = self._take_ready()
            mailbox = self._mailbox
            wait_s = _WAKE_S if self._watch.ended or mailbox is not None else self._patience_s(now_s)
        yield from ready
        yield from self._placing.tell(told)
        if mailbox is None:
            self._wake.wait(wait_s)
            self._wake.clear()
            return
        try:
            arrival = mailbox.take(_WAKE_S)
        except ChannelClosed:
            self._conclude(mailbox)
            return
        if arrival is not None:
            yield from self._receive(mailbox, arrival)

    def _obey(self) -> list[Silence]:
        """What a pause, and a resume after it, mean for media time: nothing of between lies in it."""
        if self._paused_s is None:
            return []
        tracks = sorted(self._watch.tracks)
        told = self._placing.silences.pause(tracks, self._paused_s)
        if self._resumed_s is not None:
            told += self._placing.silences.until(tracks, self._resumed_s)
            self._paused_s = self._resumed_s = None
            self._barrier_s = math.inf
        return told

    def _look(self, now_s: float) -> None:
        """Draw the conclusions of the time: close, give up, open."""
        watch = self._watch
        if self._stopping and self._mailbox is None:
            watch.end(now_s, "stopped")
        if self._mailbox is not None:
            self._hear(self._mailbox)
        watch.tick(now_s)
        reason = watch.given_up(now_s)
        if reason is not None:
            self._failure = SourceLost(
                f"{self.name}: {reason}; see that it is there, or give it longer with live.give_up_after_s"
            )
            watch.end(now_s, reason)
        if not watch.attempting:
            self._drop(now_s)
        self._measure()
        if watch.wants_attempt(now_s):
            if self._attempts.ready(now_s):
                self._start(now_s)
            elif self._attempts.hung >= MOST_HUNG:
                watch.stuck(now_s, self._attempts.hung)

    def _start(self, now_s: float) -> None:
        assert self._clock is not None
        self._mailbox = Mailbox(self._clock)
        self._ready += self._placing.held()
        self._times.restart()
        self._watch.started(now_s)
        self._attempts.start(self._mailbox)

    def _drop(self, now_s: float) -> None:
        """Listen to the attempt no more, if there is one."""
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.shut()
            self._dropped += mailbox.dropped
            self._attempts.leave(now_s)

    def _patience_s(self, now_s: float) -> float:
        """How long to wait where there is no attempt (wall time, s)."""
        if self._watch.wants_attempt(now_s):
            return _CLOSING_S
        return min(_WAKE_S, self._watch.retry_s(now_s) or _WAKE_S)

    def _hear(self, mailbox: Mailbox) -> None:
        """What the captor said."""
        for news in mailbox.news():
            if not isinstance(news, Opened):
                self._watch.waiting(news.t_s, news.reason)
                continue
            gone = self._watch.opened(news.t_s, [info.track for info in news.tracks], news.kept_s)
            opened = {info.track: info for info in news.tracks}
            self._infos = tuple(opened.get(info.track, info) for info in self._infos if info.track not in gone)
            self._placing.tracks -= gone
            self._ready += [RawEnd(track) for track in sorted(gone)]
            for text in (*news.notices, *(f"no {WORDS[track]} in this stream" for track in sorted(gone))):
                self._notices.tell(text)

    def _take_ready(self) -> list[RawItem]:
        ready, self._ready = self._ready, []
        return ready

    def _conclude(self, mailbox: Mailbox) -> None:
        """The attempt has ended, or was dropped."""
        with self._lock:
            if mailbox is not self._mailbox:
                return
            self._hear(mailbox)
            now_s = self._now_s()
            outcome = mailbox.outcome
            self._drop(now_s)
            if self._stopping or outcome is None:
                self._watch.end(now_s, "stopped")
            elif outcome.ended:
                self._watch.end(now_s, outcome.reason)
            elif outcome.error is not None and not self._watch.was_open:
                # Wrong from the start (a missing package, a wrong name): no second attempt can do better.
                self._failure = outcome.error
                self._watch.end(now_s, outcome.reason)
            elif self._watch.attempting:
                self._watch.over(now_s, outcome.reason)

    def _receive(self, mailbox: Mailbox, arrival: Arrival) -> Iterator[RawItem]:
        with self._lock:
            if mailbox is not self._mailbox or arrival.arrived_s > self._barrier_s:
                return
            self._hear(mailbox)
            wanted = self._watch.arrived(arrival.track, arrival.arrived_s)
            ready = self._take_ready()
        yield from ready
        if isinstance(arrival, Heard) and arrival.lost is not None:
            self._notices.tell(f"sound was lost on the way ({arrival.lost})")
        if wanted:
            yield from self._placing.place(arrival)

    def _last(self) -> Iterator[RawItem]:
        """What is held, and the gap that lasts to the end."""
        with self._lock:
            tracks, now_s = sorted(self._watch.tracks), self._now_s()
            told = self._obey()
            told += self._placing.silences.until(tracks, now_s)
            ready = self._take_ready()
        yield from ready
        yield from self._placing.held()
        yield from self._placing.tell(told)

    def _measure(self) -> None:
        """Keep what others may ask for: `LiveTimes` is this thread's alone."""
        times = self._times
        self._measured = (times.jumps, times.drift_s, times.drift_ppm)
        dropped = self._dropped + (0 if self._mailbox is None else self._mailbox.dropped)
        self._notices.told("timestamps jumped and were anchored anew", times.jumps)
        self._notices.told("what came too late was left out", times.late)
        self._notices.told("the machine is too slow: what arrived was dropped", dropped)
