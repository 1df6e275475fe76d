"""Keeps an engine's process at work: asks it, watches it, replaces it when it is lost, and says so.

Whatever becomes of the process, nobody waits for it who should not: live, a view that cannot be looked at is dropped or
answered with `Lost`, and the masks know nothing of it.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from buffers.records import FeedState
from configs.errors import ModelUnavailable
from streams.channel import Channel, ChannelClosed, Policy
from streams.clock import monotonic_s
from streams.nfbl.engine.child import Child, EngineLost, LoadFailed
from streams.nfbl.engine.wire import check_view, pack_view
from streams.nfbl.landmarks import Body, View

IN_FLIGHT: Final = 4
"""Views waiting at max speed: enough to keep the process busy, and little memory."""

UNCOLLECTED: Final = 1024
"""Answers kept until they are collected: 100 s at 10 Hz, far more than any look-back."""

LIVE_TIMEOUT_S: Final = 5.0
"""Longest wait for an answer, live: it takes 30 ms, but a cut on a machine that is overloaded takes seconds, and to
replace an engine that is only slow would cost more. One that dies is noticed at once."""

REPLAY_TIMEOUT_S: Final = 30.0
"""The same at max speed, where nobody waits and a busy machine must not change what is found."""

WATCH_S: Final = 0.5
"""How often a process is looked at while nothing is asked: its loss is to be told within 2 s."""

LOAD_S: Final = 30.0
"""Longest load. It takes 1 to 2 s, several times that on a machine that is busy or has a cold disk."""

MAX_LOSSES, LOSSES_WITHIN_S = 5, 600.0
"""So many losses in so long a time, and the engine stays off: what crashes every other minute measures nothing."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A view that was not answered, because the engine was lost or is off; `reason` is a short phrase."""

    t_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The engine's state changed; `t_s` is the time of the view asked last, None where none was asked yet."""

    t_s: float | None
    state: FeedState
    reason: str = ""


