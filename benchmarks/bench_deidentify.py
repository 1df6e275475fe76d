"""De-identifying whole files beside deface, the tool people use for it: frames a second, leaks, masked area.

Run from the repository's root: `python -m benchmarks.bench_deidentify [--rounds N] [--json PATH]`. Whole commands are
timed, start-up, decoding and encoding included, in turns on the same cores. Leaks and areas are measured by our audit,
from the files alone: `annotated` are frames in which less than 90 % of a face boxed by hand is hidden; `exposed` of the
faces that full-size detectors see in every tenth frame of the source are more than a box's edge short of hidden
(deface's own detector is one of them, so it is judged by itself there).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from benchmarks.clips import SHARED, looped
from benchmarks.peers import deface
from streams.audit.plan import AuditPlan
from streams.audit.run import audit
from streams.clock import monotonic_s

VIDEO = SHARED / "media" / "video"
SPEECH = SHARED / "media" / "speech" / "musetalk_eng.wav"
ANNOTATIONS = SHARED / "media" / "annotations" / "hamilton_shot2_foreground.json"

SECONDS = 18.0
"""Length of the clips, looped: long enough that a second of start-up is a small part."""

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
class Row:
    """One program on one clip. `ratio` is its rate over deface's at its defaults."""

    clip: str
    program: str
    frames: int
    seconds: float
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
    """All programs on one clip, in turns."""
    program = deface()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = looped(folder / "source.mkv", clip.video, SPEECH, seconds=SECONDS)
        with av.open(str(source)) as container:
            frames = sum(1 for packet in container.demux(video=0) if packet.dts is not None)
        ours = [sys.executable, "-m", "cli", "deidentify", str(source)]
        commands = {
            "emotion-monitor": [*ours, str(folder / "solid.mp4"), "--force"],
            "emotion-monitor, soft": [*ours, str(folder / "soft.mp4"), "--force", "--mask", "soft"],
        }
        peers = {}
        if program is not None:
            peers = {
                "deface": [str(program), str(source), "-o", str(folder / "deface.mp4")],
                "deface, half scale": [str(program), str(source), "-o", str(folder / "half.mp4"), "-s", clip.half],
            }
        spent: dict[str, list[float]] = {what: [] for what in (*commands, *peers)}
        for number in range(rounds):
            for what, command in (*commands.items(), *(peers.items() if number == 0 else ())):
                spent[what].append(seconds_of(command))
        outputs = dict(zip(spent, ("solid.mp4", "soft.mp4", "deface.mp4", "half.mp4"), strict=False))
        base = frames / spent["deface"][0] if peers else None
        rows = []
        for what, seconds in spent.items():
            median = statistics.median(seconds)
            found = audit(AuditPlan(source, folder / outputs[what], boxes=clip.boxes, every=10)).pictures
            assert found is not None, "the clips are of pictures"
            rows.append(
                Row(
                    clip=clip.name,
                    program=what,
                    frames=frames,
                    seconds=median,
                    frames_per_s=frames / median,
                    ratio=None if base is None else frames / median / base,
                    annotated_leaks=None if found.leaks is None else found.leaks[0].leak_frames,
                    exposed_faces=sum(reference.exposed_faces for reference in found.references),
                    seen_faces=sum(reference.source_faces for reference in found.references),
                    masked_share=found.hidden_share if clip.boxes is None else found.hidden_share_annotated or 0.0,
                )
            )
    return rows


def seconds_of(command: list[str]) -> float:
    """Wall seconds of a whole command."""
    start_s = monotonic_s()
    subprocess.run(command, check=True, capture_output=True)
    return monotonic_s() - start_s


if __name__ == "__main__":
    main()
