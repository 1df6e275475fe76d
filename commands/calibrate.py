"""`calibrate`: a judge's stated probabilities held against labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands.flags import Families, common_flags


def add(families: Families) -> None:
    """Add the command that fits a judge's probabilities to labels."""
    calibrate = families.add_parser(
        "calibrate", parents=[common_flags()], help="fit a judge's probabilities to labelled recordings"
    )
    calibrate.description = (
        "Read the journals of labelled recordings and fit what the judge stated to what people say: Platt scaling or "
        "temperature, cross-validated by recording. --set estimate.calibration=FILE then uses it, with the describer "
        "and the judge it was made for."
    )
    calibrate.add_argument("journals", nargs="+", type=Path, metavar="JOURNAL", help="journals, or folders of *.jsonl")
    calibrate.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="CSV",
        help="recording,label[,start_s,end_s]",
    )
    calibrate.add_argument(
        "--method",
        choices=("auto", "platt", "temperature"),
        default="auto",
        help="auto takes the slope alone below 200 labelled windows",
    )
    calibrate.add_argument(
        "--out", type=Path, default=Path("calibration.json"), metavar="FILE", help="default: calibration.json"
    )
    calibrate.add_argument(
        "--force",
        action="store_true",
        help="write it in spite of few labels or no gain; the file says so",
    )
    calibrate.set_defaults(run=_calibrate)


def _calibrate(args: argparse.Namespace) -> int:
    from configs.yamlfile import printable
    from monitor.calibrate.calibration import calibrate, report
    from monitor.calibrate.collect import collect
    from monitor.calibrate.file import Method
    from monitor.calibrate.labels import read_session_labels
    from streams.recording.target import write_text

    method = None if args.method == "auto" else Method(args.method)
    outcome = calibrate(collect(args.journals, read_session_labels(args.labels)), method, force=args.force)
    print(report(outcome))
    if outcome.better or args.force:
        write_text(args.out, outcome.calibration.text())
        shown = printable(str(args.out), 200)
        print(f"Written to {shown}; use it with --set estimate.calibration={shown}")
    else:
        print("Nothing was written; --force writes it all the same.")
    return 0
