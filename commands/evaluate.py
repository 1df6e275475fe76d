"""`evaluate`: what is reported held against what people labelled; here `evaluate nfbl`."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commands import evaluate_dataset
from commands.flags import Families, common_flags, load, settings_flags, speed
from commands.parser import CommandParser
from configs.errors import ConfigError

if TYPE_CHECKING:
    from configs.load import Loaded
    from monitor.evaluate.journals import Run
    from monitor.evaluate.runs import Places


def add(families: Families) -> None:
    """Add the commands that measure how right the program is."""
    evaluate = families.add_parser("evaluate", help="compare what is reported with what people labelled")
    kinds = evaluate.add_subparsers(required=True, metavar="DATASET|nfbl")
    evaluate_dataset.add(kinds)
    nfbl = kinds.add_parser(
        "nfbl", parents=[common_flags(), settings_flags()], help="body language: segments, false alarms, delay"
    )
    nfbl.description = (
        "Run labelled recordings, or read the journals of earlier runs, and compare the events with the labels: "
        "segment F1, onsets, false alarms, delay, what could not be seen, rates. Clips that are neither labelled nor "
        "named as negatives are left alone: nobody said that they show nothing."
    )
    group = nfbl.add_argument_group("what is compared")
    group.add_argument(
        "--labels", type=Path, required=True, metavar="CSV", help="clip,class,start_s,end_s[,side,certainty,alt,rater]"
    )
    group.add_argument("--media", type=Path, metavar="DIR", help="recordings to run, in this folder or below it")
    group.add_argument(
        "--predictions",
        type=Path,
        metavar="PATH",
        help="read a journal, or a folder of <clip stem>.jsonl, and run nothing",
    )
    group.add_argument(
        "--negatives", nargs="+", default=[], metavar="NAME|GLOB", help="recordings that show no body language at all"
    )
    group.add_argument("--rater", metavar="NAME", help="take the labels of one rater")
    group = nfbl.add_argument_group("how")
    group.add_argument(
        "--speed", type=speed, default=None, metavar="X|max", help="of the runs: max (default), 1 for the real delay"
    )
    group.add_argument(
        "--onset-tolerance", type=_tolerance, default=0.5, metavar="S", help="onsets this close agree (default: 0.5)"
    )
    group.add_argument(
        "--leave-out", type=_classes, metavar="IDS|none", help="classes that do not count (default: N1,N25,N28,N31-33)"
    )
    group.add_argument(
        "--no-excuse", action="store_true", help="count reports over left-out labels of their own group as false"
    )
    group = nfbl.add_argument_group("output")
    group.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    group.add_argument("--timeline", type=Path, metavar="FILE.svg", help="draw labels above reports, clip by clip")
    group.add_argument("--keep", type=Path, metavar="DIR", help="keep the journals of the runs, for --predictions")
    nfbl.set_defaults(run=_nfbl)
    assert isinstance(evaluate, CommandParser)
    evaluate.default_command, evaluate.commands = evaluate_dataset.NAME, frozenset(kinds.choices)
    evaluate.epilog = "A dataset in a folder that is called nfbl or dataset is written ./nfbl or ./dataset."


def _tolerance(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0.0 < value <= 10.0):
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 10 seconds")
    return value


def _classes(text: str) -> frozenset[str]:
    from configs.taxonomy import taxonomy

    if text == "none":
        return frozenset()
    found = {name: taxonomy().find(name) for name in text.split(",")}
    unknown = [name for name, one in found.items() if one is None]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: no such class; N0 to N34 or none, as in N1,N25")
    return frozenset(one.id for one in found.values() if one is not None)


def _nfbl(args: argparse.Namespace) -> int:
    from monitor.evaluate import table
    from monitor.evaluate.evaluation import clips_of, evaluate
    from monitor.evaluate.figures import Options
    from monitor.evaluate.labels import read_labels
    from monitor.evaluate.runs import CHEAP, Places, journals, recordings
    from monitor.evaluate.segments import LEFT_OUT
    from monitor.evaluate.timeline import timeline
    from streams.recording.target import write_text

    if args.media is None and args.predictions is None:
        raise ConfigError("evaluate nfbl: give --media DIR to run the clips, or --predictions to read their journals")
    loaded = load(args, *CHEAP)
    labels = read_labels(args.labels, rater=args.rater)
    if args.predictions is None:
        if loaded.settings.nfbl.source == "off":
            raise ConfigError("evaluate nfbl: nfbl.source is off, so there is nothing to compare; set it to live")
        places = recordings(args.media, labels.clips, args.negatives)
        runs = _run(args, loaded, places)
    elif args.predictions.is_file():
        runs, places = _one(args), Places({}, ())
    else:
        places = journals(args.predictions, labels.clips, args.negatives)
        runs = _read(places)
    options = Options(
        left_out=LEFT_OUT if args.leave_out is None else args.leave_out,
        excuse=not args.no_excuse,
        onset_tolerance_s=args.onset_tolerance,
        seed=loaded.settings.seed or 0,
    )
    clips = clips_of(labels, runs, places.negatives)
    found = evaluate(labels, clips, (run.feed for run in runs.values()), options)
    print(table.table(found))
    if args.json is not None:
        write_text(args.json, table.as_json(found))
    if args.timeline is not None:
        write_text(args.timeline, timeline(clips, found))
    return 0


def _run(args: argparse.Namespace, loaded: Loaded, places: Places) -> dict[str, Run]:
    from monitor.evaluate.runs import journal_names, run_clip
    from monitor.outputs.progress import ProgressBar

    names = journal_names(places.files)
    runs: dict[str, Run] = {}
    with contextlib.ExitStack() as closing:
        folder = args.keep or Path(
            closing.enter_context(tempfile.TemporaryDirectory(prefix="emotion-monitor-evaluate-"))
        )
        bar = closing.enter_context(ProgressBar(sys.stderr, jobs=len(places.files)))
        for clip, path in places.files.items():
            bar.begin(clip)
            runs[clip] = run_clip(path, folder / names[clip], loaded, speed=args.speed, progress=bar.reach)
    return runs


def _read(places: Places) -> dict[str, Run]:
    from monitor.evaluate.journals import read_run

    return {clip: read_run(path) for clip, path in places.files.items()}


def _one(args: argparse.Namespace) -> dict[str, Run]:
    from monitor.evaluate.journals import read_run

    if args.negatives:
        raise ConfigError(
            "evaluate nfbl: one journal is of one labelled clip; for --negatives name a folder of journals"
        )
    run = read_run(args.predictions)
    return {run.source: run}
