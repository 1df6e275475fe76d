"""`deidentify` and `audit`: whole recordings rewritten, and what the copies still show."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from commands.flags import PROGRAM, Families, common_flags, load, settings_flags
from configs.errors import MonitorError


def add(families: Families) -> None:
    """Add the commands that work on files."""
    _add_deidentify(
        families.add_parser(
            "deidentify",
            parents=[common_flags(), settings_flags(profile="offline")],
            help="rewrite recordings without faces and voices",
        )
    )
    _add_audit(
        families.add_parser(
            "audit", parents=[common_flags(), settings_flags()], help="measure what a de-identified file still shows"
        )
    )


def _add_deidentify(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Mask the faces and alter the voice of whole recordings, looking a second ahead and back. Times, frames and "
        "the offset of sound to picture stay; the original sound, metadata, thumbnails and extra streams do not."
    )
    parser.usage = "%(prog)s [options] IN... OUT"
    parser.add_argument("paths", nargs="+", metavar="IN... OUT", help="recordings or patterns, then a file or a folder")
    parser.add_argument("--mask", metavar="STYLE", help="solid (default), soft, mosaic or gaussian")
    parser.add_argument(
        "--mask-scale", type=_scale, metavar="X", help="1.3 adds 30 %% of the face on each side (default: head-sized)"
    )
    parser.add_argument("--thresh", type=float, metavar="T", help="score at which a box is a face (default: 0.5)")
    parser.add_argument("--voice", metavar="MODE", help="level-matched (default), reference or drop")
    parser.add_argument(
        "--boxes", metavar="FILE", help="write what was masked and why (JSON lines); a folder for several"
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=_deidentify)


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare a recording with its de-identified copy, from the two files alone: leaks, timing, what else is in the "
        "file, what is left of the voice. Exit code 1 where something failed."
    )
    parser.add_argument("original", type=Path, metavar="ORIGINAL")
    parser.add_argument("deidentified", type=Path, metavar="DEIDENTIFIED")
    parser.add_argument("--boxes", type=Path, metavar="FILE", help="annotated faces: JSON, boxes by frame number")
    parser.add_argument("--speakers", type=Path, metavar="DIR", help="re-identify voices: a folder for each speaker")
    parser.add_argument("--every", type=int, metavar="N", help="reference detectors look at every n-th frame")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the frames in doubt")
    parser.set_defaults(run=_audit)


def _scale(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2")
    return value


def _deidentify(args: argparse.Namespace) -> int:
    from configs.settings import FaceSettings
    from monitor.interrupts import Interrupts
    from monitor.outputs.progress import ProgressBar
    from streams.recording.batch import planned
    from streams.recording.job import rewrite, summary

    derived = []
    if args.mask_scale is not None:
        derived += [f"faces.{side}={args.mask_scale - 1:.6g}" for side in ("grow_side", "grow_up", "grow_down")]
    if args.thresh is not None:
        derived.append(f"faces.start_score={args.thresh}")
        if args.thresh < FaceSettings().continue_score:
            derived.append(f"faces.continue_score={args.thresh}")
    settings = load(args, *derived).settings
    jobs = planned(args.paths, boxes=args.boxes, force=args.force)
    worst = 0
    with Interrupts() as interrupts, ProgressBar(sys.stderr, jobs=len(jobs)) as bar:

        def report(done_s: float, total_s: float | None) -> None:
            interrupts.check()
            bar.reach(done_s, total_s)

        for job in jobs:
            bar.begin(job.source.name)
            try:
                print("\n".join(summary(rewrite(job, settings, report))))
            except MonitorError as error:
                # The other recordings are not to blame.
                print(f"{PROGRAM}: {error}", file=sys.stderr)
                worst = max(worst, error.exit_code)
    return worst


def _audit(args: argparse.Namespace) -> int:
    from monitor.interrupts import Interrupts
    from monitor.outputs.progress import ProgressBar
    from streams.audit import page, report
    from streams.audit.plan import AuditPlan, Verdict
    from streams.audit.run import audit
    from streams.recording.target import write_text

    settings = load(args).settings
    plan = AuditPlan(
        args.original,
        args.deidentified,
        boxes=args.boxes,
        speakers=args.speakers,
        every=args.every,
        voice=settings.voice,
        seed=settings.seed or 0,
    )
    with Interrupts() as interrupts, ProgressBar(sys.stderr, jobs=1) as bar:

        def progress(part: str, done_s: float, total_s: float | None) -> None:
            interrupts.check()
            bar.part(part)
            bar.reach(done_s, total_s)

        found = audit(plan, progress)
    print(report.table(found))
    for path, text in ((args.json, report.as_json), (args.html, page.html)):
        if path is not None:
            write_text(path, text(found))
    return 1 if found.verdict is Verdict.FAILED else 0
