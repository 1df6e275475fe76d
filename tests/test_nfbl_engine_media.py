from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from buffers.picture import fit_within
from buffers.records import Box, FeedState
from configs.errors import ModelUnavailable
from configs.settings import DetectorName
from streams.clock import monotonic_s
from streams.deidentify.detectors import DETECTORS
from streams.media import RawFrame
from streams.models.cache import FOLDER_VARIABLE, model_path
from streams.nfbl.engine.host import Changed, EngineHost
from streams.nfbl.engine.process import spawner
from streams.nfbl.engine.tasks import MIRROR, MODELS, MediaPipeEngine, media_pipe_engine
from streams.nfbl.landmarks import Body, Side, View
from streams.sources.file import FileSource
from tests.made_engine import eventually

pytestmark = pytest.mark.media

LEFT_WRIST, RIGHT_WRIST = 15, 16
SHOULDERS = (11, 12)


def views_of(path: Path, count: int, *, from_s: float = 0.0) -> list[View]:
    """Views of a clip at 10 Hz from a time on, body every second time."""
    detector = DETECTORS[DetectorName.CENTERFACE]()
    source = FileSource(path)
    views: list[View] = []
    for item in source.items():
        if not isinstance(item, RawFrame) or item.t_s < from_s + len(views) / 10:
            continue
        picture = item.picture
        face: Box | None = next((found.box for found in detector.detect(picture) if found.score >= 0.5), None)
        small = picture.resized(*fit_within(picture.width_px, picture.height_px, 640))
        scale = picture.width_px / small.width_px
        views.append(
            View(
                item.t_s,
                small,
                0.0,
                0.0,
                scale,
                picture.width_px,
                picture.height_px,
                person=1,
                face=face,
                pose=len(views) % 2 == 0,
                fresh=not views,
            )
        )
        if len(views) == count:
            break
    source.close()
    return views


@pytest.fixture(scope="module")
def hands_views(media_dir: Path) -> list[View]:
    return views_of(media_dir / "video" / "liveportrait_s20.mp4", 12, from_s=4.0)


@pytest.fixture
def engine() -> Iterator[MediaPipeEngine]:
    try:
        made = media_pipe_engine(mirrored=False)
    except ModelUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


def same(one: Body, other: Body) -> bool:
    """Whether two bodies are equal to the last bit."""
    arrays = [(one.pose, other.pose), (one.mesh, other.mesh)]
    arrays += [(mine.points, theirs.points) for mine, theirs in zip(one.hands, other.hands, strict=True)]
    plain = [
        (body.t_s, body.looked_at, body.mesh_score, [(h.side, h.score) for h in body.hands]) for body in (one, other)
    ]
    return plain[0] == plain[1] and all(
        mine is theirs if mine is None or theirs is None else mine.tobytes() == theirs.tobytes()
        for mine, theirs in arrays
    )


def test_a_woman_with_both_hands_before_her_is_seen_whole(engine: MediaPipeEngine, hands_views: list[View]) -> None:
    bodies = [engine.landmarks(view) for view in hands_views]
    for view, body in zip(hands_views, bodies, strict=True):
        assert body.looked_at == view.pose == (body.pose is not None)
        assert {hand.side for hand in body.hands} == {Side.LEFT, Side.RIGHT}
        assert view.face is not None
        assert body.mesh is not None
        assert body.mesh_score > 0.9
        middle = body.mesh.mean(axis=0)
        assert view.face.x0 < middle[0] < view.face.x1
        assert view.face.y0 < middle[1] < view.face.y1
        if body.pose is None:
            continue
        for hand in body.hands:
            wrist, other = (LEFT_WRIST, RIGHT_WRIST) if hand.side is Side.LEFT else (RIGHT_WRIST, LEFT_WRIST)
            away = [float(np.hypot(*(hand.points[0] - body.pose[point, :2]))) for point in (wrist, other)]
            assert away[0] < away[1]
            assert away[0] < 0.1 * view.frame_width_px


def test_a_crop_gives_the_same_places_in_the_frame(engine: MediaPipeEngine, hands_views: list[View]) -> None:
    whole = hands_views[0]
    top, left = 100, 20
    rgb = whole.picture.to_rgb()[top:, left:]
    crop = dataclasses.replace(
        whole,
        picture=type(whole.picture).from_rgb(np.ascontiguousarray(rgb)),
        x0=whole.x0 + left * whole.scale,
        y0=whole.y0 + top * whole.scale,
    )
    seen = engine.landmarks(whole)
    seen_in_crop = engine.landmarks(crop)
    assert seen.mesh is not None
    assert seen_in_crop.mesh is not None
    assert seen.pose is not None
    assert seen_in_crop.pose is not None
    assert np.median(np.abs(seen.mesh - seen_in_crop.mesh)) < 3
    # Shoulders: the rest of a pose hangs on what else is in the picture.
    assert np.abs(seen.pose[list(SHOULDERS), :2] - seen_in_crop.pose[list(SHOULDERS), :2]).max() < 20


