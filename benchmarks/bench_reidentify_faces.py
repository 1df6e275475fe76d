"""Who is recognised through each mask: a table of attackers beside the solid mask, over a folder of people.

    python -m benchmarks.bench_reidentify_faces [FOLDER] [--json PATH]

FOLDER has one folder of pictures a person. Small sets show a direction and certify nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads only slow matrices this small

from benchmarks.clips import SHARED
from configs.errors import ModelUnavailable
from configs.settings import DetectorName, FaceSettings, MaskStyle
from streams.audit.identities import Filter, Linked, Rate, chance, clear, embedded, linked, masked, read_portraits
from streams.audit.recogniser import FaceRecogniser
from streams.deidentify.detectors import DETECTORS

FOLDER = SHARED / "media" / "faces" / "dlib_johns"

DRAWS = 4
"""Noisy copies of the gallery that the attacker averages: with one his own noise would stand in his way."""


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
        detector = DETECTORS[DetectorName.CENTERFACE]()
    except ModelUnavailable as error:
        print(f"skipped: {error}")
        return
    portraits = read_portraits(options.folder, detector, FaceSettings())
    people = [each.person for each in portraits]
    known = embedded(portraits, [clear(each, number) for number, each in enumerate(portraits)], recogniser)
    rows = [linked("none", portraits, known=known, shown=clear, gallery=[clear], recogniser=recogniser)]
    for style in MaskStyle:
        draws = DRAWS if style in {MaskStyle.SOFT, MaskStyle.MOSAIC} else 1
        gallery: list[Filter] = [masked(style, seed) for seed in range(1, draws + 1)]
        shown = masked(style)
        rows.append(linked(style, portraits, known=known, shown=shown, gallery=gallery, recogniser=recogniser))
    floor = next(row for row in rows if row.mode == MaskStyle.SOLID)
    guessed = chance(people)
    print(f"{len(portraits)} pictures of {len(set(people))} people, best match of those left: chance {guessed:.0%}")
    print(f"{'mask':10} {'naive':>16} {'parrot':>16} {'pixels':>16} {'itself < 0.6':>16}  above solid's interval")
    for row in rows:
        figures = " ".join(f"{_shown(rate):>16}" for rate in (row.naive, row.parrot, row.pixels, row.same_image))
        print(f"{row.mode:10} {figures}  {', '.join(row.above(floor)) or '-'}")
    if options.json is not None:
        written = [_entry(row, floor) for row in rows]
        options.json.write_text(
            json.dumps({"images": len(people), "chance": guessed, "rows": written}, indent=1) + "\n"
        )


def _shown(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.share:4.0%} [{low * 100:2.0f}-{high * 100:3.0f}]"


def _entry(row: Linked, floor: Linked) -> dict[str, object]:
    rates = {"naive": row.naive, "parrot": row.parrot, "pixels": row.pixels, "same_image": row.same_image}
    figures = {name: asdict(rate) | {"share": rate.share, "interval": rate.interval} for name, rate in rates.items()}
    return {"mode": row.mode, **figures, "above_solid": row.above(floor)}


if __name__ == "__main__":
    main()
