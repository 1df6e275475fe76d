"""Who can still be told apart through a mask: three attackers over a folder of people, beside the solid mask.

The solid mask is the floor, not chance: what surrounds a head links pictures as well, and no mask changes that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, Plane
from buffers.records import Box
from configs.errors import ConfigError
from configs.settings import FaceSettings, MaskStyle
from streams.audit.faces.recogniser import SAME_PERSON_DISTANCE, Embedding
from streams.deidentify.detectors.base import FaceDetector
from streams.deidentify.masks import Masker
from streams.deidentify.policy import FaceMask, MaskPolicy

SIDE_PX = 300
"""Longer side to which a portrait is brought (px): small crops would make every mask a few pixels wide."""

MARGIN = 0.4
"""Margin round a portrait, share of its longer side, in the colours of its edge: crops end where masks still go on."""

JPEG_QUALITY = 70
"""The codec between mask and attacker (0-100), as in the published attacks on blur and mosaic."""

LOOK_PX = (24, 26)
"""Width and height of what the pixel attacker sees of the inside of a mask (px), after McPherson et al."""

Z95 = 1.96
"""Two-sided 95 % point of the normal distribution."""

Filter = Callable[["Portrait", int], Plane]
"""Makes uint8[H, W, 3] RGB of a portrait; the number is the one of the portrait, for what is drawn at random."""


class Embedder(Protocol):
    """What recognises faces, see `FaceRecogniser`."""

    def embed(self, rgb: Plane, box: Box) -> Embedding:
        """float32[128] of the face at `box` of uint8[H, W, 3] RGB."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One picture of one person: the face as it was detected and the mask that the product lays over it (px)."""

    person: str
    picture: Picture
    face: Box
    mask: FaceMask


@dataclass(frozen=True, slots=True)
class Rate:
    """Hits out of so many tries, with Wilson's 95 % interval; a tie between n people counts as 1/n of a hit."""

    hits: float
    tries: int

    @property
    def share(self) -> float:
        """Hits per try (0-1)."""
        return self.hits / self.tries

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 % (0-1): the tries of one attacker, taken as independent."""
        weight = Z95**2 / self.tries
        middle = (self.share + weight / 2) / (1 + weight)
        reach = Z95 / (1 + weight) * math.sqrt(self.share * (1 - self.share) / self.tries + weight / (4 * self.tries))
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Linked:
    """How often one way of masking let a person be found.

    `naive`: nearest embedding in a clear gallery; `parrot`: in a gallery masked the same way; `pixels`: nearest inside
    of the mask in that gallery, with everything random in it averaged out; all leave one out, the best match alone.
    `same_image`: masked and clear picture below `SAME_PERSON_DISTANCE`.
    """

    mode: str
    naive: Rate
    parrot: Rate
    pixels: Rate
    same_image: Rate

    def above(self, floor: Linked) -> tuple[str, ...]:
        """The attackers that do better here than the upper end of the floor's interval."""
        names = ("naive", "parrot", "pixels", "same_image")
        return tuple(name for name in names if getattr(self, name).share > getattr(floor, name).interval[1])


def read_portraits(folder: Path, detector: FaceDetector, settings: FaceSettings) -> list[Portrait]:
    """The pictures of a folder of people, one folder a person, of which the detector is sure; the rest is left out.

    Raises:
        ConfigError: the folder does not hold two people with two such pictures each.
    """
    found = []
    for path in sorted(folder.glob("*/*")):
        image = cv2.imread(str(path)) if path.is_file() else None
        if image is not None:
            portrait = _portrait(path.parent.name, np.asarray(image[:, :, ::-1], np.uint8), detector, settings)
            found += [] if portrait is None else [portrait]
    people = [each.person for each in found]
    if sum(people.count(person) > 1 for person in set(people)) < 2:
        raise ConfigError(f"{folder} does not show two people in two pictures each: give one folder to each person")
    return found


def _portrait(person: str, rgb: Plane, detector: FaceDetector, settings: FaceSettings) -> Portrait | None:
    scale = SIDE_PX / max(rgb.shape[:2])
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    margin_px = round(MARGIN * SIDE_PX)
    scaled = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=mode)
    framed = cv2.copyMakeBorder(scaled, *(margin_px,) * 4, cv2.BORDER_REPLICATE)
    picture = Picture.from_rgb(np.asarray(framed, np.uint8))
    best = next(iter(detector.detect(picture)), None)
    if best is None or best.score < settings.start_score:
        return None
    # The product's own policy says how large a mask is.
    policy = MaskPolicy(settings, picture.width_px, picture.height_px)
    policy.observe(0.0, [best])
    return Portrait(person, picture, best.box, policy.decide().masks[0])