def test_a_mirrored_picture_changes_left_and_right_back(hands_views: list[View], engine: MediaPipeEngine) -> None:
    straight = engine.landmarks(hands_views[0])
    selfie = media_pipe_engine(mirrored=True)
    turned = dataclasses.replace(
        hands_views[0],
        picture=type(hands_views[0].picture).from_rgb(np.ascontiguousarray(hands_views[0].picture.to_rgb()[:, ::-1])),
        face=None,
    )
    mirrored = selfie.landmarks(turned)
    selfie.close()
    width = hands_views[0].frame_width_px
    assert straight.pose is not None
    assert mirrored.pose is not None
    assert np.abs(straight.pose[list(SHOULDERS), 0] - (width - mirrored.pose[list(SHOULDERS), 0])).max() < 20
    roots = [{hand.side: hand.points[0] for hand in body.hands} for body in (straight, mirrored)]
    for side in (Side.LEFT, Side.RIGHT):
        assert abs(roots[0][side][0] - (width - roots[1][side][0])) < 40


def test_the_other_side_of_the_other_side_is_the_same() -> None:
    assert MIRROR[MIRROR].tolist() == list(range(33))
    assert MIRROR[[0, 11, 15, 23]].tolist() == [0, 12, 16, 24]


def test_equal_views_make_equal_bodies_and_a_fresh_view_remembers_nothing(
    engine: MediaPipeEngine, hands_views: list[View]
) -> None:
    first = [engine.landmarks(view) for view in hands_views]
    again = [engine.landmarks(view) for view in hands_views]
    other = media_pipe_engine(mirrored=False)
    anew = [other.landmarks(view) for view in hands_views]
    other.close()
    assert all(map(same, first, again))
    assert all(map(same, first, anew))


def test_nobody_is_seen_where_nobody_is(engine: MediaPipeEngine, media_dir: Path) -> None:
    for view in views_of(media_dir / "video" / "autoeditor_example.mp4", 4):
        body = engine.landmarks(view)
        assert (body.pose, body.hands, body.mesh, body.mesh_score) == (None, (), None, 0.0)


@pytest.mark.parametrize("wrong", range(3))
def test_a_file_that_is_no_network_is_unavailable(engine: MediaPipeEngine, tmp_path: Path, wrong: int) -> None:
    paths = [model_path(name) for name in MODELS]
    paths[wrong] = tmp_path / "broken"
    paths[wrong].write_bytes(b"not a network")
    with pytest.raises(ModelUnavailable, match="broken cannot be loaded: fetch the models again"):
        MediaPipeEngine(*paths, mirrored=False)


def test_without_the_package_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'emotion-monitor\[nfbl\]'"):
        MediaPipeEngine(tmp_path, tmp_path, tmp_path, mirrored=False)


@pytest.mark.usefixtures("engine")
def test_the_process_says_the_same_and_comes_back_when_it_is_killed(hands_views: list[View]) -> None:
    others = set(psutil.Process().children())
    host = EngineHost(spawner(mirrored=False, niceness=5), live=False)
    try:
        host.wait_ready()
        for view in hands_views[:4]:
            host.submit(view)
        answers = host.collect(hands_views[3].t_s)
        assert isinstance(answers[0], Changed)
        alone = media_pipe_engine(mirrored=False)
        for view, body in zip(hands_views[:4], answers[1:], strict=True):
            assert isinstance(body, Body)
            assert same(body, alone.landmarks(view))
        alone.close()
        (child,) = set(psutil.Process().children()) - others
        assert child.nice() == psutil.Process().nice() + 5
        killed_s = monotonic_s()
        os.kill(child.pid, signal.SIGKILL)
        assert eventually(lambda: host.state[0] is FeedState.RESTARTING)
        assert monotonic_s() - killed_s < 2.0
        host.submit(hands_views[4])
        (*changes, body) = host.collect(float("inf"))
        assert [change.state for change in changes if isinstance(change, Changed)] == [
            FeedState.RESTARTING,
            FeedState.LIVE,
        ]
        assert isinstance(body, Body)
        assert body.mesh is not None
    finally:
        host.close()


def test_a_process_without_models_says_which_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    host = EngineHost(spawner(mirrored=False, niceness=0), live=True)
    with pytest.raises(ModelUnavailable, match=r"pose\.task is missing: run `emotion-monitor models fetch pose`"):
        host.wait_ready()
    assert host.state[0] is FeedState.OFF
    host.close()
