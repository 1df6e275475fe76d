"""A skeleton model in the place of the rules: asked every stride, followed by the same segmenter, given up if it fails.

A model can be slow or wrong in ways that no manifest tells. Nothing here ever raises into a session: a model that does
not answer is given up, and the rules go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from buffers.records import Group
from configs.rules import Rules
from configs.yamlfile import printable
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Points
from streams.nfbl.signals import Family, Scorer, Sight, Signal
from streams.nfbl.skeletons.joints import gathered
from streams.nfbl.skeletons.manifest import Kind, Labels
from streams.nfbl.skeletons.model import LEAST_SEEN, SkeletonModel
from streams.nfbl.skeletons.windows import GAP_S, Mask

FAILURES: Final = 3
"""Runs that may fail in a row: one bad window is no broken model, and three are noticed within seconds."""

SLOW_RUNS: Final = 5
"""Runs in a row that may take longer than the stride: a busy machine delays one or two."""

VOTES: Final = 10.0
"""A model's certainty votes like ten finger points do."""

LEAST_TOLD: Final = 0.05
"""Activations and probabilities below it change nothing and are not told."""

STAYS_SEEN: Final = 0.8 * LEAST_SEEN
"""Once it sees, a model goes on down to this share, so that it and the rules do not take turns at the border."""


class ModelScorer:
    """Scores with a model. `groups` are those it knows classes of, `classes` their ids.

    `given_up` is None, or one short phrase that says why the model is asked no more.
    """

    def __init__(self, model: SkeletonModel, rules: Rules, *, now_s: Callable[[], float] | None = None) -> None:
        """Score with `model`; `now_s` measures how long runs take, None where nobody waits for them (max speed)."""
        self._model = model
        self._hole_s = rules.segments.blind_s
        self._now_s = now_s
        self._form = model.manifest.input
        self.source = f"model:{model.name}"
        self.digest = model.digest
        said = f"body language by the skeleton model {model.name} {model.manifest.version}"
        self.notice = printable(f"{said}, licence: {model.manifest.licence}", 300)
        self.classes = frozenset(kind.class_id for kind in model.kinds)
        self.groups = frozenset(kind.group for kind in model.kinds)
        self.given_up: str | None = None
        self._failures = self._slow = 0
        self._ticks: deque[tuple[float, Points, Mask]] = deque()
        self._answer: Mapping[Kind, float] = {}
        self._seen = 0.0
        self._ran_s: float | None = None

    def look(self, features: Features) -> Sight:
        """What the latest window shows; between two runs what it showed last."""
        if self.given_up is not None:
            return Sight(blind=dict.fromkeys(self.groups, f"model {self.given_up}"))
        self._keep(features)
        if self._due(features):
            self._ask(features)
        if not self._answer:
            return Sight(blind=dict.fromkeys(self.groups, "too little of the body seen"))
        return Sight(tuple(self._signals()))

    def reset(self) -> None:
        """Forget the window: what comes next is another shot or person."""
        self._ticks.clear()
        self._answer, self._seen, self._ran_s = {}, 0.0, None

    def _keep(self, features: Features) -> None:
        t_s = features.t_s
        if self._ticks and not 0 < t_s - self._ticks[-1][0] <= self._hole_s:
            self.reset()
        points, mask = gathered(features, self._model.joints, least_score=self._form.least_score)
        self._ticks.append((t_s, points, mask))
        # One gap more than the window, so that its first frame has a neighbour before it.
        while self._ticks[0][0] < t_s - self._form.window_s - GAP_S:
            self._ticks.popleft()

    def _due(self, features: Features) -> bool:
        """Whether a stride has passed; a window ends in a tick in which the body was looked at, not guessed."""
        if self._model.needs_body and not features.body.looked_at:
            return False
        return self._ran_s is None or features.t_s - self._ran_s >= self._form.stride_s - 1e-6

    def _ask(self, features: Features) -> None:
        self._ran_s = features.t_s
        start_s = self._now_s() if self._now_s is not None else 0.0
        try:
            self._answer, self._seen = self._model.window(
                np.stack([points for _, points, _ in self._ticks]),
                np.array([t_s for t_s, _, _ in self._ticks]),
                np.stack([mask for _, _, mask in self._ticks]),
                size_px=(features.body.width_px, features.body.height_px),
                least_seen=STAYS_SEEN if self._answer else LEAST_SEEN,
            )
        except Exception as error:  # noqa: BLE001 - the supervisor: a model may raise anything, and no session ends of it
            self._answer = {}
            self._failures += 1
            if self._failures >= FAILURES:
                self.given_up = f"failed {FAILURES} times in a row ({type(error).__name__})"
            return
        self._failures = 0
        took_s = self._now_s() - start_s if self._now_s is not None else 0.0
        self._slow = self._slow + 1 if took_s > self._form.stride_s else 0
        if self._slow >= SLOW_RUNS:
            self._answer = {}
            self.given_up = f"took longer than its stride of {self._form.stride_s:g} s {SLOW_RUNS} times in a row"

    def _signals(self) -> Iterator[Signal]:
        channels: dict[tuple[Group, str], list[tuple[Kind, float]]] = {}
        for kind, probability in self._answer.items():
            channels.setdefault((kind.group, kind.side), []).append((kind, probability))
        # Outputs that exclude each other add up; independent ones may all be true of the same movement.
        single = self._model.manifest.output.labels is Labels.SINGLE
        for (group, _), kinds in channels.items():
            shares = [probability for _, probability in kinds]
            activation = min(1.0, sum(shares)) if single else max(shares)
            if activation >= LEAST_TOLD:
                votes = tuple((kind.class_id, VOTES * share) for kind, share in kinds if share >= LEAST_TOLD / 5)
                yield Signal(group, Family.MODEL, kinds[0][0].side, activation, votes, quality=self._seen)