def clear(portrait: Portrait, number: int) -> Plane:
    """The portrait as it is, through the codec."""
    del number
    return _coded(portrait.picture)


def masked(style: MaskStyle, seed: int = 0) -> Filter:
    """The portrait under the product's mask, through the codec; each is a person of its own to the mask's noise."""

    def draw(portrait: Portrait, number: int) -> Plane:
        masker = Masker(style, seed=seed * 1_000_003 + number)
        return _coded(masker.masked(portrait.picture, [portrait.mask], 0.0)[0])

    return draw


def chance(people: Sequence[str]) -> float:
    """Share of hits of an attacker who guesses among the other pictures."""
    return sum(people.count(person) - 1 for person in people) / (len(people) * (len(people) - 1))


def linked(
    mode: str,
    portraits: Sequence[Portrait],
    *,
    known: NDArray[np.floating],
    shown: Filter,
    gallery: Sequence[Filter],
    recogniser: Embedder,
) -> Linked:
    """Let all attackers loose on portraits masked by `shown`.

    Args:
        mode: name of the row.
        portraits: two people or more.
        known: float[N, 128], the embeddings of the same portraits when clear (see `embedded`).
        shown: what the product does.
        gallery: what the attacker does to pictures of known people: the same, under other noise, as often as he likes.
        recogniser: what tells faces apart.
    """
    people = [each.person for each in portraits]
    probes = _filtered(portraits, shown)
    copies = [_filtered(portraits, own) for own in gallery]
    seen = embedded(portraits, probes, recogniser)
    parroted = np.mean([embedded(portraits, copy, recogniser) for copy in copies], axis=0)
    looked = np.mean([_looks(portraits, copy) for copy in copies], axis=0)
    return Linked(
        mode,
        naive=nearest(seen, known, people),
        parrot=nearest(seen, parroted, people),
        pixels=nearest(_looks(portraits, probes), looked, people),
        same_image=same_image(seen, known),
    )


def same_image(seen: NDArray[np.floating], known: NDArray[np.floating]) -> Rate:
    """How often float[N, 128] of masked pictures count as the person in the same pictures when clear."""
    away = np.linalg.norm(seen - known, axis=1)
    return Rate(float((away < SAME_PERSON_DISTANCE).sum()), len(away))


def nearest(probes: NDArray[np.floating], gallery: NDArray[np.floating], people: Sequence[str]) -> Rate:
    """How often the nearest row of the gallery is of the same person; a probe's own row is left out."""
    labels = np.array(people)
    away = np.linalg.norm(probes[:, None, :] - gallery[None, :, :], axis=2)
    np.fill_diagonal(away, np.inf)
    # Under a mask that leaves nothing all are equally near, and whoever comes first must not win by that.
    ties = away <= away.min(axis=1, keepdims=True) + 1e-6
    same = labels[:, None] == labels[None, :]
    return Rate(float(((ties & same).sum(axis=1) / ties.sum(axis=1)).sum()), len(people))


def embedded(portraits: Sequence[Portrait], images: Sequence[Plane], recogniser: Embedder) -> NDArray[np.floating]:
    """float[N, 128]: one picture of each portrait, embedded where its face was."""
    return np.array([recogniser.embed(image, each.face) for each, image in zip(portraits, images, strict=True)])


def _filtered(portraits: Sequence[Portrait], own: Filter) -> list[Plane]:
    return [own(each, number) for number, each in enumerate(portraits)]


def _looks(portraits: Sequence[Portrait], images: Sequence[Plane]) -> NDArray[np.floating]:
    """float64[N, 24 x 26]: what is inside each mask, in grey."""
    return np.array([_inside(each.mask.box, image) for each, image in zip(portraits, images, strict=True)])


def _inside(box: Box, image: Plane) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    rows = slice(max(0, round(box.y0)), min(height, round(box.y1)))
    columns = slice(max(0, round(box.x0)), min(width, round(box.x1)))
    grey = cv2.cvtColor(image[rows, columns], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, LOOK_PX, interpolation=cv2.INTER_AREA), np.float64).reshape(-1)


def _coded(picture: Picture) -> Plane:
    _, data = cv2.imencode(".jpg", picture.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB), np.uint8)
