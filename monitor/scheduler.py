"""When a window is judged: a pure rule on media time that knows no clock, thread or model.

The session tells the scheduler how far the watermark is and what happened to the last window; the scheduler
answers which window comes next. The same answers in the same order give the same windows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from buffers.evidence import Cadence, Coverage, Window
from buffers.records import CLIP_S, Track
from configs.settings import WindowSettings

MISSED_PERIODS = 3
"""Periods without a judged window after which the estimate is stale: one miss is a slow model, three are
an outage."""

LEAST_NEW_SHARE = 0.25
"""Share of a local period that must be new at the session's end to earn a last local window; less than a quarter
would move the current estimate by less than its own interval and still cost a call."""

RESERVED_CALLS = 2
"""Calls of each hour's budget that the regular windows leave alone: one for a window woken early and one for the
whole session at its end."""

HOUR_S = 3600.0


@dataclass(slots=True)
class _Grid:
    """The planned window ends of one cadence: `anchor_s + step * every_s`; `step` is the next one.

    Steps are counted and multiplied, not added up, so that hours of periods of 0.1 s do not drift. A period of 0
    plans nothing: the next end is never.
    """

    anchor_s: float
    every_s: float
    step: int

    @property
    def next_s(self) -> float:
        """The next planned end."""
        return self._at(self.step)

    def newest_s(self, watermark_s: float) -> float:
        """The latest planned end up to `watermark_s`, at least the next one."""
        step = max(self.step, math.floor((watermark_s - self.anchor_s) / self.every_s))
        while step > self.step and self._at(step) > watermark_s:  # the division may round up
            step -= 1
        return self._at(step)

    def passed(self, end_s: float) -> int:
        """Move beyond a window that ends at `end_s`; returns how many planned windows it took the place of.

        A window off the plan (woken early, or the last) starts the period anew, so that a call is never followed
        by another one straight away.
        """
        if self.every_s == 0:
            return 0
        missed = 0
        on_plan = False
        while self.next_s <= end_s:
            on_plan = self.next_s == end_s
            missed += 1
            self.step += 1
        if not on_plan:
            self.anchor_s, self.step = end_s, 1
        return missed - on_plan

    def _at(self, step: int) -> float:
        return self.anchor_s + step * self.every_s if self.every_s > 0 else math.inf


class Scheduler:
    """Decides which window is judged next, at most one at a time.

    Local windows end at `first_s` and then every `local_every_s`; they look back `local_s`, less near the
    session's start. Windows over the whole session end at multiples of `global_every_s`. Local goes first when
    both end at the same instant; otherwise the one that has waited longest goes first, so neither starves.

    With `complete` (max speed) every planned window is issued. Without it (live, paced) a late cadence jumps to
    its newest planned window and the ones it passed over are counted in `skipped`.

    A budget of calls stretches both periods alike until the planned windows fit into it, so that a session is
    watched thinly to its end instead of closely for its first minutes.
    """

    def __init__(self, settings: WindowSettings, *, complete: bool) -> None:
        """Plan a session that starts at media time 0."""
        stretch = _stretch(settings)
        self._settings = settings
        self._complete = complete
        self._local = _Grid(settings.first_s, settings.local_every_s * stretch, 0)
        global_every_s = settings.global_every_s * stretch
        first = math.ceil(settings.first_s / global_every_s) if global_every_s > 0 else 0
        self._global = _Grid(0.0, global_every_s, first)
        self._local_end_s = 0.0
        self._global_end_s = 0.0
        self._news: list[tuple[float, float]] = []
        self._calls_s: deque[float] = deque()
        self._running: Window | None = None
        self._next_id = 1
        self._skipped = 0
        self._closed = False

    @property
    def running(self) -> Window | None:
        """The window that is being judged now."""
        return self._running

    @property
    def skipped(self) -> int:
        """Planned windows that never ran because a later one of the same cadence took their place."""
        return self._skipped

    @property
    def next_due_s(self) -> float | None:
        """Media time at which the next window is complete; None after `final` and where none is planned."""
        if self._closed:
            return None
        due_s = min(self._local_due_s(), self._global.next_s)
        return due_s if math.isfinite(due_s) else None

    @property
    def stale_after_s(self) -> float:
        """Media time without a judged window after which the estimate is stale; never where none is planned."""
        every_s = self._local.every_s or self._global.every_s
        return MISSED_PERIODS * every_s if every_s > 0 else math.inf

    def due(self, watermark_s: float) -> Window | None:
        """The window to judge now, None while one is running or none is complete.

        Asking changes nothing: the same window is offered until `started` takes it.
        """
        if self._running is not None or self._closed:
            return None
        local_s = self._local_due_s()
        global_s = self._global.next_s
        if min(local_s, global_s) > watermark_s:
            return None
        grid = self._local if local_s <= global_s else self._global
        end_s = min(local_s, global_s)
        if not self._complete and grid.next_s <= watermark_s:
            end_s = grid.newest_s(watermark_s)
        return self._window(Cadence.LOCAL if grid is self._local else Cadence.GLOBAL, end_s)

    def wake(self, t_s: float, weight: float) -> None:
        """Tell of news reported at media time `t_s` and worth `weight` (the score of a new NFBL event).

        Once the news since the last local window weigh `wake_weight`, a local window ends at `t_s`, or as soon
        as the cooldown since the last local window is over. News up to a window's end are part of it and count
        no more.
        """
        if self._settings.wake_weight > 0 and self._local.every_s > 0 and t_s > self._local_end_s:
            self._news.append((t_s, weight))

    def started(self, window: Window) -> None:
        """Take an offered window (from `due` or `final`); ValueError when it is not the next one or one runs."""
        if self._running is not None or window.id != self._next_id:
            msg = f"window {window.id} cannot start: window {self._next_id} is next and {self._running} is running"
            raise ValueError(msg)
        self._running = window
        self._next_id += 1
        if window.cadence is Cadence.LOCAL:
            self._skipped += self._local.passed(window.end_s)
            self._local_end_s = window.end_s
            self._news = [(t_s, weight) for t_s, weight in self._news if t_s > window.end_s]
        else:
            self._skipped += self._global.passed(window.end_s)
            self._global_end_s = window.end_s

    def finished(self, window: Window) -> None:
        """The running window is done, judged or not. ValueError when it is not running."""
        if self._running != window:
            msg = f"window {window.id} cannot finish: {self._running} is running"
            raise ValueError(msg)
        self._running = None

    def final(self, end_s: float) -> tuple[Window, ...]:
        """Close the plan at the session's end and return its last windows, to be started in this order.

        A local window, where at least a quarter of a period is new, then the whole session, where one more clip of
        it is new. ValueError while a window is running: wait for it first.
        """
        if self._running is not None:
            msg = f"the plan cannot close: {self._running} is running"
            raise ValueError(msg)
        self._closed = True
        windows = []
        local_new_s, global_new_s = end_s - self._local_end_s, end_s - self._global_end_s
        if self._local.every_s > 0 and local_new_s > 0 and local_new_s >= LEAST_NEW_SHARE * self._local.every_s:
            windows.append(self._window(Cadence.LOCAL, end_s))
        if global_new_s >= CLIP_S or global_new_s == end_s > 0:
            windows.append(self._window(Cadence.GLOBAL, end_s, after=len(windows)))
        return tuple(windows)

    def refusal(self, window: Window, coverage: Coverage, tracks: Collection[Track]) -> str | None:
        """Why `window` must abstain without a call; None when the call is granted, and then charged to the budget.

        The better of what was seen and heard counts: a session that lacks one of the `tracks`, or whose camera
        failed, is judged on the other alone.
        """
        shares = {Track.VIDEO: coverage.video, Track.AUDIO: coverage.audio}
        known = {track: shares[track] for track in sorted(tracks)}
        least = self._settings.min_coverage
        if max(known.values(), default=0.0) < least or not known:
            found = ", ".join(f"{track} {share:.0%}" for track, share in known.items()) or "no track"
            return f"too little to judge: {found}, {least:.0%} of the window needed"
        return self._charge(window)

    def _charge(self, window: Window) -> str | None:
        """Charge one call to the budget of the hour that ends with the window, or say that it is used up."""
        limit = self._settings.max_calls_per_hour
        if limit == 0:
            return None
        while self._calls_s and self._calls_s[0] <= window.end_s - HOUR_S:
            self._calls_s.popleft()
        if len(self._calls_s) >= limit:
            return f"the budget of {limit} calls an hour is used up"
        self._calls_s.append(window.end_s)
        return None

    def _window(self, cadence: Cadence, end_s: float, after: int = 0) -> Window:
        start_s = max(0.0, end_s - self._settings.local_s) if cadence is Cadence.LOCAL else 0.0
        return Window(self._next_id + after, start_s, end_s, cadence)

    def _local_due_s(self) -> float:
        """End of the next local window: the planned one, or an earlier one that the news call for."""
        if self._local.every_s == 0:
            return math.inf
        weight = 0.0
        newest_s = self._local_end_s + self._settings.wake_cooldown_s
        for t_s, news in self._news:
            weight += news
            newest_s = max(newest_s, t_s)
            if weight >= self._settings.wake_weight:
                early = newest_s >= self._settings.first_s
                return min(newest_s, self._local.next_s) if early else self._local.next_s
        return self._local.next_s


def _stretch(settings: WindowSettings) -> float:
    """Factor on both periods that fits the planned windows into the budget, at least 1."""
    if settings.max_calls_per_hour == 0:
        return 1.0
    planned = sum(HOUR_S / every_s for every_s in (settings.local_every_s, settings.global_every_s) if every_s > 0)
    return max(1.0, planned / max(1, settings.max_calls_per_hour - RESERVED_CALLS))