class FallbackScorer:
    """A model with rules behind it: they answer for what it does not know, does not see, or no longer answers.

    Both are told of every tick, so the rules are warm when they are needed.
    """

    def __init__(self, model: ModelScorer, rules: Sequence[Scorer]) -> None:
        """Ask `model` first, then `rules`."""
        self._model = model
        self._rules = tuple(rules)
        self.source = f"{model.source}+rules"
        self.digest = model.digest
        self.notice = model.notice

    @property
    def given_up(self) -> str | None:
        """Why the model is asked no more, None while it is."""
        return self._model.given_up

    def look(self, features: Features) -> Sight:
        """The model's signals, and the rules' for the rest.

        A group is blind where the rules say so: they look at the very landmarks, and where the model does not see,
        they answer in its place.
        """
        model = self._model.look(features)
        answered = self._model.groups - model.blind.keys()
        sights = [scorer.look(features) for scorer in self._rules]
        blind = {group: reason for sight in sights for group, reason in sight.blind.items()}
        signals = [*model.signals]
        for sight in sights:
            for signal in sight.signals:
                left = self._left_over(signal) if signal.group in answered else signal
                if left is not None:
                    signals.append(left)
        return Sight(tuple(signals), blind)

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        for scorer in (self._model, *self._rules):
            scorer.reset()

    def _left_over(self, signal: Signal) -> Signal | None:
        """What a rule says beyond the model's classes; a movement that is mostly theirs is left to the model."""
        votes = tuple((class_id, votes) for class_id, votes in signal.votes if class_id not in self._model.classes)
        total = sum(votes for _, votes in signal.votes)
        if not votes or total <= 0.0:
            return None
        share = sum(vote for _, vote in votes) / total
        return replace(signal, activation=signal.activation * share, votes=votes)


def with_fallback(model: ModelScorer, rules: Sequence[Scorer]) -> FallbackScorer:
    """The model in front, the rules behind it, as one scorer."""
    return FallbackScorer(model, rules)
