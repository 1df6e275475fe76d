"""The live detector: landmarks of the watched person in, events and what could be watched out.

It binds features, scorers and segmenter together and knows of holes in time; it sees no pixel and keeps no landmark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from buffers.records import Group, NfblWatch
from streams.nfbl.features.types import Features
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Body
from streams.nfbl.segments.segmenter import Segmenter
from streams.nfbl.segments.watch import Blind, WatchLog, blind_all, blind_groups
from streams.nfbl.signals import Scorer, Signal

TOO_SLOW: Final = "engine too slow"
"""Why nothing was seen where looks that were due did not come."""


class Builder(Protocol):
    """Makes features of landmarks. May remember; is told of every tick in order of time."""

    def build(self, body: Body, speaking: float | None) -> Features:
        """The features of one tick; `speaking` is the share 0-1 of the last half second with speech."""

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""


class NfblDetector:
    """Rules or a model over one stream of landmarks. Called from one thread, in order of time.

    Everything it returns is reported at the time of the call; spans of what was watched follow each other without a
    hole from the first call to `finish`.
    """

    def __init__(self, builder: Builder, scorers: Sequence[Scorer], segmenter: Segmenter, *, rate_hz: float) -> None:
        """Assemble; `rate_hz` is the rate of looking that is asked for (ValueError unless above 0)."""
        if not rate_hz > 0.0:
            raise ValueError(f"the rate of looking must be above 0 Hz, not {rate_hz:g}")
        self._builder = builder
        self._scorers = tuple(scorers)
        self._segmenter = segmenter
        self._tick_s = 1.0 / rate_hz
        self._watch = WatchLog(calm_s=segmenter.rules.calm_s)
        self._last_s: float | None = None
        self._seen_s: float | None = None
        self._person: int | None = None
        self._lost = False

    def step(self, body: Body, speaking: float | None, *, people: int = 1) -> list[Report]:
        """One look at the watched person; `people` counts the faces there were to choose from.

        Raises ValueError where it lies before the last call.
        """
        t_s = body.t_s
        reports = self._catch_up(t_s)
        # Another person, which a cut makes too; a new crop of the same one (`fresh`) changes no coordinates.
        other = self._person is not None and body.person != self._person
        if other or (self._seen_s is not None and t_s - self._seen_s > self._segmenter.rules.blind_s):
            reports += self._forget(t_s)
        self._seen_s, self._person = t_s, body.person
        features = self._builder.build(body, speaking)
        signals: list[Signal] = []
        blind: dict[Group, str] = {}
        for scorer in self._scorers:
            sight = scorer.look(features)
            signals += sight.signals
            for group, reason in sight.blind.items():
                blind.setdefault(group, reason)
        reports += self._segmenter.step(t_s, signals, speaking, blind)
        return reports + self._noted(t_s, blind_groups(blind), person=body.person, people=people)

    def idle(self, t_s: float, reason: str, *, people: int = 0) -> list[Report]:
        """A look that was due at `t_s` and found nobody, or was not taken; `reason` is one short phrase.

        What is open stays so for `blind_s`. Raises ValueError where it lies before the last call.
        """
        reports = self._catch_up(t_s)
        reports += self._segmenter.step(t_s, (), None, tuple(Group))
        return reports + self._noted(t_s, blind_all(reason), person=None, people=people)

    def lost(self, t_s: float, reason: str) -> list[Report]:
        """The engine is lost at `t_s`: what is open closes, and for that reason nothing is seen until the next call.

        Raises ValueError where it lies before the last call.
        """
        reports = self._catch_up(t_s) + self._forget(t_s)
        self._lost = True
        return reports + _reports(t_s, self._watch.turn(t_s, blind_all(reason), person=None, people=0))

    def finish(self, t_s: float) -> list[Report]:
        """The stream is over at `t_s`: everything that is open closes. Raises ValueError as `step`."""
        reports = self._catch_up(t_s) + self._segmenter.finish(t_s)
        return reports + _reports(t_s, self._watch.end(t_s))

    def _catch_up(self, t_s: float) -> list[Report]:
        """Account for the time since the last call: looks that did not come are a hole, unless the engine was lost."""
        last_s, self._last_s = self._last_s, t_s
        if last_s is None or self._lost or t_s - last_s <= self._segmenter.rules.blind_s:
            return []
        # The last look stands for its own tick.
        since_s = min(last_s + self._tick_s, t_s)
        watched = self._watch.turn(since_s, blind_all(TOO_SLOW), person=None, people=0)
        return self._forget(t_s) + _reports(t_s, watched + self._watch.end(t_s))

    def _forget(self, t_s: float) -> list[Report]:
        self._builder.reset()
        for scorer in self._scorers:
            scorer.reset()
        return self._segmenter.interrupt(t_s)

    def _noted(self, t_s: float, blind: Blind, *, person: int | None, people: int) -> list[Report]:
        note = self._watch.turn if self._lost else self._watch.note
        self._lost = False
        return _reports(t_s, note(t_s, blind, person=person, people=people))


def _reports(t_s: float, watched: Iterable[NfblWatch]) -> list[Report]:
    return [Report(t_s, span) for span in watched]
