"""`export`: a journal as tables, annotations or cues for other programs."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

from commands.flags import JOURNAL_HELP, PROGRAM, Families, common_flags

_FORMS = ("csv", "parquet", "eaf", "vtt", "jsonl")


def add(families: Families) -> None:
    """Add the command that hands a journal to other programs."""
    export = families.add_parser(
        "export", parents=[common_flags()], help="a journal as CSV, Parquet, ELAN annotations or WebVTT cues"
    )
    export.description = (
        "Make of a journal, ended or still being written, what other programs read: tables (csv, parquet), tiers for "
        "ELAN (eaf), cues over the recording (vtt), or its own lines by kind (jsonl). Times are media time in seconds."
    )
    export.add_argument("journal", metavar="JOURNAL", help=JOURNAL_HELP)
    export.add_argument("--to", choices=_FORMS, required=True, help="what is made of it")
    export.add_argument(
        "--kinds", type=_kinds, default=(), metavar="KIND,...", help="which lines, such as verdict,nfbl"
    )
    export.add_argument(
        "--out", metavar="PATH", help="a file, or a folder for several tables (default: standard output)"
    )
    export.add_argument("--follow", action="store_true", help="go on until the session ends, or Ctrl-C")
    export.add_argument("--force", action="store_true", help="replace files that exist")
    export.add_argument(
        "--share", action="store_true", help="leave out all words, names of sources and devices, consent and notices"
    )
    export.add_argument("--media", type=Path, metavar="FILE", help="eaf: the recording that ELAN opens with it")
    export.add_argument(
        "--offset", type=_offset, metavar="S", help="eaf, vtt: where in the recording the session begins (default: 0)"
    )
    export.set_defaults(run=_export)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in text.split(","))
    if not all(kinds):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of kinds: write such as verdict,nfbl")
    return kinds


def _offset(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return value


def _export(args: argparse.Namespace) -> int:
    import threading

    from configs.yamlfile import printable
    from monitor.export.export import export
    from monitor.export.order import Form, Order
    from monitor.interrupts import Interrupts
    from monitor.journals.find import find_journal
    from streams.clock import utc_now

    order = Order(
        journal=find_journal(args.journal),
        to=Form(args.to),
        kinds=args.kinds,
        out=None if args.out in {None, "-"} else Path(args.out),
        folder=args.out is not None and args.out.endswith(os.sep),
        follow=args.follow,
        force=args.force,
        share=args.share,
        media=args.media,
        offset_s=args.offset,
        date=utc_now(),
    )
    pause, stopped = threading.Event(), threading.Event()
    with Interrupts() as interrupts:

        def check() -> None:
            try:
                interrupts.check()
            except KeyboardInterrupt:
                stopped.set()
                raise

        def wait(time_s: float) -> None:
            pause.wait(time_s)
            check()

        def tell(text: str) -> None:
            print(f"{PROGRAM}: {text}", file=sys.stderr)

        written = export(order, check=check, wait=wait, tell=tell)
    if written:
        counts = ", ".join(f"{printable(one.path.name)} {one.count}" for one in written)
        print(f"Written to {printable(str(written[0].path.parent), 200)}: {counts}", file=sys.stderr)
    return 130 if stopped.is_set() else 0
