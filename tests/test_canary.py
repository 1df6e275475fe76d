"""A pattern planted in raw pictures and raw sound must be found nowhere but in the source file."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from buffers.evidence import Cadence, Evidence, EvidencePlan, Window
from buffers.picture import Picture
from buffers.records import Box
from configs.settings import DetectorName
from monitor.session.session import Session
from streams.deidentify.detectors import DETECTORS, Detection
from streams.media import RawAudio, RawFrame
from streams.sources.live.post import Heard, Shown
from tests.sessions import plan, run

pytestmark = pytest.mark.media

WIDTH, HEIGHT, FRAMES, RATE = 320, 240, 150, 25
FACE = Box(112, 72, 208, 168)
SECONDS = FRAMES / RATE


class Sure:
    """A detector that always finds the planted face."""

    name = "sure"

    def detect(self, picture: Picture) -> list[Detection]:
        return [Detection(FACE, 0.95)]

    def close(self) -> None:
        return


class Faulty(Sure):
    """A detector that raises, returns NaN, or answers with a tiny weak box instead, at random."""

    name = "faulty"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def detect(self, picture: Picture) -> list[Detection]:
        match self._rng.integers(0, 6):
            case 0:
                raise RuntimeError("the network fell over")
            case 1:
                return [Detection(Box(float("nan"), 0.0, 10.0, 10.0), 0.9)]
            case _:
                return super().detect(picture)


class Hanging(Sure):
    """A detector that stops answering after a second of video."""

    name = "hanging"

    def __init__(self) -> None:
        self._left = RATE

    def detect(self, picture: Picture) -> list[Detection]:
        self._left -= 1
        if self._left < 0:
            raise TimeoutError("no answer from the accelerator")
        return super().detect(picture)


@pytest.fixture(scope="module")
def secret() -> NDArray[np.uint8]:
    """uint8[96, 96] of 6-pixel cells, black or white: survives any codec, resembles nothing."""
    cells = np.random.default_rng(11).integers(0, 2, (16, 16), dtype=np.uint8) * 219 + 16
    return np.kron(cells, np.ones((6, 6), np.uint8)).astype(np.uint8)


@pytest.fixture(scope="module")
def sound() -> NDArray[np.int16]:
    """int16[n] of noise in bursts, at 16 kHz."""
    rng = np.random.default_rng(12)
    bursts = np.repeat(rng.integers(0, 2, int(SECONDS * 4)), 4000)
    return (rng.uniform(-0.4, 0.4, len(bursts)) * bursts * 32767).astype(np.int16)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, secret: NDArray[np.uint8], sound: NDArray[np.int16]) -> Path:
    """A lossless recording that carries both."""
    path = tmp_path_factory.mktemp("canary") / "planted.mkv"
    luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
    luma[72:168, 112:208] = secret
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for n in range(FRAMES):
            frame = VideoFrame.from_ndarray(
                np.concatenate([luma.ravel(), grey.ravel(), grey.ravel()]).reshape(-1, WIDTH), "yuv420p"
            )
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            container.mux(video.encode(frame))
            block = AudioFrame.from_ndarray(sound[n * 640 : (n + 1) * 640].reshape(1, -1), "s16", "mono")
            block.sample_rate, block.pts, block.time_base = 16_000, n * 640, Fraction(1, 16_000)
            container.mux(audio.encode(block))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def traces(secret: NDArray[np.uint8], sound: NDArray[np.int16]) -> Iterator[bytes]:
    """Byte runs that would give the raw media away in whatever form they were written."""
    for row in secret[3::6]:
        yield row.tobytes()
    first = int(np.flatnonzero(sound)[0])
    for start in range(first, first + 800, 160):
        run_of = sound[start : start + 32]
        yield run_of.tobytes()
        yield (run_of / 32768).astype(np.float32).tobytes()
        yield (run_of / 32768).astype(np.float64).tobytes()


def alike(picture: NDArray[np.uint8], secret: NDArray[np.uint8]) -> float:
    """Correlation of uint8[HEIGHT, WIDTH] with the secret, in its place."""
    place = picture[72:168, 112:208].astype(float)
    return 0.0 if place.std() <= 1.0 else abs(float(np.corrcoef(place.ravel(), secret.ravel().astype(float))[0, 1]))


def seen(evidence: Evidence, secret: NDArray[np.uint8]) -> float:
    """Largest correlation of any kept frame with the secret."""
    worst = 0.0
    for frame in evidence.frames:
        image = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        worst = max(worst, alike(cv2.resize(image, (WIDTH, HEIGHT)).astype(np.uint8), secret))
    return worst


def found_in(places: dict[str, bytes], secret: NDArray[np.uint8], sound: NDArray[np.int16]) -> set[str]:
    """The places that hold a trace of the raw media."""
    return {name for name, data in places.items() for trace in traces(secret, sound) if trace in data}


@pytest.mark.parametrize("detector", [Sure, lambda: Faulty(1), lambda: Faulty(2), lambda: Faulty(3), Hanging])
def test_what_was_planted_is_found_nowhere_not_even_when_the_detector_fails(
    detector: type[Sure],
    models: None,
    planted: Path,
    secret: NDArray[np.uint8],
    sound: NDArray[np.int16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(cast(dict[DetectorName, type[Sure]], DETECTORS), DetectorName.CENTERFACE, detector)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    session = Session(plan(planted, tmp_path / "j.jsonl"))
    assert run(session) == 0

    evidence = session._horizon.evidence(Window(99, 0.0, SECONDS, Cadence.LOCAL), EvidencePlan(512, 8))
    assert len(evidence.frames) >= 4 * SECONDS - 1
    assert seen(evidence, secret) < 0.1

    kept = io.BytesIO()
    pickle.dump((evidence, session._board.snapshot()), kept)
    places = {"pickle": kept.getvalue(), "log": caplog.text.encode()}
    places |= {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"j.jsonl"} <= set(places)
    raw = planted.read_bytes()
    assert not found_in(places, secret, sound)
    assert any(trace in raw for trace in traces(secret, sound)), "the traces are in the source, or the test is blind"


@pytest.mark.parametrize("detector", [Sure, lambda: Faulty(1), Hanging])
def test_nothing_of_a_live_source_is_in_what_is_kept_and_recorded(
    detector: type[Sure],
    models: None,
    planted: Path,
    secret: NDArray[np.uint8],
    sound: NDArray[np.int16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(cast(dict[DetectorName, type[Sure]], DETECTORS), DetectorName.CENTERFACE, detector)
    caplog.set_level(logging.DEBUG)
    asked = plan(Path(f"loop:{planted}"), tmp_path / "j.jsonl", speed=1.0)
    session = Session(replace(asked, record=tmp_path / "clean.mkv", max_duration_s=SECONDS + 1.0))
    assert run(session) == 0

    evidence = session._horizon.evidence(Window(99, 0.0, 2 * SECONDS, Cadence.LOCAL), EvidencePlan(512, 8))
    assert len(evidence.frames) >= 2 * SECONDS
    assert seen(evidence, secret) < 0.1
    with av.open(str(tmp_path / "clean.mkv")) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(pictures) >= 2 * SECONDS
    assert max(alike(picture.astype(np.uint8), secret) for picture in pictures) < 0.1
    places = {"log": caplog.text.encode()}
    places |= {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"j.jsonl", "clean.mkv"} <= set(places)
    assert not found_in(places, secret, sound)


RAW = (
    RawFrame(0.0, 0, Picture.blank(8, 8)),
    RawAudio(0.0, np.zeros(8, np.float32)),
    Shown(0.0, Picture.blank(8, 8), None, None),
    Heard(0.0, np.zeros(8, np.float32), None, None, None),
)


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: type(raw).__name__)
def test_raw_media_refuse_to_be_pickled_and_do_not_show_their_content(raw: object) -> None:
    with pytest.raises(TypeError, match="raw media"):
        pickle.dumps(raw)
    assert "array" not in repr(raw)
