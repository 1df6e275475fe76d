"""Live feeds for tests: an engine that answers what and when a test says, rules that see what a test says."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from buffers.picture import Picture
from buffers.records import Box, Group, NfblEvent, NfblState, NfblWatch, Phase, Prosody
from configs.rules import Rules
from configs.settings import NfblSettings
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame
from streams.nfbl.engine.host import Answer, Changed, EngineCounts
from streams.nfbl.features.types import Features
from streams.nfbl.feed import Feed, Report
from streams.nfbl.landmarks import Side, View
from streams.nfbl.live import LiveFeed
from streams.nfbl.signals import Family, Sight, Signal
from tests.made_body import made_body

TOUCHING = Signal(Group.HEAD, Family.TOUCH, Side.LEFT, 1.0, (("N7", 1.0),))
FACES = (SeenFace(1, Box(280, 80, 360, 180), 0.9),)
ROOM = 60
"""Luma of another scene than the one that is shown by default: between the two lies a cut."""


@dataclass
class Scripted:
    """A scorer that sees what a function of time says."""

    signals: Callable[[float], Sequence[Signal]]
    heard: dict[float, float | None] = field(default_factory=dict)

    def look(self, features: Features) -> Sight:
        self.heard[features.t_s] = features.speaking
        return Sight(tuple(self.signals(features.t_s)))

    def reset(self) -> None:
        """It remembers nothing."""


def answered(view: View) -> tuple[Answer, ...]:
    """A body, and nothing else."""
    return (replace(made_body(view.t_s, person=view.person, looked_at=view.pose), fresh=view.fresh),)


class MadeHost:
    """Stands in for `EngineHost`. At max speed a view is answered at once by `reply`, live when `answer` is called."""

    made: MadeHost

    def __init__(self, spawn: object, *, live: bool) -> None:
        del spawn
        MadeHost.made = self
        self.reply: Callable[[View], tuple[Answer, ...]] = answered
        self.views: list[View] = []
        self.closed = False
        self._live = live
        self._said: deque[Answer] = deque()
        self._awaited: deque[float] = deque()

    @property
    def counts(self) -> EngineCounts:
        return EngineCounts(asked=9, answered=5, dropped=3, losses=1, cpu_ms=20.0)

    def wait_ready(self) -> None:
        """It is."""

    def submit(self, view: View) -> None:
        self.views.append(view)
        if not self._live:
            self._awaited.append(view.t_s)
            self.say(*self.reply(view))

    def say(self, *answers: Answer) -> None:
        """Have these collected next."""
        self._said.extend(answers)

    def answer(self, count: int | None = None) -> None:
        """Answer the oldest `count` views (default: all)."""
        for view in self.views[:count]:
            self.say(*self.reply(view))
        del self.views[:count]

    def collect(self, until_s: float) -> list[Answer]:
        found: list[Answer] = []
        while self._said and self._live:
            found.append(self._said.popleft())
        while self._awaited and self._awaited[0] <= until_s:
            found.append(self._said.popleft())
            if not isinstance(found[-1], Changed):
                self._awaited.popleft()
        return found

    def close(self) -> None:
        self.closed = True


def touching(from_s: float, to_s: float) -> Callable[[float], Sequence[Signal]]:
    """A touch during a span."""
    return lambda t_s: (TOUCHING,) if from_s <= t_s < to_s else ()


def rules_that_see(
    monkeypatch: pytest.MonkeyPatch, signals: Callable[[float], Sequence[Signal]] = lambda _: ()
) -> Scripted:
    """Put one scripted scorer in the place of all rules."""
    scorer = Scripted(signals)

    def make(rules: Rules, *, holding_object: bool) -> tuple[Scripted, ...]:
        del rules, holding_object
        return (scorer,)

    monkeypatch.setattr("streams.nfbl.live.make_scorers", make)
    return scorer


def made_feed(monkeypatch: pytest.MonkeyPatch, settings: NfblSettings | None = None, *, paced: bool) -> LiveFeed:
    """A live feed whose engine is `MadeHost.made`."""
    monkeypatch.setattr("streams.nfbl.live.EngineHost", MadeHost)
    feed = LiveFeed(settings or NfblSettings(), paced=paced)
    feed.wait_ready()
    return feed


def spawn_with(monkeypatch: pytest.MonkeyPatch, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
    """Start processes of a test's own in the place of MediaPipe's."""

    def spawner(*, mirrored: bool, niceness: int) -> Callable[[], subprocess.Popen[bytes]]:
        del mirrored, niceness
        return spawn

    monkeypatch.setattr("streams.nfbl.live.spawner", spawner)


@dataclass(frozen=True)
class Scene:
    """A stretch of pictures of one luma, with the same faces in each, `rate_hz` a second."""

    from_s: float
    to_s: float
    faces: tuple[SeenFace, ...] | None = FACES
    luma: int = 180
    rate_hz: float = 20.0

    def frames(self) -> list[RawFrame]:
        """Its frames."""
        picture = Picture.blank(640, 360, self.luma)
        first, end = round(self.from_s * self.rate_hz), round(self.to_s * self.rate_hz)
        return [RawFrame(place / self.rate_hz, place, picture) for place in range(first, end)]


def show(feed: Feed, *scenes: Scene) -> None:
    """Show a feed these scenes."""
    for scene in scenes:
        for frame in scene.frames():
            feed.see(frame, scene.faces)


def speak(feed: Feed, from_s: float, to_s: float, speech: float) -> None:
    """Let a feed hear blocks of a tenth of a second."""
    for place in range(round(from_s * 10), round(to_s * 10)):
        feed.hear(Prosody(place / 10, 0.1, speech, None, None))


def closed(reports: Iterable[Report]) -> list[tuple[str, float, float]]:
    """Class, start and end of closed events."""
    events = [report.item for report in reports if isinstance(report.item, NfblEvent)]
    return [
        (event.class_id, round(event.start_s, 3), round(event.end_s, 3))
        for event in events
        if event.phase is Phase.CLOSE
    ]


def states(reports: Iterable[Report]) -> list[tuple[float, str, str]]:
    """Time, state and reason of each change of state."""
    changes = [report.item for report in reports if isinstance(report.item, NfblState)]
    return [(round(change.t_s, 3), change.state.value, change.reason) for change in changes]


def blind_heads(reports: Iterable[Report]) -> list[tuple[float, float, str]]:
    """Spans with why heads could not be watched in each (empty: they could), those alike that follow as one."""
    found: list[tuple[float, float, str]] = []
    for report in reports:
        if not isinstance(span := report.item, NfblWatch):
            continue
        start_s, end_s, reason = round(span.start_s, 3), round(span.end_s, 3), dict(span.blind).get(Group.HEAD, "")
        if found and found[-1][1:] == (start_s, reason):
            start_s = found.pop()[0]
        found.append((start_s, end_s, reason))
    return found
