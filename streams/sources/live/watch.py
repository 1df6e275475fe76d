"""What state a link is in and when it is opened again. Pure: told what happens and when, it draws the conclusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from buffers.links import LinkChange, LinkState
from buffers.records import Track
from configs.live_settings import LiveSettings
from streams.sources.live.backoff import Backoff
from streams.sources.live.silences import LOST, NOT_YET, PAUSED

WORDS: Final = {Track.VIDEO: "video", Track.AUDIO: "sound"}

_OPEN_GRACE_S: Final = 2.0
"""A captor has its own limit for opening; only one that hangs beyond it is given up from outside."""

_STEADY_S: Final = 0.5
"""Time a stalled track must flow before it counts as back: one picture every few seconds is no recovery."""

_HEALTHY_S: Final = 10.0
"""Time of being live, or of waiting undisturbed, after which the next loss is a new one and retried soon."""

_SOON_S: Final = 0.5
"""Attempts that fail sooner are not shown one by one: refused again and again, a link is simply lost."""

_DEAF_S: Final = 0.5
"""Left out after a pause: servers and drivers hand over at once what they had kept, maybe of the paused time."""

_LONGEST_S: Final = 300.0
"""Longest patience with a track that never comes while another does: opening again interrupts the other."""


class _Phase(Enum):
    IDLE = auto()
    OPENING = auto()
    WAITING = auto()
    OPEN = auto()


@dataclass(slots=True)
class _Run:
    """Arrivals of a track without a stall between them."""

    first_s: float
    last_s: float


class Watch:
    """The life of one link. All times are media seconds, and never fall."""

    def __init__(
        self,
        name: str,
        tracks: Collection[Track],
        settings: LiveSettings,
        *,
        backoff: Backoff,
        changed: Callable[[LinkChange], None],
    ) -> None:
        """Expect `tracks`; `changed` is told of each change of state."""
        self.tracks = frozenset(tracks)
        self.state = LinkState.CONNECTING
        self.since_s = 0.0
        self.last_s: float | None = None
        self.reconnects = 0
        self._name = name
        self._settings = settings
        self._backoff = backoff
        self._changed = changed
        self._reason = ""
        self._phase = _Phase.IDLE
        self._phase_s = 0.0
        self._retry_at_s = 0.0
        self._away_s = 0.0
        self._expected: frozenset[Track] = frozenset()
        self._runs: dict[Track, _Run] = {}
        self._ever: set[Track] = set()
        self._fruitless: dict[Track, int] = {}
        self.was_open = False
        self._lost = self._paused_before = self._resumed = False
        self._kept_s = 0.0
        self._deaf_until_s: dict[Track, float] = {}

    @property
    def attempting(self) -> bool:
        """Whether the last attempt still counts."""
        return self._phase is not _Phase.IDLE

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.state is LinkState.ENDED

    def reason(self, now_s: float) -> str:
        """Why it is not live, in a short phrase; how long a track has been silent is counted up to now."""
        return self._stalled(now_s) if self.state is LinkState.STALLED else self._reason

    def retry_s(self, now_s: float) -> float | None:
        """Time until the next attempt; None unless lost."""
        return max(0.0, self._retry_at_s - now_s) if self.state is LinkState.LOST else None

    def begin(self, now_s: float) -> None:
        """Media time begins here."""
        self.since_s = self._away_s = self._retry_at_s = now_s
        if self.state is LinkState.CONNECTING:
            self._changed(LinkChange(now_s, self._name, self.state))

    def wants_attempt(self, now_s: float) -> bool:
        """Whether an attempt is to be started."""
        resting = self._phase is _Phase.IDLE and self.state not in {LinkState.PAUSED, LinkState.ENDED}
        return resting and now_s >= self._retry_at_s

    def started(self, now_s: float) -> None:
        """An attempt was started."""
        self._enter(_Phase.OPENING, now_s)

    def stuck(self, now_s: float, hung: int) -> None:
        """No attempt can be started, for too many hang."""
        self._set(LinkState.LOST, now_s, f"{hung} attempts never came back: check the device, or start again")

    def waiting(self, now_s: float, reason: str) -> None:
        """Nobody is there yet, and nothing is wrong."""
        self._enter(_Phase.WAITING, now_s)
        self._set(LinkState.CONNECTING, now_s, reason)

    def opened(self, now_s: float, tracks: Collection[Track], kept_s: float = 0.0) -> frozenset[Track]:
        """It is open with these tracks; which of the promised ones do not come, asked for at the first time only.

        What comes first may be older than the opening by `kept_s`.
        """
        self._kept_s = kept_s
        usable = self.tracks.intersection(tracks)
        if not usable:
            self.over(now_s, f"holds no {' and no '.join(WORDS[track] for track in sorted(self.tracks))}")
            return frozenset()
        missing = frozenset() if self.was_open else self.tracks - usable
        self.tracks -= missing
        self._expected = usable
        self.was_open = True
        if self.last_s is None:
            self._away_s = now_s
        self._enter(_Phase.OPEN, now_s)
        self._set(LinkState.CONNECTING, now_s)
        return missing

    def arrived(self, track: Track, now_s: float) -> bool:
        """Something of a track arrived; whether it is wanted."""
        if self._phase is not _Phase.OPEN or track not in self._expected:
            return False
        run = self._runs.get(track)
        if run is None or now_s - run.last_s > self._settings.stall_after_s:
            self._runs[track] = _Run(now_s, now_s)
        else:
            run.last_s = now_s
        self._ever.add(track)
        self._fruitless.pop(track, None)
        self.last_s = self._away_s = now_s
        if self._lost:
            self._lost = False
            self.reconnects += 1
        self._judge(now_s)
        if not self._resumed:
            return True
        until_s = self._deaf_until_s.setdefault(track, now_s + max(_DEAF_S, self._kept_s))
        # Until every track is past it: an attempt that breaks off before is followed by one that hands over as much.
        self._resumed = any(now_s < self._deaf_until_s.get(other, math.inf) for other in self._expected)
        return now_s >= until_s

    def over(self, now_s: float, reason: str) -> None:
        """The attempt is over; another is planned."""
        if self.state in {LinkState.PAUSED, LinkState.ENDED}:
            return
        self._lost = self._lost or self._runs != {}
        self._rest()
        self._paused_before = False
        self._retry_at_s = now_s + self._backoff.next_s()
        self._set(LinkState.LOST, now_s, reason)

    def pause(self, now_s: float) -> None:
        """Nothing is wanted."""
        if not self.ended:
            self._rest()
            self._set(LinkState.PAUSED, now_s, PAUSED)

    def resume(self, now_s: float) -> None:
        """Wanted again, at once."""
        if self.state is LinkState.PAUSED:
            self._paused_before = self._resumed = True
            self._retry_at_s = self._away_s = now_s
            self._backoff.reset()
            self._set(LinkState.CONNECTING, now_s)

    def end(self, now_s: float, reason: str) -> None:
        """Over for good."""
        if not self.ended:
            self._rest()
            self._set(LinkState.ENDED, now_s, reason)

    def tick(self, now_s: float) -> None:
        """Time has passed."""
        if self.state in {LinkState.PAUSED, LinkState.ENDED}:
            return
        if self._phase is _Phase.OPEN:
            self._judge(now_s)
        if self._phase in {_Phase.OPEN, _Phase.WAITING}:
            self._recover(now_s)
        if self._phase is _Phase.OPENING:
            self._open_soon(now_s)
        if self._phase is _Phase.OPEN:
            self._bury(now_s)

    def given_up(self, now_s: float) -> str | None:
        """Why it is given up now, in words for the user; None as long as it is not."""
        limit_s = self._settings.give_up_after_s
        if limit_s is None or self.state in {LinkState.PAUSED, LinkState.ENDED}:
            return None
        if self._phase is _Phase.WAITING and self.last_s is None:
            self._away_s = now_s  # nobody is late who was never awaited at a time
        if now_s - self._away_s < limit_s:
            return None
        return f"{self.reason(now_s) or 'nothing came'}; given up after {limit_s:g} s without it"

    def away(self, now_s: float) -> dict[Track, str]:
        """The tracks that media time is to go on without, and why."""
        return {track: reason for track in sorted(self.tracks) if (reason := self._absence(track, now_s))}

    def _absence(self, track: Track, now_s: float) -> str | None:
        if self._phase is _Phase.OPEN:
            if track not in self._expected:
                return f"no {WORDS[track]} in the stream"
            if now_s - self._heard_s(track) > self._settings.gap_after_s:
                return f"{WORDS[track]} stalled"
            if track in self._runs:
                return None
        if self.state is LinkState.PAUSED or self._paused_before:
            return PAUSED
        return LOST if track in self._ever else NOT_YET

    def _judge(self, now_s: float) -> None:
        """Live or stalled, while open."""
        silent = [track for track in self._expected if now_s - self._heard_s(track) > self._settings.stall_after_s]
        if silent:
            self._set(LinkState.STALLED, now_s, self._stalled(now_s))
            return
        runs = [self._runs.get(track) for track in self._expected]
        if all(run is not None and self._back(run) for run in runs):
            self._set(LinkState.LIVE, now_s)

    def _back(self, run: _Run) -> bool:
        return self.state is not LinkState.STALLED or run.last_s - run.first_s >= _STEADY_S

    def _stalled(self, now_s: float) -> str:
        silent = {track: now_s - self._heard_s(track) for track in sorted(self._expected)}
        longest_s = max(silent.values(), default=0.0)
        words = [WORDS[track] for track, silent_s in silent.items() if silent_s > self._settings.stall_after_s]
        return f"no {' and no '.join(words)} for {longest_s:.0f} s" if words else "coming back"

    def _heard_s(self, track: Track) -> float:
        run = self._runs.get(track)
        return self._phase_s if run is None else run.last_s

    def _recover(self, now_s: float) -> None:
        healthy = self.state is LinkState.LIVE or self._phase is _Phase.WAITING
        if healthy and now_s - max(self.since_s, self._phase_s) >= _HEALTHY_S:
            self._backoff.reset()

    def _open_soon(self, now_s: float) -> None:
        limit_s = self._settings.open_timeout_s + _OPEN_GRACE_S
        if now_s - self._phase_s > limit_s:
            self.over(now_s, f"did not open within {limit_s:.0f} s")
        elif now_s - self._phase_s > _SOON_S:
            self._set(LinkState.CONNECTING, now_s)

    def _bury(self, now_s: float) -> None:
        """Close what is open but silent for too long."""
        flowing = any(now_s - self._heard_s(track) <= self._settings.stall_after_s for track in self._expected)
        for track in sorted(self._expected):
            if now_s - self._heard_s(track) > self._patience_s(track, flowing=flowing):
                if track not in self._runs:
                    self._fruitless[track] = self._fruitless.get(track, 0) + 1
                self.over(now_s, self._stalled(now_s))
                return

    def _patience_s(self, track: Track, *, flowing: bool) -> float:
        dead_s = self._settings.dead_after_s
        fruitless = self._fruitless.get(track, 0) if flowing else 0
        return max(dead_s, min(_LONGEST_S, dead_s * 2.0 ** min(fruitless, 16)))

    def _enter(self, phase: _Phase, now_s: float) -> None:
        self._phase = phase
        self._phase_s = now_s
        self._runs = {}

    def _rest(self) -> None:
        self._phase = _Phase.IDLE
        self._runs = {}
        self._deaf_until_s = {}

    def _set(self, state: LinkState, now_s: float, reason: str = "") -> None:
        said = state in {LinkState.CONNECTING, LinkState.LOST} and reason != self._reason
        if state is not self.state:
            self.since_s = now_s
        elif not said:
            return
        self.state = state
        self._reason = reason
        self._changed(LinkChange(now_s, self._name, state, reason))
