"""What the product's masks leave uncovered of the faces that other detectors see, and of boxes drawn by hand.

    python -m benchmarks.bench_coverage [CLIP ...] [--sparse 1] [--json PATH]

Each clip goes through face de-identification with the live settings and with the profile for files. A face of a
reference counts as covered when 90 % of its box, as far as it is in the picture, is masked. Clips default to the
shared media folder's, with its annotations and its photographs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import SHARED, clips
from benchmarks.stills import STILLS_HEADER, still_rows
from buffers.picture import Picture
from buffers.records import Box, CleanFrame
from configs.load import load_settings
from configs.settings import DetectorName
from streams.clock import cpu_s
from streams.deidentify.detectors import DETECTORS, Detection, FaceDetector
from streams.deidentify.detectors.centerface import CenterFace
from streams.deidentify.detectors.mmod import Mmod, score_of
from streams.deidentify.faces import FaceDeidentifier
from streams.media import RawFrame
from streams.models.cache import model_path
from streams.sources.file import FileSource

PROFILES = ("default", "offline")

COVERED = 0.9
"""Share of a box that must be masked."""

NATIVE_PX = 100_000
"""A long side that no picture exceeds: nothing is scaled down."""

SMALL_PICTURE_PX = 640 * 360
"""Pictures up to here are looked at by every reference in every frame, dlib's CNN in every fifth one."""

AUDIENCE_PX, AUDIENCE_SHARE = 24.0, 0.12
"""Width of a face of the audience: from so many pixels to such a share of the picture's width."""

GROWN_PX = 12.0
"""How far boxes drawn by hand may be off."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A detector that has no part in the masks, the least score of a face, and how often it looks."""

    name: str
    detector: FaceDetector
    least: float
    every: int
    every_large: int


@dataclass(frozen=True, slots=True)
class Miss:
    """A reference's face that is not covered: box in pixels, the reference's score, the share that is masked."""

    frame: int
    box: tuple[int, int, int, int]
    score: float
    share: float


@dataclass(slots=True)
class Tally:
    """What one reference says of one clip under one profile."""

    looked: int = 0
    frames: int = 0
    faces: int = 0
    audience: int = 0
    audience_covered: int = 0
    misses: list[Miss] = field(default_factory=list)

    @property
    def missed_frames(self) -> int:
        """Frames with at least one uncovered face."""
        return len({miss.frame for miss in self.misses})


@dataclass(frozen=True, slots=True)
class Annotated:
    """Coverage of boxes drawn by hand: leaks are frames with less than 90 % of the box masked."""

    frames: int
    leaks: int
    leaks_grown: int
    longest_run: int
    worst_share: float
    masked_area: float


@dataclass(frozen=True, slots=True)
class Row:
    """One clip under one profile. `cpu_ms` is of a frame, detection shared by the profiles left out."""

    clip: str
    profile: str
    frames: int
    whole_frames: int
    tracks: int
    masked_area: float
    cpu_ms: float
    references: Mapping[str, Tally]
    annotated: Annotated | None


@dataclass(frozen=True, slots=True)
class Hidden:
    """Where a released frame is masked; its picture is let go."""

    width_px: int
    height_px: int
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, frame: CleanFrame) -> Hidden:
        """What is hidden in this frame."""
        return cls(frame.picture.width_px, frame.picture.height_px, tuple(drawn.box for drawn in frame.masked))

    def mask(self) -> NDArray[np.bool_]:
        """bool[H, W]: True where it is masked."""
        mask = np.zeros((self.height_px, self.width_px), bool)
        for box in self.boxes:
            mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
        return mask


