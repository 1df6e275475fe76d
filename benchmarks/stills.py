"""Recall and false boxes of the face detectors on photographs with annotated faces, and counts on those without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np

from buffers.picture import Picture
from buffers.records import Box
from streams.deidentify.boxes import iou
from streams.deidentify.detectors.centerface import CenterFace
from streams.models.cache import model_path

SIZES_PX: dict[str, tuple[int, ...] | None] = {
    "product (320, 128)": None,
    "640, 128": (640, 128),
    "640": (640,),
    "full size": (100_000,),
    "full size, 320, 128": (100_000, 320, 128),
}
"""Long sides of the copies that CenterFace looks at; None: as in a recording."""

SAME_IOU = 0.3
"""Overlap at which a found box is the annotated one."""

LEAST_SCORES = (0.2, 0.5)

STILLS_HEADER = (
    f"{'photographs':14} {'CenterFace at':22} {'score':>5} {'found':>9} {'false':>6} {'found, by photograph':>21}"
)


@dataclass(frozen=True, slots=True)
class StillRow:
    """One set of photographs at one size and score; `annotated` is 0 where nobody drew boxes."""

    photographs: str
    size: str
    least_score: float
    annotated: int
    found: int
    false: int
    boxes: tuple[int, ...]

    @property
    def line(self) -> str:
        """The row as a line of the table."""
        hits = f"{self.found}/{self.annotated}" if self.annotated else "-"
        false = str(self.false) if self.annotated else "-"
        head = f"{self.photographs:14} {self.size:22} {self.least_score:5} {hits:>9} {false:>6}"
        return f"{head} {' '.join(map(str, self.boxes)):>21}"


def still_rows(folder: Path) -> list[StillRow]:
    """Every set of photographs in `folder` at every size and score (none where the folder is absent)."""
    if not folder.is_dir():
        return []
    sets: dict[str, list[tuple[Path, list[Box]]]] = {
        "dlib_faces": annotated_photographs(folder / "dlib_faces"),
        "groups": [(file, []) for file in sorted((folder / "groups").glob("*.jpg"))],
        "deface_city": [(folder / "deface_city.jpg", [])],
    }
    rows = []
    for size, sides in SIZES_PX.items():
        detector = CenterFace(model_path("centerface"), sides)
        for name, photographs in sets.items():
            found = [(detector.detect(_read(file)), truth) for file, truth in photographs]
            for least in LEAST_SCORES:
                boxes = [[item.box for item in items if item.score >= least] for items, _ in found]
                truths = [truth for _, truth in found]
                pairs = list(zip(boxes, truths, strict=True))
                hits = sum(any(_same(face, box) for box in each) for each, truth in pairs for face in truth)
                false = sum(all(not _same(face, box) for face in truth) for each, truth in pairs for box in each)
                total, counts = sum(map(len, truths)), tuple(map(len, boxes))
                rows.append(StillRow(name, size, least, total, hits, false, counts))
    return rows


def annotated_photographs(folder: Path) -> list[tuple[Path, list[Box]]]:
    """The photographs of dlib's training and test sets with their boxes."""
    found = []
    for name in ("training.xml", "testing.xml"):
        for image in ET.parse(folder / name).iter("image"):
            boxes = []
            for each in image.iter("box"):
                left, top, width, height = (float(each.attrib[key]) for key in ("left", "top", "width", "height"))
                boxes.append(Box(left, top, left + width, top + height))
            found.append((folder / image.attrib["file"], boxes))
    return found


def _same(a: Box, b: Box) -> bool:
    return iou(a, b) >= SAME_IOU


def _read(file: Path) -> Picture:
    bgr = cv2.imread(str(file))
    assert bgr is not None, file
    return Picture.from_rgb(np.ascontiguousarray(bgr[:, :, ::-1], np.uint8))
