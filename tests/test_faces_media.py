"""The whole of face de-identification on real clips, against boxes drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import CleanFrame
from configs.errors import ModelUnavailable
from configs.load import load_settings
from configs.settings import DetectorName
from streams.deidentify.detectors import DETECTORS
from streams.deidentify.detectors.centerface import CenterFace
from streams.deidentify.faces import FaceDeidentifier
from streams.media import RawFrame
from streams.models.cache import model_path

pytestmark = pytest.mark.media

LEAK = 0.9
"""A frame leaks when less than this share of an annotated box is masked (boxes are good to 12 px)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How much of each annotated box was masked, and how much of each of these frames."""

    coverage: NDArray[np.float64]
    area: NDArray[np.float64]

    @property
    def leaks(self) -> int:
        return int((self.coverage < LEAK).sum())


def decode(path: Path) -> Iterator[RawFrame]:
    with av.open(str(path)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            planes = [
                np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
                for plane in decoded.reformat(format="yuv420p").planes
            ]
            y, u, v = (np.ascontiguousarray(plane) for plane in planes)
            assert decoded.time is not None
            yield RawFrame(decoded.time, index, Picture(y, u, v))


def deidentify(path: Path, last: int | None = None, profile: str = "default") -> dict[int, CleanFrame]:
    """All frames of a clip, or those up to `last` (decoded far enough that their look-back is over)."""
    settings = load_settings(profile, [], {}).settings.faces
    evidence = None if settings.evidence is None else DETECTORS[settings.evidence]
    try:
        deidentifier = FaceDeidentifier(settings, DETECTORS[DetectorName.CENTERFACE], make_evidence=evidence)
    except Exception as error:
        if isinstance(error.__cause__, ModelUnavailable):
            pytest.skip(str(error))
        raise
    out = []
    for frame in decode(path):
        out += deidentifier.push(frame)
        if last is not None and out and out[-1].index >= last:
            break
    out += deidentifier.flush()
    deidentifier.close()
    return {clean.index: clean for clean in out}


def masked(clean: CleanFrame) -> NDArray[np.bool_]:
    mask = np.zeros(clean.picture.y.shape, bool)
    for box in (mask.box for mask in clean.masked):
        mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    return mask


def outcome(frames: dict[int, CleanFrame], annotation: Path, grow_px: int = 0) -> Outcome:
    coverage, area = [], []
    for index, box in json.loads(annotation.read_text())["boxes"].items():
        mask = masked(frames[int(index)])
        x0, y0 = (max(0, round(value) - grow_px) for value in box[:2])
        x1, y1 = (round(value) + grow_px for value in box[2:])
        coverage.append(mask[y0:y1, x0:x1].mean())
        area.append(mask.mean())
    return Outcome(np.array(coverage), np.array(area))


@pytest.mark.parametrize("profile", ["default", "offline"])
def test_the_hard_shot_leaks_in_no_frame_and_is_less_than_half_masked(media_dir: Path, profile: str) -> None:
    annotation = media_dir / "annotations" / "hamilton_shot2_foreground.json"
    clip = media_dir / "video" / "facerec_short_hamilton_clip.mp4"
    frames = deidentify(clip, last=81, profile=profile)
    plain, wide = outcome(frames, annotation), outcome(frames, annotation, grow_px=12)
    assert len(plain.coverage) == 62
    assert plain.leaks == 0
    assert wide.leaks == 0
    assert plain.area.mean() <= 0.46
    covered, faces = audience(clip, frames)
    assert faces > 20
    assert covered >= 0.95 * faces


def audience(clip: Path, frames: dict[int, CleanFrame]) -> tuple[int, int]:
    """Of the faces of 24 px to 12 % of the width that full-size CenterFace is sure of: covered ones, and all."""
    detector = CenterFace(model_path("centerface"), (10_000,))
    covered = faces = 0
    for raw in decode(clip):
        if raw.index > 81:
            break
        if raw.index < 20 or raw.index % 3:
            continue
        mask = masked(frames[raw.index])
        for box in (item.box for item in detector.detect(raw.picture) if item.score >= 0.5):
            if 24 <= box.width <= 0.12 * raw.picture.width_px:
                rows, columns = slice(max(0, round(box.y0)), round(box.y1)), slice(max(0, round(box.x0)), round(box.x1))
                faces += 1
                covered += mask[rows, columns].mean() >= LEAK
    return covered, faces


def test_large_head_turns_leak_in_no_frame(media_dir: Path) -> None:
    frames = deidentify(media_dir / "video" / "liveportrait_d3.mp4")
    result = outcome(frames, media_dir / "annotations" / "liveportrait_d3.json")
    assert len(result.coverage) == 354
    assert result.leaks == 0


def test_a_clip_without_faces_stays_visible(media_dir: Path) -> None:
    frames = deidentify(media_dir / "video" / "pyfeat_no_face.mp4")
    assert np.mean([masked(clean).mean() for clean in frames.values()]) <= 0.01


def test_a_variable_rate_clip_with_a_cut_is_masked_from_the_cut_and_not_before(media_dir: Path) -> None:
    frames = deidentify(media_dir / "video" / "pyfeat_noface_face.mov", last=130)
    without = [masked(frames[index]).mean() for index in range(96)]
    assert np.mean(without) <= 0.01
    assert all(frames[index].masked for index in range(96, 131))
