"""De-identifying whole files beside deface, the tool people use for it: frames a second, leaks, masked area.

Run from the repository's root: `python -m benchmarks.bench_deidentify [--rounds N] [--json PATH]`. Whole commands are
timed, decoding and encoding included, in turns on the same cores; what a short clip takes is taken off. Leaks and areas
are measured by our audit, from the files alone: `annotated` are frames in which less than 90 % of a face boxed by hand
is hidden; `exposed` are faces that full-size detectors see in every 40th frame of the source and that are less than
half hidden (deface's own detector is one of them, so it is judged by itself there). A blur's area is underestimated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from benchmarks.clips import SHARED, looped
from benchmarks.peers import deface
from streams.audit.plan import AuditPlan, PictureFigures
from streams.audit.run import audit
from streams.clock import monotonic_s

VIDEO = SHARED / "media" / "video"
SPEECH = SHARED / "media" / "speech" / "musetalk_eng.wav"
ANNOTATIONS = SHARED / "media" / "annotations" / "hamilton_shot2_foreground.json"

SECONDS = 18.0
"""Length of the clips, looped: long enough that a second of start-up is a small part."""

SHORT_S = 2.0
"""Length of the clips whose time is taken off: start-up, models and the look-back."""

LOOK_EVERY = 40
"""The audit's reference detectors look at every so many frames; every frame is compared pixel by pixel."""

DEFACE = "deface"

ROUNDS = 3
"""Times each of ours is run; deface's default takes minutes and is run once."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What is de-identified: a recording looped to `SECONDS`, and what is annotated in it."""

    name: str
    video: Path
    half: str
    boxes: Path | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A program to time: `command` says how to call it on a file; one that is `slow` is run once."""

    name: str
    command: Callable[[Path, Path], list[str]]
    slow: bool = False

    def output(self, folder: Path) -> Path:
        """Where its output goes."""
        return folder / f"{self.name.replace(', ', '-').replace(' ', '-')}.mp4"


@dataclass(frozen=True, slots=True)
class Row:
    """One program on one clip. `ratio` is its rate over deface's at its defaults."""

    clip: str
    program: str
    frames: int
    frames_per_s: float
    ratio: float | None
    annotated_leaks: int | None
    exposed_faces: int
    seen_faces: int
    masked_share: float


CLIPS = (
    Clip("1280x720, one person", VIDEO / "liveportrait_s18.mp4", "640x360"),
    Clip("640x360, hard shot, crowd", VIDEO / "facerec_short_hamilton_clip.mp4", "320x192", ANNOTATIONS),
)


def main() -> None:
    """Run all programs on all clips, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips = [clip for clip in CLIPS if clip.video.is_file() and SPEECH.is_file()]
    if not clips:
        print("left out: the shared recordings are absent")
        return
    rows = []
    for clip in clips:
        rows += beside(clip, options.rounds)
    head = f"{'clip':<27}{'program':<26}{'frames/s':>9}{'ratio':>7}{'annotated':>11}{'exposed/seen':>15}{'masked':>8}"
    print(head)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.1f}x"
        leaks = "" if row.annotated_leaks is None else str(row.annotated_leaks)
        seen = f"{row.exposed_faces}/{row.seen_faces}"
        numbers = f"{row.frames_per_s:>9.1f}{ratio:>7}{leaks:>11}{seen:>15}{100 * row.masked_share:>7.1f}%"
        print(f"{row.clip:<27}{row.program:<26}{numbers}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def beside(clip: Clip, rounds: int) -> list[Row]:
    """All programs on one clip, in turns: each on a short clip and a long one, so that start-up falls out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = looped(folder / "short.mkv", clip.video, SPEECH, seconds=SHORT_S)
        source = looped(folder / "source.mkv", clip.video, SPEECH, seconds=SECONDS)
        frames, less = frames_of(source), frames_of(short)
        programs = ours() + peers(clip)
        spent: dict[str, list[tuple[float, float]]] = {program.name: [] for program in programs}
        for number in range(rounds):
            for program in programs:
                if number == 0 or not program.slow:
                    seconds = [seconds_of(program.command(path, program.output(folder))) for path in (short, source)]
                    spent[program.name].append((seconds[0], seconds[1]))
        rates = {
            what: statistics.median((frames - less) / (long_s - short_s) for short_s, long_s in runs)
            for what, runs in spent.items()
        }
        return [
            _row(clip, program.name, frames, rates, audited(source, program.output(folder), clip))
            for program in programs
        ]


def ours() -> list[Program]:
    """What the product offers."""
    base = (sys.executable, "-m", "cli", "deidentify")
    return [
        Program("emotion-monitor", lambda path, out: [*base, str(path), str(out), "--force"]),
        Program("emotion-monitor, soft", lambda path, out: [*base, str(path), str(out), "--force", "--mask", "soft"]),
    ]


def peers(clip: Clip) -> list[Program]:
    """The program `deface` as it comes, and as its users speed it up."""
    path = deface()
    if path is None:
        return []
    tool = str(path)
    return [
        Program(DEFACE, lambda source, out: [tool, str(source), "-o", str(out)], slow=True),
        Program(
            f"{DEFACE}, half scale", lambda source, out: [tool, str(source), "-o", str(out), "-s", clip.half], slow=True
        ),
    ]


def audited(source: Path, output: Path, clip: Clip) -> PictureFigures:
    """What our audit says of an output."""
    found = audit(AuditPlan(source, output, boxes=clip.boxes, every=LOOK_EVERY)).pictures
    assert found is not None, "the clips are of pictures"
    return found


def _row(clip: Clip, program: str, frames: int, rates: dict[str, float], found: PictureFigures) -> Row:
    base = rates.get(DEFACE)
    return Row(
        clip=clip.name,
        program=program,
        frames=frames,
        frames_per_s=rates[program],
        ratio=None if base is None else rates[program] / base,
        annotated_leaks=None if found.leaks is None else found.leaks[0].leak_frames,
        exposed_faces=sum(reference.exposed_faces for reference in found.references),
        seen_faces=sum(reference.source_faces for reference in found.references),
        masked_share=found.hidden_share if clip.boxes is None else found.hidden_share_annotated or 0.0,
    )


def frames_of(path: Path) -> int:
    """Number of frames of a file."""
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.dts is not None)


def seconds_of(command: list[str]) -> float:
    """Wall seconds of a whole command."""
    start_s = monotonic_s()
    subprocess.run(command, check=True, capture_output=True)
    return monotonic_s() - start_s


if __name__ == "__main__":
    main()
