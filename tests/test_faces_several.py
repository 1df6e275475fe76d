"""Several detectors looking side by side, and one that adds evidence: the same frames out, none of them plain."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import cast

import pytest

from buffers.picture import Picture
from buffers.records import MaskState, Track
from configs.settings import DetectorName, FaceSettings, MaskStyle
from streams.deidentify.detectors.base import Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.guard import MAX_REBUILDS
from streams.media import RawGap, SourceInfo
from streams.pipeline import Pipeline
from streams.sources.base import Source
from tests.made_faces import CANARY, FAILURES, Looking, Reply, frame, look, missed, released_by

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("style", list(MaskStyle))
def test_three_detectors_side_by_side_release_what_one_releases(style: MaskStyle) -> None:
    frames = [frame(place, None if place % 11 == 10 else 20 + place) for place in range(40)]
    faces = FaceSettings(mask=style)
    alone = released_by(FaceDeidentifier(faces, Looking, seed=7), frames)
    together = released_by(FaceDeidentifier(faces, Looking, seed=7, detectors=3), frames)
    assert [clean.index for clean in together] == list(range(40))
    for a, b in zip(alone, together, strict=True):
        assert (a.state, a.masked, a.t_s) == (b.state, b.masked, b.t_s)
        assert (a.picture.y == b.picture.y).all()
        assert (a.picture.u == b.picture.u).all()
        assert (a.picture.v == b.picture.v).all()


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_one_among_several_detectors_never_lets_a_plain_frame_out(failure: Reply) -> None:
    made = iter([Looking(), Looking(failure), Looking()])
    deidentifier = FaceDeidentifier(FaceSettings(stale_frames=1), lambda: next(made), detectors=3)
    out = released_by(deidentifier, [frame(place, 30) for place in range(24)])
    assert [clean.state for clean in out[1::3]] == [MaskState.WHOLE_FRAME] * 8
    assert {clean.state for clean in out[::3]} == {MaskState.MASKED}
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY
    assert deidentifier.counts.detector_failures == 8


def test_a_hanging_one_among_several_detectors_never_lets_a_plain_frame_out() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return []

    made = iter([Looking(), Looking(hang), Looking(), *(Looking(hang) for _ in range(MAX_REBUILDS))])
    deidentifier = FaceDeidentifier(FaceSettings(detector_timeout_s=0.2), lambda: next(made), detectors=3)
    out = released_by(deidentifier, [frame(place, 30) for place in range(24)])
    release.set()
    assert [clean.index for clean in out] == list(range(24))
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY
    assert {clean.state for clean in out} == {MaskState.MASKED, MaskState.HELD}


@pytest.mark.parametrize("end", ["flush", "gap", "size"])
def test_open_questions_are_answered_before_a_new_beginning(end: str) -> None:
    deidentifier = FaceDeidentifier(FaceSettings(), Looking, detectors=3)
    out = [clean for place in range(5) for clean in deidentifier.push(frame(place, 30))]
    assert out == []
    assert deidentifier.holding
    if end == "flush":
        out = deidentifier.flush()
    elif end == "gap":
        out = deidentifier.gap(RawGap(Track.VIDEO, 0.2, 9.0, "lost"))
    else:
        out = [clean for place in range(5, 9) for clean in deidentifier.push(frame(place, 30, size=(64, 48)))]
        out += deidentifier.flush()
    assert [clean.index for clean in out[:5]] == list(range(5))
    assert all(clean.state is MaskState.MASKED and clean.picture.y.max() < CANARY for clean in out)
    assert not deidentifier.holding
    deidentifier.close()


def test_closing_with_open_questions_releases_nothing_and_lets_all_detectors_go() -> None:
    made: list[Looking] = []

    def make() -> Looking:
        made.append(Looking())
        return made[-1]

    deidentifier = FaceDeidentifier(
        FaceSettings(lookback_s=0.0, evidence=DetectorName.MMOD), make, make_evidence=make, detectors=3
    )
    for place in range(4):
        deidentifier.push(frame(place, 30))
    deidentifier.close()
    assert not deidentifier.holding
    assert deidentifier.flush() == []
    assert len(made) == 4
    assert all(detector.closed.wait(10) for detector in made)


WITH_EVIDENCE = FaceSettings(evidence=DetectorName.MMOD, evidence_every=5)


@pytest.mark.parametrize("detectors", [1, 3])
def test_evidence_looks_at_every_nth_frame_and_masks_what_the_first_detector_misses(detectors: int) -> None:
    second = Looking()
    deidentifier = FaceDeidentifier(
        WITH_EVIDENCE, lambda: Looking(missed), make_evidence=lambda: second, detectors=detectors
    )
    frames = [frame(place, 30) for place in range(31)]
    out = released_by(deidentifier, frames)
    assert second.seen == [each.picture for each in frames[::5]]
    assert [clean.state for clean in out[::5]] == [MaskState.MASKED] * 7
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY


def test_evidence_that_is_not_sure_is_not_believed() -> None:
    def unsure(picture: Picture) -> list[Detection]:
        return [Detection(item.box, 0.7) for item in look(picture)]

    deidentifier = FaceDeidentifier(WITH_EVIDENCE, lambda: Looking(missed), make_evidence=lambda: Looking(unsure))
    assert {clean.state for clean in released_by(deidentifier, [frame(0, 30)])} == {MaskState.CLEAR}


@pytest.mark.parametrize("failure", FAILURES)
def test_evidence_that_fails_is_counted_and_changes_nothing(failure: Reply) -> None:
    frames = [frame(place, 30 if place < 10 else None) for place in range(40)]
    alone = released_by(FaceDeidentifier(FaceSettings(), Looking, seed=7), frames)
    deidentifier = FaceDeidentifier(WITH_EVIDENCE, Looking, make_evidence=lambda: Looking(failure), seed=7)
    out = released_by(deidentifier, frames)
    assert [(clean.state, clean.masked) for clean in out] == [(clean.state, clean.masked) for clean in alone]
    assert (deidentifier.counts.detector_failures, deidentifier.counts.evidence_failures) == (0, 8)


def test_evidence_that_fails_is_told_to_the_user() -> None:
    def failing(picture: Picture) -> list[Detection]:
        raise RuntimeError("out of order")

    faces = FaceDeidentifier(WITH_EVIDENCE, Looking, make_evidence=lambda: Looking(failing))
    released_by(faces, [frame(place, 30) for place in range(6)])
    source = SimpleNamespace(info=SourceInfo(name="made", tracks=(), duration_s=None))
    (notice,) = Pipeline(cast(Source, source), faces, None).notices
    assert "said nothing of 2 frames" in notice


def test_evidence_that_hangs_does_not_blind_the_first_detector() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return []

    faces = WITH_EVIDENCE.model_copy(update={"detector_timeout_s": 0.2})
    deidentifier = FaceDeidentifier(faces, Looking, make_evidence=lambda: Looking(hang))
    out = released_by(deidentifier, [frame(place, 30) for place in range(40)])
    release.set()
    assert {clean.state for clean in out} == {MaskState.MASKED}
    assert deidentifier.counts.evidence_failures == 8
