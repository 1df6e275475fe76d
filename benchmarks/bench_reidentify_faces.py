"""Who is recognised through each mask: a table of attackers beside the solid mask, over a folder of people.

    python -m benchmarks.bench_reidentify_faces [FOLDER] [--json PATH]

FOLDER has one folder of pictures a person. Small sets show a direction and certify nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads only slow matrices this small

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import SHARED
from configs.errors import MonitorError
from configs.settings import DetectorName, FaceSettings, MaskStyle
from streams.audit.faces.identities import (
    Filter,
    Linked,
    Portrait,
    Rate,
    chance,
    clear,
    embedded,
    linked,
    masked,
    nearest,
    read_portraits,
    same_image,
)
from streams.audit.faces.recogniser import FaceRecogniser
from streams.audit.faces.restoring import blurred, restored
from streams.deidentify.detectors import DETECTORS
from streams.deidentify.masks import SIGMA_WIDTH

FOLDER = SHARED / "media" / "faces" / "dlib_johns"

DRAWS = 4
"""Noisy copies of the gallery that the attacker averages: with one his own noise would stand in his way."""


SIGMAS = (0.05, 0.1, 0.15, SIGMA_WIDTH)
"""Blurs that are attacked with a Wiener filter, shares of the mask's width; the last one is the product's."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What a blur of `sigma` (share of the mask's width) leaves of faces, as it is and restored."""

    sigma: float
    naive: Rate
    same_image: Rate
    restored_naive: Rate
    restored_same_image: Rate


def main() -> None:
    """Attack every mask and print the table, or say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"skipped: {options.folder} is absent, give a folder of people or set EMOTION_MONITOR_SHARED")
        return
    try:
        recogniser = FaceRecogniser()
        portraits = read_portraits(options.folder, DETECTORS[DetectorName.CENTERFACE](), FaceSettings())
    except MonitorError as error:
        print(f"skipped: {error}")
        return
    people = [each.person for each in portraits]
    known = embedded(portraits, [clear(each, number) for number, each in enumerate(portraits)], recogniser)
    rows = [linked("none", portraits, known=known, shown=clear, gallery=[clear], recogniser=recogniser)]
    for style in MaskStyle:
        draws = DRAWS if style in {MaskStyle.SOFT, MaskStyle.MOSAIC} else 1
        gallery: list[Filter] = [masked(style, seed) for seed in range(1, draws + 1)]
        shown = masked(style)
        rows.append(linked(style, portraits, known=known, shown=shown, gallery=gallery, recogniser=recogniser))
    undone = [_undone(sigma, portraits, known, recogniser) for sigma in SIGMAS]
    floor = next(row for row in rows if row.mode == MaskStyle.SOLID)
    guessed = chance(people)
    print(f"{len(portraits)} pictures of {len(set(people))} people, best match of those left: chance {guessed:.0%}")
    print(f"{'mask':10} {'naive':>16} {'parrot':>16} {'pixels':>16} {'itself < 0.6':>16}  above solid's interval")
    for row in rows:
        print(f"{row.mode:10} {_line(row.naive, row.parrot, row.pixels, row.same_image)}  {_names(row, floor) or '-'}")
    print("\nGaussian of known sigma, clear gallery: as it is, and after a Wiener filter (no codec between)")
    print(f"{'sigma':10} {'naive':>16} {'itself < 0.6':>16} {'restored naive':>16} {'itself < 0.6':>16}")
    for blur in undone:
        line = _line(blur.naive, blur.same_image, blur.restored_naive, blur.restored_same_image)
        print(f"{f'{blur.sigma:g} w':10} {line}")
    if options.json is not None:
        report = {
            "images": len(people),
            "chance": guessed,
            "rows": [asdict(row) | {"above_solid": row.above(floor)} for row in rows],
            "restored": [asdict(blur) for blur in undone],
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def _undone(sigma: float, portraits: list[Portrait], known: NDArray[np.floating], recogniser: FaceRecogniser) -> Undone:
    people = [each.person for each in portraits]
    hidden, back = [], []
    for each in portraits:
        sigma_px = sigma * each.mask.box.width
        hidden.append(blurred(each.picture.to_rgb(), each.mask.box, sigma_px))
        back.append(restored(hidden[-1], each.mask.box, sigma_px))
    seen, clearer = (embedded(portraits, images, recogniser) for images in (hidden, back))
    return Undone(
        sigma,
        naive=nearest(seen, known, people),
        same_image=same_image(seen, known),
        restored_naive=nearest(clearer, known, people),
        restored_same_image=same_image(clearer, known),
    )


def _line(*rates: Rate) -> str:
    return " ".join(f"{_shown(rate):>16}" for rate in rates)


def _names(row: Linked, floor: Linked) -> str:
    return ", ".join(row.above(floor))


def _shown(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.share:4.0%} [{low * 100:2.0f}-{high * 100:3.0f}]"


if __name__ == "__main__":
    main()
