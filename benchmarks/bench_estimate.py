"""How far the running estimate is off when the judge is weak, far too sure and sticks to its errors.

Whole sessions with the default windows go through the real estimator. The judge is right 54, 60 or 70 % of the time;
its errors are independent, or each verdict takes over the one before (lag-1 correlation 0.9 between windows in the
order they are judged). `one voice` always says 0.8; `many voices` states more where it is more often right, far too
sure throughout. Three estimates of the same sessions:

- exact: calibrated as only thousands of labelled sessions can, with the cap that 40 allow;
- 40 labelled: calibrated on 40 labelled sessions of the same kind, the mean of `--fits` such calibrations;
- none: no calibration, all settings at their defaults.

Each with its expected calibration error (ECE, ten bins of equal width) and, in brackets, the mean confidence minus
the share of right labels: above 0 it is too sure. By chance alone a perfect estimate of 2400 sessions has an ECE of
0.02, one of 800 has 0.035. Prints a table and writes JSON with `--json`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tests.made_sessions import (
    Known,
    Sessions,
    calibration_error,
    final,
    learned,
    many_voices,
    one_voice,
    right,
    schedule,
    too_sure,
)

LABELLED = 40
MANY = 4000
VOICES = {"one voice": one_voice, "many voices": many_voices}


@dataclass(frozen=True, slots=True)
class Off:
    """How far one estimate is off."""

    ece: float
    too_sure: float

    def __str__(self) -> str:
        """For the table."""
        return f"{self.ece:.3f} ({self.too_sure:+.3f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of judge and session."""

    voice: str
    minutes: float
    stickiness: float
    accuracy: float
    measured: float
    right: float
    exact: Off
    labelled: Off
    worst_labelled_ece: float
    none: Off


def row(name: str, minutes: float, stickiness: float, accuracy: float, *, sessions: int, fits: int) -> Row:
    """Simulate one kind."""
    voice, windows = VOICES[name], schedule(60 * minutes)
    rng = np.random.default_rng([round(minutes), round(10 * stickiness), round(100 * accuracy)])
    played = voice(rng, windows, sessions, accuracy, stickiness)
    exact = replace(learned(voice(rng, windows, MANY, accuracy, stickiness)), recordings=LABELLED)
    p = final(played, exact)
    fewer = Sessions(windows, played.logits[: sessions // 3], played.positive[: sessions // 3])
    fitted = [_off(fewer, learned(voice(rng, windows, LABELLED, accuracy, stickiness))) for _ in range(fits)]
    return Row(
        name,
        minutes,
        stickiness,
        accuracy,
        exact.correlation,
        right(p, played.positive),
        Off(calibration_error(p, played.positive), too_sure(p, played.positive)),
        Off(float(np.mean([off.ece for off in fitted])), float(np.mean([off.too_sure for off in fitted]))),
        max(off.ece for off in fitted),
        _off(fewer, None),
    )


def _off(played: Sessions, known: Known | None) -> Off:
    p = final(played, known)
    return Off(calibration_error(p, played.positive), too_sure(p, played.positive))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sessions", type=int, default=2400, help="sessions of each kind, a third of them beside exact"
    )
    parser.add_argument("--fits", type=int, default=4, help="calibrations on 40 labelled sessions")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    heads = ("exact", "40 labelled", "worst", "none")
    print(f"{'judge':<12}{'min':>5}{'sticks':>7}{'right':>7}{'r':>6}{'final':>7}", end="")
    print("".join(f"{head:>16}" for head in heads))
    rows = []
    for name in VOICES:
        for minutes in (10.5, 30.5):
            for stickiness in (0.0, 0.9):
                for accuracy in (0.54, 0.6, 0.7):
                    one = row(name, minutes, stickiness, accuracy, sessions=options.sessions, fits=options.fits)
                    rows.append(one)
                    print(
                        f"{one.voice:<12}{one.minutes:>5.1f}{one.stickiness:>7.1f}{one.accuracy:>7.2f}"
                        f"{one.measured:>6.2f}{one.right:>7.2f}{one.exact!s:>16}{one.labelled!s:>16}"
                        f"{one.worst_labelled_ece:>16.3f}{one.none!s:>16}",
                        flush=True,
                    )
    print(f"worst ECE of exact calibrations: {max(one.exact.ece for one in rows):.3f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in rows], indent=1))


if __name__ == "__main__":
    main()
