"""The drill on real video: a real detector that is killed and blinded at random, and no frame goes out unmasked.

*Unmasked* is a frame that is not hidden as a whole and in which less than 90 % of some face's box is masked. Faces are
those that the detector, before anybody meddles with it, is sure of in that very frame. Blinding it (it answers, and
says that nobody is there) is kept shorter than the hold, or nothing but a second detector could know.
"""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from buffers.picture import Picture
from buffers.records import Box, CleanFrame, MaskState
from configs.errors import ModelUnavailable
from configs.settings import DetectorName, FaceSettings
from streams.deidentify.detectors import DETECTORS, Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.media import RawFrame
from streams.sources.file import FileSource

pytestmark = pytest.mark.media

FRAMES = 40
RUNS = 20
LONGEST_BLIND = 10
COVERED = 0.9


@pytest.fixture(scope="module")
def shot(media_dir: Path) -> list[tuple[RawFrame, list[Detection]]]:
    """The first frames of a clip of one man, with what the real detector says of them."""
    try:
        detector = DETECTORS[DetectorName.CENTERFACE]()
    except ModelUnavailable as error:
        pytest.skip(str(error))
    source = FileSource(str(media_dir / "video" / "pyfeat_single_face.mp4"))
    frames = itertools.islice((item for item in source.items() if isinstance(item, RawFrame)), FRAMES)
    found = [(frame, detector.detect(frame.picture)) for frame in frames]
    source.close()
    return found


class Meddled:
    """The real detector's answers, as far as the script lets them through."""

    name = "meddled"

    def __init__(self, answers: dict[int, list[Detection]], script: Iterator[str], release: threading.Event) -> None:
        self._answers = answers
        self._script = script
        self._release = release

    def detect(self, picture: Picture) -> list[Detection]:
        event = next(self._script, "dead")
        if event == "hang":
            self._release.wait(60)
        if event in {"raise", "dead", "hang"}:
            raise RuntimeError(event)
        if event == "nan":
            return [Detection(Box(math.nan, 0, 9, 9), 0.9)]
        return [] if event == "blind" else self._answers[id(picture)]

    def close(self) -> None:
        pass


def script(seed: int) -> list[str]:
    """What happens in each frame: honest frames between bursts of failures, and in every third run a death."""
    rng = random.Random(seed)
    events: list[str] = []
    hangs = 0
    while len(events) < FRAMES:
        kind = rng.choice(["raise", "nan", "blind", "hang", "raise"])
        if kind == "hang" and hangs < 2:
            hangs += 1
            events.append(kind)
        elif kind != "hang":
            events += [kind] * rng.randint(1, LONGEST_BLIND)
        events += ["honest"] * rng.randint(1, 6)
    if seed % 3 == 0:
        last = rng.randint(FRAMES // 2, FRAMES - 8)
        # Blinded first and dead then: the silence begins while nothing but the hold knows of the face.
        events[last - 4 :] = ["honest", *["blind"] * 4, *["dead"] * FRAMES]
    return events[:FRAMES]


def share_masked(clean: CleanFrame, box: Box) -> float:
    mask = np.zeros(clean.picture.y.shape, bool)
    for each in (drawn.box for drawn in clean.masked):
        mask[int(each.y0) : int(each.y1), int(each.x0) : int(each.x1)] = True
    inside = mask[max(0, round(box.y0)) : round(box.y1), max(0, round(box.x0)) : round(box.x1)]
    return float(inside.mean())


@pytest.mark.parametrize("detectors", [1, 2])
def test_however_the_detector_fails_on_real_video_no_frame_goes_out_unmasked(
    shot: list[tuple[RawFrame, list[Detection]]], detectors: int
) -> None:
    answers = {id(frame.picture): found for frame, found in shot}
    whole = 0
    for seed in range(RUNS):
        release, events = threading.Event(), iter(script(seed))
        deidentifier = FaceDeidentifier(
            FaceSettings(detector_timeout_s=0.1),
            lambda events=events, release=release: Meddled(answers, events, release),  # type: ignore[misc]
            detectors=detectors,
        )
        out = [clean for frame, _ in shot for clean in deidentifier.push(frame)] + deidentifier.flush()
        release.set()
        deidentifier.close()
        assert [clean.index for clean in out] == [frame.index for frame, _ in shot]
        for clean, (_, found) in zip(out, shot, strict=True):
            whole += clean.state is MaskState.WHOLE_FRAME
            for face in (item.box for item in found if item.score >= 0.5):
                assert share_masked(clean, face) >= COVERED, f"run {seed}, frame {clean.index}, {clean.state}"
    assert whole > RUNS
