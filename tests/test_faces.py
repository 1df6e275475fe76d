"""The face de-identifier with detectors that fail in every way: what comes out never shows what went in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box, CleanFrame, MaskState, Track
from configs.errors import DeidentificationFailed, ModelUnavailable
from configs.settings import FaceSettings, MaskStyle
from streams.deidentify import guard
from streams.deidentify.detectors.base import Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.guard import MAX_REBUILDS, RECOVERED_AFTER, GuardedDetector
from streams.media import RawFrame, RawGap
from tests.made_faces import CANARY, FAILURES, HEIGHT, WIDTH, Looking, Reply, broken, frame, look, missed, not_a_number

pytestmark = pytest.mark.unit


class Scripted:
    """A detector that replies as the script says, then perfectly; rebuilt ones go on with the same script."""

    name = "scripted"

    def __init__(self, script: Iterator[Reply]) -> None:
        self._script = script
        self.closed = threading.Event()

    def detect(self, picture: Picture) -> list[Detection]:
        return next(self._script, look)(picture)

    def close(self) -> None:
        self.closed.set()


def script_of(replies: Sequence[Reply]) -> Callable[[], Scripted]:
    """Makes detectors that go through one script together."""
    script = iter(replies)
    return lambda: Scripted(script)


def run(replies: Sequence[Reply], frames: list[RawFrame], faces: FaceSettings | None = None) -> list[CleanFrame]:
    script = iter(replies)
    deidentifier = FaceDeidentifier(faces or FaceSettings(), lambda: Scripted(script), seed=7)
    out = [clean for each in frames for clean in deidentifier.push(each)]
    out += deidentifier.flush()
    deidentifier.close()
    return out


def test_every_frame_comes_out_once_in_order_after_the_look_back() -> None:
    deidentifier = FaceDeidentifier(FaceSettings(), lambda: Scripted(iter(())))
    out = [deidentifier.push(frame(place)) for place in range(20)]
    assert [len(each) for each in out] == [0] * 15 + [1] * 5
    rest = deidentifier.flush()
    assert [clean.index for each in out for clean in each] + [clean.index for clean in rest] == list(range(20))
    assert [clean.t_s for clean in rest] == [place / 30 for place in range(5, 20)]
    counts = deidentifier.counts
    assert (counts.frames, counts.whole_frames, counts.detector_failures, counts.faces) == (20, 0, 0, 1)
    deidentifier.close()


def test_nothing_of_a_face_survives_in_what_is_released() -> None:
    for clean in run([], [frame(place, 20 + place) for place in range(30)]):
        assert clean.state is MaskState.MASKED
        assert clean.picture.y.max() < CANARY


def test_released_planes_share_no_memory_with_raw_ones() -> None:
    frames = [frame(place, None) for place in range(3)]
    for raw, clean in zip(frames, run([], frames), strict=True):
        assert clean.state is MaskState.CLEAR
        for before, now in zip(
            (raw.picture.y, raw.picture.u, raw.picture.v),
            (clean.picture.y, clean.picture.u, clean.picture.v),
            strict=True,
        ):
            assert not np.shares_memory(before, now)
            assert (before == now).all()


@pytest.mark.parametrize("failure", FAILURES)
def test_every_kind_of_failure_counts_as_not_having_looked(failure: Reply) -> None:
    out = run([look] * 5 + [failure] * 3 + [look] * 5 + [failure] * 9, [frame(place, 30) for place in range(30)])
    states = [clean.state for clean in out]
    assert states[5:8] == [MaskState.HELD] * 3
    assert states[13:22] == [MaskState.WHOLE_FRAME] * 9
    assert states[22:] == [MaskState.MASKED] * 8
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY


def test_before_the_first_answer_whole_frames_are_hidden() -> None:
    out = run([broken] * 2, [frame(place, None) for place in range(4)])
    assert [clean.state for clean in out] == [MaskState.WHOLE_FRAME] * 2 + [MaskState.CLEAR] * 2
    assert [mask.box for mask in out[0].masked] == [Box(0, 0, WIDTH, HEIGHT)]


def test_a_detector_that_hangs_is_replaced_three_times_and_then_nothing_is_shown() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return []

    built: list[Scripted] = []
    script = iter([look, *[hang] * (MAX_REBUILDS + 1)])

    def make() -> Scripted:
        built.append(Scripted(script))
        return built[-1]

    deidentifier = FaceDeidentifier(FaceSettings(detector_timeout_s=0.25), make)
    out = [clean for place in range(20) for clean in deidentifier.push(frame(place, 30))] + deidentifier.flush()
    release.set()
    deidentifier.close()
    assert len(built) == 1 + MAX_REBUILDS
    assert [clean.state for clean in out] == [MaskState.MASKED] + [MaskState.WHOLE_FRAME] * 19
    assert deidentifier.counts.detector_failures == 19
    assert all(detector.closed.wait(10) for detector in built)


def test_after_one_hang_the_new_detector_carries_on() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return look(picture)

    out = run([look, hang], [frame(place, 30) for place in range(6)], FaceSettings(detector_timeout_s=0.5))
    release.set()
    assert [clean.state for clean in out] == [MaskState.MASKED, MaskState.HELD] + [MaskState.MASKED] * 4
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY


def test_the_end_waits_for_a_detector_that_is_still_at_work_but_not_for_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, release = threading.Event(), threading.Event()

    def work(picture: Picture) -> list[Detection]:
        started.set()
        release.wait(60)
        return []

    monkeypatch.setattr(guard, "FAREWELL_S", 60.0)
    detector = Scripted(iter([work]))
    guarded = GuardedDetector(lambda: detector, timeout_s=60)
    guarded.submit(frame(0, 30).picture)
    assert started.wait(10)
    threading.Timer(0.05, release.set).start()
    guarded.close()
    assert detector.closed.is_set()

    monkeypatch.setattr(guard, "FAREWELL_S", 0.01)
    started.clear()
    release.clear()
    hanging = Scripted(iter([work]))
    guarded = GuardedDetector(lambda: hanging, timeout_s=60)
    guarded.submit(frame(0, 30).picture)
    assert started.wait(10)
    guarded.close()
    assert not hanging.closed.is_set()
    release.set()
    assert hanging.closed.wait(10)


def test_a_machine_that_sleeps_now_and_then_keeps_its_detector() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return look(picture)

    naps = MAX_REBUILDS + 3
    replies = [reply for _ in range(naps) for reply in (hang, *[look] * RECOVERED_AFTER)]
    frames = [frame(place % 250, 30) for place in range(len(replies))]
    guarded = GuardedDetector(script_of(replies), timeout_s=0.2)
    answers = []
    for each in frames:
        guarded.submit(each.picture)
        answers.append(guarded.collect())
    release.set()
    guarded.close()
    assert guarded.failures == answers.count(None) == naps


def test_a_detector_that_cannot_be_built_ends_the_session_with_the_reason() -> None:
    def make() -> Scripted:
        raise ModelUnavailable("model file x is missing: run fetch")

    with pytest.raises(DeidentificationFailed, match="model file x is missing: run fetch"):
        FaceDeidentifier(FaceSettings(), make)


def test_a_detector_that_cannot_be_built_again_leaves_whole_frames() -> None:
    release = threading.Event()

    def hang(picture: Picture) -> list[Detection]:
        release.wait(60)
        return []

    made: list[Scripted] = []

    def make() -> Scripted:
        if made:
            raise RuntimeError("no memory")
        made.append(Scripted(iter([look, hang])))
        return made[0]

    deidentifier = FaceDeidentifier(FaceSettings(detector_timeout_s=0.25), make)
    out = [clean for place in range(10) for clean in deidentifier.push(frame(place, 30))] + deidentifier.flush()
    release.set()
    deidentifier.close()
    assert [clean.state for clean in out] == [MaskState.MASKED] + [MaskState.WHOLE_FRAME] * 9


def test_a_closed_deidentifier_shows_nothing() -> None:
    deidentifier = FaceDeidentifier(FaceSettings(lookback_s=0.0), lambda: Scripted(iter(())))
    deidentifier.close()
    deidentifier.close()
    (clean,) = deidentifier.push(frame(0))
    assert clean.state is MaskState.WHOLE_FRAME


def test_a_long_hole_releases_what_waits_and_starts_anew() -> None:
    deidentifier = FaceDeidentifier(FaceSettings(), lambda: Scripted(iter([look] * 5 + [broken])))
    for place in range(5):
        assert deidentifier.push(frame(place)) == []
    assert deidentifier.gap(RawGap(Track.AUDIO, 0.2, 9.0, "lost")) == []
    assert deidentifier.gap(RawGap(Track.VIDEO, 0.2, 0.3, "late")) == []
    assert len(deidentifier.gap(RawGap(Track.VIDEO, 0.2, 9.0, "lost"))) == 5
    deidentifier.push(frame(270))
    (clean,) = deidentifier.flush()
    assert clean.state is MaskState.WHOLE_FRAME
    deidentifier.close()


@pytest.mark.parametrize("odd", [frame(300), frame(2), frame(5, size=(64, 48))])
def test_time_that_jumps_and_a_new_picture_size_start_anew(odd: RawFrame) -> None:
    deidentifier = FaceDeidentifier(FaceSettings(), lambda: Scripted(iter(())))
    for place in range(5):
        deidentifier.push(frame(place))
    assert len(deidentifier.push(odd)) == 5
    (clean,) = deidentifier.flush()
    assert clean.picture.y.shape == odd.picture.y.shape
    assert clean.picture.y.max() < CANARY
    assert deidentifier.counts.faces == 2
    deidentifier.close()


def test_dropped_frames_do_not_shorten_hold_or_look_back() -> None:
    frames = [frame(place, 30) for place in (0, 3, 7, 8, 12, 14, 20, 29, 30)]
    out = run([missed] * 3 + [look] + [missed] * 5, frames)
    held = [clean.index for clean in out if clean.masked]
    assert held == [0, 3, 7, 8, 12, 14, 20]


@pytest.mark.parametrize("style", list(MaskStyle))
def test_the_same_frames_give_the_same_output(style: MaskStyle) -> None:
    frames = [frame(place, 20 + place) for place in range(25)]
    script: Sequence[Reply] = [look] * 4 + [broken] * 2 + [look] * 3 + [broken] * 7
    first, second = (run(script, frames, FaceSettings(mask=style)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.state, a.masked) == (b.state, b.masked)
        assert (a.picture.y == b.picture.y).all()
        assert (a.picture.u == b.picture.u).all()


bursts = st.lists(st.tuples(st.sampled_from([look, *FAILURES]), st.integers(1, 9)), max_size=10)


@settings(max_examples=40, deadline=None)
@given(bursts, st.integers(0, 1), st.sampled_from([15.0, 29.97, 60.0]))
def test_whatever_fails_and_when_no_canary_is_released(
    script: list[tuple[Reply, int]], speed_px: int, rate_hz: float
) -> None:
    replies = [reply for reply, length in script for _ in range(length)]
    frames = [frame(place, (20 + speed_px * place) % 60, rate_hz=rate_hz) for place in range(38)]
    out = run(replies, frames)
    assert [clean.index for clean in out] == list(range(38))
    assert max(int(clean.picture.y.max()) for clean in out) < CANARY


def pixel(picture: Picture) -> list[Detection]:
    return [*look(picture), Detection(Box(5, 5, 6, 6), 0.9), Detection(Box(7, 7, 7, 7), 0.9)]


def outside(picture: Picture) -> list[Detection]:
    return [*look(picture), Detection(Box(-300, -200, -260, -150), 0.9), Detection(Box(150, 90, 190, 130), 0.9)]


def crowd(picture: Picture) -> list[Detection]:
    return look(picture) + [Detection(Box(x, y, x + 4, y + 5), 0.6) for x in range(0, 80, 4) for y in range(0, 50, 5)]


@pytest.mark.parametrize("style", list(MaskStyle))
@pytest.mark.parametrize("odd", [pixel, outside, crowd, not_a_number])
def test_odd_boxes_break_nothing_and_show_nothing(odd: Reply, style: MaskStyle) -> None:
    out = run([odd] * 20, [frame(place, 30) for place in range(20)], FaceSettings(mask=style))
    assert len(out) == 20
    expected = MaskState.WHOLE_FRAME if odd is not_a_number else MaskState.MASKED
    assert {clean.state for clean in out} >= {expected}
    if style is MaskStyle.SOLID:
        assert max(int(clean.picture.y.max()) for clean in out) < CANARY


def test_a_long_silence_that_is_told_in_pieces_holds_nothing_back() -> None:
    faces = FaceDeidentifier(FaceSettings(hold_s=2.0, link_s=2.0), Looking)
    for place in range(5):
        faces.push(frame(place, 30))
    released = []
    for piece in range(4):
        released += faces.gap(RawGap(Track.VIDEO, 0.2 + piece, 1.2 + piece, "connection lost"))
    assert len(released) == 5
    assert not faces.holding
    faces.close()
