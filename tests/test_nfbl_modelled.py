"""A skeleton model in the place of the rules: its signals, and who answers when it fails."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from buffers.records import Group, NfblEvent, Phase
from configs.rules import rules
from streams.nfbl.features.types import Features
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Side
from streams.nfbl.segments.segmenter import Segmenter
from streams.nfbl.signals import Family, Sight, Signal
from streams.nfbl.skeletons.model import SkeletonModel
from streams.nfbl.skeletons.scorer import FAILURES, SLOW_RUNS, FallbackScorer, ModelScorer
from streams.nfbl.skeletons.windows import GAP_S
from tests.made_skeleton import RATE_HZ, fake_model, made_model, tick, ticks

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path: Path) -> SkeletonModel:
    return SkeletonModel.load(made_model(tmp_path / "tiny"))


def test_a_scorer_follows_the_model_and_repeats_it_between_strides(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    sights = [scorer.look(features) for features in ticks(3.0, up_from_s=1.0)]
    assert sights[0].blind == {Group.HEAD: "too little of the body seen", Group.ARMS: "too little of the body seen"}
    assert sights[9] == Sight()
    last = sights[-1].signals
    assert [(one.group, one.family, one.side) for one in last] == [(Group.HEAD, Family.MODEL, Side.RIGHT)]
    assert last[0].activation > 0.99
    assert last[0].votes[0][0] == "N3"
    assert last[0].votes[0][1] == pytest.approx(10 * last[0].activation)
    assert last[0].quality == 1.0
    changes = [n for n in range(1, 31) if sights[n] != sights[n - 1]]
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(changes))


def test_a_window_ends_where_the_body_was_looked_at(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    sight = Sight()
    for number in range(30):
        sight = scorer.look(tick(number / 10, looked_at=number % 2 == 0))
    assert sight.signals[0].activation > 0.99
    assert sight.signals[0].quality == 1.0


def test_the_same_ticks_make_the_same_signals(model: SkeletonModel) -> None:
    first, second = (ModelScorer(model, rules()) for _ in range(2))
    assert [first.look(one) for one in ticks(2.0, up_from_s=1.0)] == [
        second.look(one) for one in ticks(2.0, up_from_s=1.0)
    ]


def test_a_hole_or_a_reset_forgets_the_window(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    assert [scorer.look(one) for one in ticks(2.0)][-1].signals
    assert scorer.look(tick(9.0)).signals == ()
    assert [scorer.look(tick(9.1 + n / 10)) for n in range(20)][-1].signals
    scorer.reset()
    assert scorer.look(tick(11.1)).signals == ()


def test_memory_does_not_grow(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    for features in ticks(20.0):
        scorer.look(features)
    assert len(scorer._ticks) <= (model.manifest.input.window_s + GAP_S) * RATE_HZ + 2


TOUCH = Signal(Group.HEAD, Family.TOUCH, Side.RIGHT, 1.0, (("N3", 3.0), ("N34", 1.0)))
SHRUG = Signal(Group.POSTURE, Family.SHRUG, Side.BOTH, 0.8, (("N30", 1.0),))


class StubRules:
    """Always says the same."""

    def __init__(self) -> None:
        self.resets = 0

    def look(self, features: Features) -> Sight:
        return Sight((TOUCH, SHRUG), {Group.HANDS: "out of view"})

    def reset(self) -> None:
        self.resets += 1


def test_rules_answer_for_what_the_model_does_not_know_or_see(model: SkeletonModel) -> None:
    stub = StubRules()
    scorer = FallbackScorer(ModelScorer(model, rules()), [stub])
    sights = [scorer.look(features) for features in ticks(3.0)]
    assert sights[0] == Sight((TOUCH, SHRUG), {Group.HANDS: "out of view"})
    families = {signal.family: signal for signal in sights[-1].signals}
    assert set(families) == {Family.MODEL, Family.TOUCH, Family.SHRUG}
    assert families[Family.SHRUG] == SHRUG
    # A touch that is N3 three to one is the model's to tell; what is left of it opens nothing.
    assert families[Family.TOUCH].votes == (("N34", 1.0),)
    assert families[Family.TOUCH].activation == 0.25
    assert sights[-1].blind == {Group.HANDS: "out of view"}
    scorer.reset()
    assert stub.resets == 1


def test_a_model_that_fails_again_and_again_is_given_up_and_the_rules_go_on() -> None:
    scorer = FallbackScorer(ModelScorer(fake_model(RuntimeError("no")), rules()), [StubRules()])
    for number, features in enumerate(ticks(3.0)):
        assert scorer.look(features).signals == (TOUCH, SHRUG)
        if number < 5:
            assert scorer.given_up is None
    assert scorer.given_up == f"failed {FAILURES} times in a row (RuntimeError)"


def test_numbers_that_are_none_count_as_failures() -> None:
    numbers = np.zeros(3, np.float32)
    scorer = ModelScorer(fake_model(numbers), rules())
    assert [scorer.look(one) for one in ticks(1.0)][-1].signals
    numbers[0] = np.nan
    for number in range(20):
        scorer.look(tick(1.1 + number / 10))
    assert scorer.given_up == f"failed {FAILURES} times in a row (ModelUnavailable)"


@pytest.mark.parametrize(("takes_s", "kept"), [(0.19, True), (0.21, False)])
def test_a_model_slower_than_its_stride_is_given_up(model: SkeletonModel, takes_s: float, kept: bool) -> None:
    times = (number * takes_s for number in range(1000))
    scorer = ModelScorer(model, rules(), now_s=lambda: next(times))
    sights = [scorer.look(features) for features in ticks(3.0)]
    assert bool(sights[-1].signals) == kept
    assert (scorer.given_up is None) == kept
    if not kept:
        assert scorer.given_up == f"took longer than its stride of 0.2 s {SLOW_RUNS} times in a row"


def test_a_raised_wrist_becomes_one_event_of_the_model_whatever_the_rate(model: SkeletonModel) -> None:
    for rate_hz in (10.0, 15.0, 30.0):
        scorer = FallbackScorer(ModelScorer(model, rules()), [])
        segmenter = Segmenter(rules().segments, source=scorer.source)
        reports: list[Report] = []
        for number in range(round(8 * rate_hz)):
            t_s = number / rate_hz
            sight = scorer.look(tick(t_s, up=float(2.0 <= t_s < 5.0)))
            reports += segmenter.step(t_s, sight.signals, None)
        reports += segmenter.finish(8.0)
        events = [report.item for report in reports if isinstance(report.item, NfblEvent)]
        assert [(event.id, event.phase) for event in events] == [("e1", Phase.OPEN), ("e1", Phase.CLOSE)]
        last = events[-1]
        assert (last.class_id, last.group, last.side, last.source) == ("N3", Group.HEAD, "right", "model:tiny+rules")
        # The model sees a window of 0.7 s that must be half full of it, every 0.2 s.
        assert last.start_s == pytest.approx(2.3, abs=0.31)
        assert last.end_s == pytest.approx(5.3, abs=0.5)
