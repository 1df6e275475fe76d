"""The live feed: raw frames in, body language out, detected while the session runs.

The video worker shows it every frame and never waits for it live; whoever delivers asks for reports. What is decided
depends on the media alone: at max speed equal media give equal reports, whatever thread was faster.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from buffers.records import FeedState, NfblState, Prosody, Track
from configs.rules import RULES_FILE, Rules, rules
from configs.settings import NfblSettings
from streams.clock import monotonic_s
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame, RawGap
from streams.models.catalogue import catalogue
from streams.nfbl.detector import NfblDetector
from streams.nfbl.engine.host import Answer, Changed, EngineHost, Lost
from streams.nfbl.engine.process import spawner
from streams.nfbl.engine.tasks import MODELS
from streams.nfbl.features.build import FeatureBuilder
from streams.nfbl.feed import FeedCounts, Report
from streams.nfbl.landmarks import Body, View
from streams.nfbl.person.grid import ROUNDING_S, LookGrid
from streams.nfbl.person.watcher import PersonWatcher
from streams.nfbl.scorers import make_scorers
from streams.nfbl.segments.segmenter import Segmenter
from streams.nfbl.signals import Scorer
from streams.nfbl.skeletons.model import SkeletonModel
from streams.nfbl.skeletons.scorer import FallbackScorer, ModelScorer, with_fallback
from streams.nfbl.speech import SpeechMemory

logger = logging.getLogger("emotion_monitor.nfbl")

LAG_S: Final = 0.5
"""How old a body is when it tells the choice of the person that somebody is there (s): at max speed a fixed age, so
that views do not depend on which process was faster."""

PRESSED_S: Final = 0.5
"""Time between looks while frames wait to be masked (s): touches are still found at 2 Hz, at a fifth of the work."""

NOBODY: Final = "nobody in view"
UNCHOSEN: Final = "nobody chosen yet"
UNANSWERED: Final = "face detector gave no answer"
"""Why no view was cut when a look was due."""


@dataclass(frozen=True, slots=True)
class _Idle:
    """A time at which a look was due and there was nobody, or (`hole`) from which on there is no picture."""

    t_s: float
    reason: str
    people: int
    hole: bool = False


class LiveFeed:
    """Watches one video track. `see` by one thread, `reports` by one at a time, `hear` by any."""

    def __init__(self, settings: NfblSettings, *, paced: bool) -> None:
        """Start the landmark engine, which loads meanwhile: call `wait_ready` before the first frame.

        `paced`: media time passes with wall time, so looks are skipped where there is no time for them.

        Raises:
            ConfigError, ModelUnavailable: the skeleton model cannot be read.
        """
        found = rules()
        self._model, scorers = _scorers(settings, found, paced=paced)
        name = "rules" if self._model is None else self._model.source
        self.source = f"live ({name})"
        self.digest = _digest(settings, self._model)
        self.notices: tuple[str, ...] = () if self._model is None else (self._model.notice,)
        # Its own, beside the watcher's: a look is due also where choosing the person failed.
        self._grid = LookGrid(settings.rate_hz)
        self._least_visible = found.person.shoulder_visible
        self._paced = paced
        self._watcher = PersonWatcher(found.person, rate_hz=settings.rate_hz)
        self._detector = NfblDetector(
            FeatureBuilder(found), scorers, Segmenter(found.segments, source=name), rate_hz=settings.rate_hz
        )
        self._speech = SpeechMemory()
        self._lock = threading.Lock()
        self._answers: deque[Answer] = deque()
        self._idle: deque[_Idle] = deque()
        self._awaited: deque[tuple[float, int]] = deque()
        self._bodies: deque[tuple[float, int]] = deque()
        self._seen_s = self._told_s = 0.0
        self._asked_s = -math.inf
        self._fresh = self._given_up = False
        self._stood_back = 0
        self._host = EngineHost(spawner(mirrored=settings.mirrored, niceness=settings.niceness), live=paced)

    def wait_ready(self) -> None:
        """Wait until the engine has loaded; `ModelUnavailable` where it cannot, with the reason in one line."""
        self._host.wait_ready()

    @property
    def counts(self) -> FeedCounts:
        """Looks taken and skipped, and how often the engine was lost."""
        counts = self._host.counts
        return FeedCounts(looks=counts.answered, skipped=counts.dropped + self._stood_back, losses=counts.losses)

    def see(self, frame: RawFrame, faces: Sequence[SeenFace] | None, *, pressed: bool = False) -> None:
        """See `Feed.see`; at max speed this waits for room in the engine, pressed it looks every `PRESSED_S` only."""
        self._tell_of_bodies(frame.t_s - LAG_S)
        reason = UNANSWERED if faces is None else ""
        try:
            view = self._watcher.look(frame, faces)
        except Exception as error:  # noqa: BLE001 - the supervisor: what goes wrong here must not end the masks
            view, reason = None, _fault(error)
        due = self._grid.due(frame.t_s)
        if view is None and due:
            reason = reason or (UNCHOSEN if self._watcher.people else NOBODY)
            with self._lock:
                self._idle.append(_Idle(frame.t_s, reason, self._watcher.people))
        elif view is not None:
            self._ask(view, pressed=pressed)
        self._seen_s = frame.t_s

    def miss(self, gap: RawGap) -> None:
        """See `Feed.miss`."""
        if gap.track is Track.VIDEO:
            with self._lock:
                self._idle.append(_Idle(gap.start_s, f"no picture ({gap.reason})", 0, hole=True))

    def hear(self, prosody: Prosody) -> None:
        """See `Feed.hear`."""
        self._speech.add(prosody)

    def reports(self, watermark_s: float) -> list[Report]:
        """See `Feed.reports`."""
        until_s = math.inf if self._paced else watermark_s
        with self._lock:
            self._collect(until_s)
            told = self._work(until_s)
            if math.isinf(watermark_s) and watermark_s > 0:
                told += self._detector.finish(self._at(self._seen_s))
        return told

    def close(self) -> None:
        """See `Feed.close`."""
        self._host.close()

    def _ask(self, view: View, *, pressed: bool) -> None:
        self._fresh |= view.fresh
        if pressed and view.t_s - self._asked_s < PRESSED_S - ROUNDING_S:
            self._stood_back += 1
            return
        asked = replace(view, fresh=self._fresh)
        self._fresh, self._asked_s = False, view.t_s
        with self._lock:
            self._awaited.append((view.t_s, self._watcher.people))
        self._host.submit(asked)

    def _tell_of_bodies(self, until_s: float) -> None:
        with self._lock:
            self._collect(until_s)
            while self._bodies and self._bodies[0][0] <= until_s:
                self._watcher.body_seen(*self._bodies.popleft())

    def _collect(self, until_s: float) -> None:
        for answer in self._host.collect(until_s):
            self._answers.append(answer)
            if isinstance(answer, Body) and self._shows_shoulders(answer):
                self._bodies.append((answer.t_s, answer.person))

    def _shows_shoulders(self, body: Body) -> bool:
        return body.pose is not None and float(body.pose[11:13, 2].min()) >= self._least_visible

    def _work(self, until_s: float) -> list[Report]:
        """Take answers and looks that found nobody, in order of time, as far as they are known."""
        told: list[Report] = []
        while True:
            answer_s = self._answer_s()
            idle_s = self._idle[0].t_s if self._idle else math.inf
            if self._idle and idle_s <= min(answer_s, until_s) and not self._waits_before(idle_s):
                told += self._nothing(self._idle.popleft())
            elif self._answers and answer_s <= until_s:
                told += self._take(self._answers.popleft()) + self._word_of_model()
            else:
                return told

    def _nothing(self, idle: _Idle) -> list[Report]:
        """A look without a view, or the beginning of a hole, which lasts until the next look."""
        t_s = self._at(idle.t_s)
        if idle.hole:
            return self._detector.lost(t_s, idle.reason)
        return self._detector.idle(t_s, idle.reason, people=idle.people)

    def _answer_s(self) -> float:
        """Time at which the oldest answer not yet taken is due.

        Live a change of state is due at once. At max speed it is due with the answer after it: when it was collected
        depends on who was faster, and looks from before that answer come first either way.
        """
        if self._paced and self._answers and isinstance(self._answers[0], Changed):
            return -math.inf
        return next((answer.t_s for answer in self._answers if not isinstance(answer, Changed)), math.inf)

    def _waits_before(self, t_s: float) -> bool:
        """Whether a view from before `t_s` may still be answered."""
        return not self._answers and bool(self._awaited) and self._awaited[0][0] < t_s

    def _take(self, answer: Answer) -> list[Report]:
        if isinstance(answer, Changed):
            return self._change(answer)
        people = self._people(answer.t_s)
        if isinstance(answer, Lost):
            if answer.t_s <= self._told_s:
                # The engine was lost over this view, as was told: that reason holds until the next look.
                return []
            return self._detector.idle(self._at(answer.t_s), answer.reason, people=people)
        if answer.t_s < self._told_s:
            return []
        t_s = self._at(answer.t_s)
        try:
            return self._detector.step(answer, self._speech.share(t_s), people=people)
        except Exception as error:  # noqa: BLE001 - the supervisor: what goes wrong here must not end the masks
            return self._detector.lost(t_s, _fault(error))

    def _change(self, change: Changed) -> list[Report]:
        if change.state is FeedState.LIVE:
            t_s = self._at(self._live_again_s(change.t_s))
            return [Report(t_s, NfblState(t_s, change.state, change.reason))]
        t_s = self._at(self._seen_s if self._paced else change.t_s or 0.0)
        return [Report(t_s, NfblState(t_s, change.state, change.reason)), *self._detector.lost(t_s, change.reason)]

    def _live_again_s(self, asked_s: float | None) -> float:
        """When the engine began to see: never after the first body to come, which would be let go."""
        if not self._paced or asked_s is None:
            return asked_s or 0.0
        return self._awaited[-1][0] if self._awaited else self._seen_s

    def _people(self, t_s: float) -> int:
        """How many faces there were when the view of that time was cut; forgets all up to it."""
        people = 0
        while self._awaited and self._awaited[0][0] <= t_s:
            people = self._awaited.popleft()[1]
        return people

    def _at(self, t_s: float) -> float:
        """A time for the detector, which never goes back."""
        self._told_s = max(self._told_s, t_s)
        return self._told_s

    def _word_of_model(self) -> list[Report]:
        if self._given_up or self._model is None or self._model.given_up is None:
            return []
        self._given_up = True
        reason = f"skeleton model {self._model.given_up}, the rules go on"
        return [Report(self._told_s, NfblState(self._told_s, FeedState.LIVE, reason))]


def _fault(error: Exception) -> str:
    """Why nothing is seen where the fault is ours."""
    logger.debug("body language: a look failed", exc_info=error)
    return f"look failed ({type(error).__name__}), please report it"


def _scorers(settings: NfblSettings, found: Rules, *, paced: bool) -> tuple[FallbackScorer | None, tuple[Scorer, ...]]:
    by_rules = make_scorers(found, holding_object=settings.holding_object)
    if settings.model is None:
        return None, by_rules
    model = SkeletonModel.load(Path(settings.model))
    scorer = with_fallback(ModelScorer(model, found, now_s=monotonic_s if paced else None), by_rules)
    return scorer, (scorer,)


def _digest(settings: NfblSettings, model: FallbackScorer | None) -> str:
    """Names what decides about the reports: settings, rules, networks and the package that runs them."""
    try:
        package = version("mediapipe")
    except PackageNotFoundError:
        package = "none"
    networks = {file.name: file.sha256 for file in catalogue().files if file.name in MODELS}
    own = settings.model_dump(exclude={"source", "annotations", "model", "niceness"})
    parts = {
        "settings": own,
        "networks": networks,
        "mediapipe": package,
        "version": version("emotion-monitor"),
        "rules": hashlib.sha256(RULES_FILE.read_bytes()).hexdigest(),
        "model": None if model is None else model.digest,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