Answer = Body | Lost | Changed


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """What became of the views so far. `cpu_ms` is the engine's mean CPU time for an answer, 0 before the first."""

    asked: int
    answered: int
    dropped: int
    losses: int
    cpu_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A view, and how many fresh ones were submitted up to it."""

    view: View
    scene: int


class EngineHost:
    """One engine in a process of its own. `submit` by one thread, `collect` by one, the same or another.

    The state begins as STARTING, without a `Changed`; LIVE follows before the first answer. Each view that is not
    dropped is answered by one `Body` or `Lost`, in the order asked; a loss is first told as `Changed`. Where a fresh
    view is dropped or lost, the next one answered is fresh in its place.
    """

    def __init__(
        self,
        spawn: Callable[[], subprocess.Popen[bytes]],
        *,
        live: bool,
        timeout_s: float | None = None,
        load_s: float = LOAD_S,
    ) -> None:
        """Start the process; returns at once.

        Args:
            spawn: starts it with pipes, see `streams.nfbl.engine.process`.
            live: the newest view only, and never wait; else every view, in order, waiting for room.
            timeout_s: an answer that takes longer is none; None for `LIVE_TIMEOUT_S` or `REPLAY_TIMEOUT_S`.
            load_s: a load that takes longer has failed.
        """
        self._spawn = spawn
        self._live = live
        self._timeout_s = timeout_s or (LIVE_TIMEOUT_S if live else REPLAY_TIMEOUT_S)
        self._load_s = load_s
        policy = Policy.DROP_OLDEST if live else Policy.WAIT
        self._questions: Channel[_Question] = Channel("views", max_items=1 if live else IN_FLIGHT, policy=policy)
        # Twice, since changes of state go the same way.
        self._answers: Channel[Answer] = Channel("bodies", max_items=2 * UNCOLLECTED, policy=policy)
        self._awaited: deque[float] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._child: Child | None = None
        self._state, self._reason = FeedState.STARTING, ""
        self._settled = threading.Event()
        self._asked = self._answered = 0
        self._cpu_s = 0.0
        self._lost_at: deque[float] = deque(maxlen=MAX_LOSSES)
        self._losses = 0
        self._t_s: float | None = None
        self._scene = self._scene_told = 0
        self._thread = threading.Thread(target=self._work, name="landmark-engine", daemon=True)
        self._thread.start()

    @property
    def state(self) -> tuple[FeedState, str]:
        """How the engine is now, and why, in one short phrase (empty where all is well)."""
        with self._lock:
            return self._state, self._reason

    @property
    def counts(self) -> EngineCounts:
        """Counters up to now."""
        with self._lock:
            mean_ms = 1000 * self._cpu_s / self._answered if self._answered else 0.0
            return EngineCounts(self._asked, self._answered, self._questions.counts.dropped, self._losses, mean_ms)

    def wait_ready(self, timeout_s: float = LOAD_S) -> None:
        """Wait until the engine has loaded.

        Raises:
            ModelUnavailable: it cannot work, or has not loaded in time.
        """
        if not self._settled.wait(timeout_s):
            raise ModelUnavailable(
                f"landmark engine has not loaded in {timeout_s:g} s: try again, or set nfbl.source off"
            )
        state, reason = self.state
        if state is FeedState.OFF:
            raise ModelUnavailable(reason)

    def submit(self, view: View) -> None:
        """Ask what is in a view. Live this never waits, and a view still waiting is dropped for the newer one.

        Not live it waits for room. Does nothing once closed.

        Raises:
            WireError: the view is absurd (larger than 4096 px, or with numbers that are none).
            RuntimeError: `UNCOLLECTED` answers have not been collected.
        """
        check_view(view)
        if not self._live:
            if len(self._awaited) >= UNCOLLECTED:
                raise RuntimeError(f"{UNCOLLECTED} views were asked and none collected")
            self._awaited.append(view.t_s)
        with self._lock:
            self._asked += 1
            self._scene += view.fresh
            question = _Question(view, self._scene)
        with contextlib.suppress(ChannelClosed):
            self._questions.put(view.t_s, question)

    def collect(self, until_s: float) -> list[Answer]:
        """Answers and changes, in order of time, each once.

        Live: all that there are, at once, whatever `until_s`. Not live: those to every view submitted up to `until_s`,
        waiting for them; later ones, and a change after the last of them, are kept for a later call.
        """
        found: list[Answer] = []
        with contextlib.suppress(ChannelClosed):
            if self._live:
                while len(self._answers):
                    found.append(self._answers.get())
            while self._awaited and self._awaited[0] <= until_s:
                found.append(self._answers.get())
                if not isinstance(found[-1], Changed):
                    self._awaited.popleft()
        return found

    def close(self) -> None:
        """End the process and forget what was asked; safe to call twice."""
        with self._lock:
            self._closed = True
            self._state, self._reason = FeedState.OFF, "closed"
            if self._child is not None:
                self._child.kill()
        self._questions.abort()
        self._answers.abort()
        self._settled.set()
        self._thread.join(2.0)

    def _work(self) -> None:
        question: _Question | None = None
        tried = False
        with contextlib.suppress(ChannelClosed):
            while (child := self._started()) is not None:
                try:
                    while True:
                        if question is None:
                            question, tried = self._next(child), False
                        self._ask(child, question)
                        question = None
                except EngineLost as lost:
                    self._count_loss(str(lost))
                    if question is not None and (self._live or tried):
                        self._answers.put(question.view.t_s, Lost(question.view.t_s, f"landmark engine lost ({lost})"))
                        question = None
                    tried = True
                finally:
                    child.end()
            self._refuse(question)

    def _started(self) -> Child | None:
        """A process that has loaded, None where the engine is off for good."""
        while self.state[0] is not FeedState.OFF:
            first = self.state[0] is FeedState.STARTING
            try:
                child = self._new_child()
            except OSError as error:
                self._change(
                    FeedState.OFF, f"landmark engine cannot be started ({error.strerror}): free memory and try again"
                )
                break
            ready = False
            try:
                child.wait_ready(self._load_s)
                ready = True
            except LoadFailed as failed:
                self._change(FeedState.OFF, str(failed))
            except EngineLost as lost:
                if first:
                    # What has never worked will not by being tried again.
                    self._change(FeedState.OFF, f"landmark engine could not be loaded ({lost}): fetch the models again")
                else:
                    self._count_loss(str(lost))
            finally:
                if not ready:
                    child.end()
            if ready:
                self._change(FeedState.LIVE, "")
                return child
        return None

    def _new_child(self) -> Child:
        with self._lock:
            # Under the lock, so that a process begun while `close` runs is one that it sees.
            if self._closed:
                raise ChannelClosed("views")
            self._child = Child(self._spawn())
            return self._child

    def _next(self, child: Child) -> _Question:
        while True:
            try:
                return self._questions.get(WATCH_S)
            except TimeoutError:
                child.check()

    def _refuse(self, question: _Question | None) -> None:
        """Answer with `Lost` whatever is asked of an engine that is off."""
        while True:
            if question is not None:
                self._answers.put(question.view.t_s, Lost(question.view.t_s, self.state[1]))
            question = self._questions.get()

    def _ask(self, child: Child, question: _Question) -> None:
        view = question.view
        self._t_s = view.t_s
        # Whether a cut has been missed is known only now: it may have come with a view that was dropped or lost.
        view = replace(view, fresh=question.scene > self._scene_told)
        body, cpu_s = child.ask(pack_view(view), view.t_s, self._timeout_s)
        self._scene_told = question.scene
        with self._lock:
            self._answered += 1
            self._cpu_s += cpu_s
        self._answers.put(body.t_s, body)

    def _count_loss(self, reason: str) -> None:
        # A replay at max speed runs through ten minutes in one: its own time counts.
        now_s = monotonic_s() if self._live or self._t_s is None else self._t_s
        self._lost_at.append(now_s)
        with self._lock:
            if self._closed:
                raise ChannelClosed("views")
            self._losses += 1
        if len(self._lost_at) == MAX_LOSSES and now_s - self._lost_at[0] <= LOSSES_WITHIN_S:
            often = (
                f"landmark engine lost {MAX_LOSSES} times in {LOSSES_WITHIN_S / 60:g} min (last: {reason}), stays off"
            )
            self._change(FeedState.OFF, often)
        else:
            self._change(FeedState.RESTARTING, f"landmark engine lost ({reason}), restarting")

    def _change(self, state: FeedState, reason: str) -> None:
        with self._lock:
            if self._closed:
                raise ChannelClosed("views")
            self._state, self._reason = state, reason
        t_s = self._t_s if self._t_s is not None else float("-inf")
        self._answers.put(t_s, Changed(self._t_s, state, reason))
        if state is not FeedState.RESTARTING:
            self._settled.set()
