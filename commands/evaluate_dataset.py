"""`evaluate DATASET`: the paper's tables over labelled videos, from whatever describes and judges."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.flags import PROGRAM, Families, common_flags, load, model_flags, settings_flags
from configs.yamlfile import printable

if TYPE_CHECKING:
    from monitor.evaluate.dataset.found import Found
    from monitor.evaluate.dataset.trials import Modality

NAME: Final = "dataset"

_SHOWN: Final = 10
"""Failures that are told one by one."""


def add(kinds: Families) -> None:
    """Add the evaluation of a dataset, the one that is meant where none is named."""
    parser = kinds.add_parser(
        NAME,
        parents=[common_flags(), settings_flags(), model_flags()],
        help="labelled videos: the paper's tables (meant where no kind is named)",
    )
    parser.description = (
        "Show each video, or parts of it, to a describer and a judge and hold the answers against the labels: "
        "accuracy, precision, recall, F-score and confidence as in the paper, beside the majority baseline, intervals "
        "and calibration. What was interrupted goes on with the same command."
    )
    parser.usage = f"{PROGRAM} evaluate DATASET [options]"
    parser.add_argument(
        "folder", type=Path, metavar="DATASET", help="folder with labels.csv (video,label), videos, perhaps nfbl/"
    )
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--protocol",
        default="full",
        metavar="full|NAME|PATH",
        help="all videos (default), those in splits/NAME.txt or of the column split, or those of a list",
    )
    group.add_argument(
        "--modalities",
        type=_modalities,
        default="v,va,van",
        metavar="LIST",
        help="of v (frames), va (and sound), van (and body language) (default: all)",
    )
    group.add_argument(
        "--lengths",
        type=_lengths,
        default="20,50,70,100",
        metavar="LIST",
        help="percent of each video that is shown (default: 20,50,70,100)",
    )
    group.add_argument(
        "--seeds", type=_count, default=5, metavar="N", help="parts drawn for each length below 100 (default: 5)"
    )
    group.add_argument("--limit", type=_count, metavar="N", help="only the first N videos, to try things out")
    group = parser.add_argument_group("how")
    group.add_argument("--out", type=Path, metavar="DIR", help="answers, tables and plots (default: ./NAME-evaluation)")
    group.add_argument(
        "--jobs", type=_count, metavar="N", help="videos de-identified side by side (default: half of the cores)"
    )
    group.add_argument(
        "--asks", type=_count, default=1, metavar="N", help="questions put to a server side by side (default: 1)"
    )
    parser.set_defaults(run=_run)


def _count(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return value


def _modalities(text: str) -> tuple[Modality, ...]:
    from monitor.evaluate.dataset.trials import Modality

    try:
        found = [Modality(name.strip()) for name in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: expected some of v,va,van") from error
    return tuple(dict.fromkeys(found))


def _lengths(text: str) -> tuple[int, ...]:
    from monitor.evaluate.dataset.trials import LEAST_LENGTH, WHOLE

    found = [int(one) if one.strip().isdecimal() else 0 for one in text.split(",")]
    if not all(LEAST_LENGTH <= one <= WHOLE for one in found):
        raise argparse.ArgumentTypeError(f"{text}: expected percents from {LEAST_LENGTH} to {WHOLE}, as in 20,50,100")
    return tuple(sorted(set(found)))


def _run(args: argparse.Namespace) -> int:
    from monitor.evaluate.dataset.folder import read_dataset
    from monitor.evaluate.dataset.found import figures_of
    from monitor.evaluate.dataset.run import Plan, run
    from monitor.evaluate.dataset.tables import markdown
    from monitor.outputs.progress import ProgressBar

    loaded = load(args)
    out = args.out or Path(f"{args.folder.resolve().name}-evaluation")
    plan = Plan(
        dataset=read_dataset(args.folder, protocol=args.protocol, limit=args.limit, leave_out=out),
        settings=loaded.settings,
        modalities=args.modalities,
        lengths=args.lengths,
        seeds=args.seeds,
        out=out,
        jobs=args.jobs or max(1, (os.cpu_count() or 1) // 2),
        asks=args.asks,
    )
    try:
        with ProgressBar(sys.stderr, jobs=1) as bar:
            answers = run(plan, bar.count)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; the same command goes on where it was", file=sys.stderr)
        raise
    found = figures_of(plan, answers)
    print(markdown(found), end="")
    _write(found, out)
    _tell(answers.notices, answers.failures)
    return 1 if answers.failures else 0


def _write(found: Found, out: Path) -> None:
    from monitor.evaluate.dataset import plots, tables
    from streams.recording.target import write_text

    for name, text in (
        ("results.md", tables.markdown(found)),
        ("results.json", tables.as_json(found)),
        ("results.csv", tables.as_csv(found)),
        ("accuracy.svg", plots.accuracy(found)),
        ("reliability.svg", plots.reliability(found)),
    ):
        write_text(out / name, text)


def _tell(notices: tuple[str, ...], failures: tuple[str, ...]) -> None:
    for notice in notices:
        print(f"{PROGRAM}: {printable(notice, 400)}", file=sys.stderr)
    for failure in failures[:_SHOWN]:
        print(f"{PROGRAM}: {printable(failure, 400)}", file=sys.stderr)
    if len(failures) > _SHOWN:
        print(f"{PROGRAM}: and {len(failures) - _SHOWN} more without an answer", file=sys.stderr)