class Shared:
    """A detector that several de-identifiers ask about the same picture one after the other: it looks once."""

    name = "shared"

    def __init__(self, detector: FaceDetector) -> None:
        """Share this detector."""
        self._detector = detector
        self._picture: Picture | None = None
        self._answer: list[Detection] = []

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`."""
        if picture is not self._picture:
            self._picture, self._answer = picture, self._detector.detect(picture)
        return self._answer

    def close(self) -> None:
        """Nothing: the de-identifiers end at different times."""


def main() -> None:
    """Measure every clip and the photographs, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--sparse", type=int, default=1, help="let references look at so many times fewer frames")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = sorted((SHARED / "media" / "video").glob("*.m*"))
    rows = [row for clip in options.clips or found or clips() for row in measured(clip, options.sparse)]
    stills = [] if options.clips else still_rows(SHARED / "media" / "faces")
    if stills:
        print(f"\n{STILLS_HEADER}", *(still.line for still in stills), sep="\n")
    for row in rows:
        for name, tally in row.references.items():
            for miss in tally.misses:
                print(f"uncovered: {row.clip} {row.profile} frame {miss.frame} {name} {miss}")
    if options.json is not None:
        results = {"clips": [asdict(row) for row in rows], "stills": [asdict(still) for still in stills]}
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def references() -> list[Reference]:
    """The three of the acceptance, at full size where they scale."""
    return [
        Reference("CenterFace", CenterFace(model_path("centerface"), (NATIVE_PX,)), 0.5, 1, 3),
        Reference("dlib CNN", Mmod(model_path("mmod"), NATIVE_PX), score_of(0.2), 5, 15),
        Reference("BlazeFace", DETECTORS[DetectorName.BLAZEFACE](), 0.5, 1, 2),
    ]


def measured(clip: Path, sparse: int) -> list[Row]:
    """Run one clip through all profiles side by side, ask the references, print and return the rows."""
    shared = Shared(DETECTORS[DetectorName.CENTERFACE]())
    runs = {name: _deidentifier(name, shared) for name in PROFILES}
    hidden: dict[str, dict[int, Hidden]] = {name: {} for name in PROFILES}
    spent_s = dict.fromkeys(PROFILES, 0.0)
    asked = references()
    seen: dict[str, dict[int, list[Detection]]] = {each.name: {} for each in asked}
    for count, frame in enumerate(frames(clip)):
        shared.detect(frame.picture)
        for name, run in runs.items():
            start_s = cpu_s()
            released = run.push(frame)
            spent_s[name] += cpu_s() - start_s
            hidden[name] |= {each.index: Hidden.of(each) for each in released}
        large = frame.picture.width_px * frame.picture.height_px > SMALL_PICTURE_PX
        for reference in asked:
            if count % (sparse * (reference.every_large if large else reference.every)) == 0:
                boxes = reference.detector.detect(frame.picture)
                seen[reference.name][frame.index] = [item for item in boxes if item.score >= reference.least]
    rows = []
    for name, run in runs.items():
        done = hidden[name] | {each.index: Hidden.of(each) for each in run.flush()}
        tallies = {each.name: tallied(seen[each.name], done) for each in asked}
        counts, area = run.counts, fmean(float(each.mask().mean()) for each in done.values())
        cpu_ms = spent_s[name] / counts.frames * 1000
        marked = annotated(clip, done)
        row = Row(clip.name, name, counts.frames, counts.whole_frames, counts.faces, area, cpu_ms, tallies, marked)
        rows.append(row)
        print(_line(row), flush=True)
        run.close()
    for reference in asked:
        reference.detector.close()
    return rows


def frames(clip: Path) -> Iterator[RawFrame]:
    """The frames of a clip as the product reads them."""
    source = FileSource(clip)
    try:
        for item in source.items():
            if isinstance(item, RawFrame):
                yield item
    finally:
        source.close()


def share_of(mask: NDArray[np.bool_], box: Box) -> float:
    """Share of a box, as far as it is in the picture, that is masked; 1 where none of it is."""
    height, width = mask.shape
    x0, x1 = (min(max(round(value), 0), width) for value in (box.x0, box.x1))
    y0, y1 = (min(max(round(value), 0), height) for value in (box.y0, box.y1))
    inside = mask[y0:y1, x0:x1]
    return float(inside.mean()) if inside.size else 1.0


def tallied(seen: Mapping[int, Sequence[Detection]], done: Mapping[int, Hidden]) -> Tally:
    """Compare one reference's faces, by frame, with the masks."""
    tally = Tally(looked=len(seen))
    for index, faces in seen.items():
        mask = done[index].mask()
        tally.frames += bool(faces)
        for face in faces:
            box, share = face.box, share_of(mask, face.box)
            tally.faces += 1
            if AUDIENCE_PX <= box.width <= AUDIENCE_SHARE * mask.shape[1]:
                tally.audience += 1
                tally.audience_covered += share >= COVERED
            if share < COVERED:
                corners = (round(box.x0), round(box.y0), round(box.x1), round(box.y1))
                tally.misses.append(Miss(index, corners, round(face.score, 2), round(share, 2)))
    return tally


def annotated(clip: Path, done: Mapping[int, Hidden]) -> Annotated | None:
    """Coverage of the boxes drawn by hand for this clip, if there are any."""
    for path in sorted((SHARED / "media" / "annotations").glob("*.json")):
        notes = json.loads(path.read_text(encoding="utf-8"))
        if notes["clip"] != clip.name:
            continue
        plain, wide, area = [], [], []
        for index, corners in sorted(notes["boxes"].items(), key=lambda item: int(item[0])):
            box, mask = Box(*corners), done[int(index)].mask()
            grown = Box(box.x0 - GROWN_PX, box.y0 - GROWN_PX, box.x1 + GROWN_PX, box.y1 + GROWN_PX)
            plain.append(share_of(mask, box))
            wide.append(share_of(mask, grown))
            area.append(float(mask.mean()))
        longest = run = 0
        for share in plain:
            run = run + 1 if share < COVERED else 0
            longest = max(longest, run)
        leaks, leaks_grown = (sum(share < COVERED for share in each) for each in (plain, wide))
        return Annotated(len(plain), leaks, leaks_grown, longest, min(plain), fmean(area))
    return None


def _deidentifier(profile: str, shared: Shared) -> FaceDeidentifier:
    settings = load_settings(profile, [], {}).settings.faces
    evidence = settings.evidence
    return FaceDeidentifier(
        settings, lambda: shared, make_evidence=None if evidence is None else DETECTORS[evidence], seed=1
    )


def _line(row: Row) -> str:
    parts = [f"{row.clip[:32]:32} {row.profile:8} {row.frames:5} masked {row.masked_area:6.2%}"]
    for name, tally in row.references.items():
        parts.append(f"{name} {tally.missed_frames}/{tally.frames} of {tally.looked}")
    crowd = row.references["CenterFace"]
    parts.append(f"audience {crowd.audience_covered}/{crowd.audience}")
    if row.annotated is not None:
        hand = row.annotated
        parts.append(
            f"by hand: {hand.leaks}/{hand.frames} leaks, {hand.leaks_grown} grown, worst {hand.worst_share:.2f}"
        )
        parts.append(f"masked there {hand.masked_area:.2%}")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
