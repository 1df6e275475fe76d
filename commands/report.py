"""`report`: a journal as one page that explains a session."""

from __future__ import annotations

import argparse
import contextlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import Final

from commands.flags import JOURNAL_HELP, PROGRAM, Families, common_flags
from configs.errors import ConfigError
from configs.yamlfile import printable

_PRIVATE: Final = 0o600
"""A report tells as much as the journal it is made from, and is its user's alone as that is."""


def add(families: Families) -> None:
    """Add the command."""
    command = families.add_parser(
        "report", parents=[common_flags()], help="a session as one HTML page that needs no network"
    )
    command.description = (
        "Make a page of a journal, also of one that is still written: the estimate over time, body language against "
        "the person's own rate, windows and verdicts, what could not be observed, and how the session did."
    )
    command.add_argument("journal", metavar="JOURNAL", help=JOURNAL_HELP)
    command.add_argument("--out", type=Path, metavar="FILE.html", help="default: the journal's name with .html, here")
    command.add_argument("--plots", type=Path, metavar="FOLDER", help="also write each chart as PNG and SVG")
    command.add_argument(
        "--share", action="store_true", help="leave out names, notes, notices and the models' words: to be passed on"
    )
    command.add_argument("--force", action="store_true", help="replace files that exist")
    command.set_defaults(run=_report)


def _report(args: argparse.Namespace) -> int:
    try:
        from monitor.report.charts import ENDINGS
        from monitor.report.contents import contents
        from monitor.report.page import page
    except ImportError as error:
        if error.name and error.name.partition(".")[0] in {"monitor", "buffers", "configs"}:
            raise
        missing = error.name or str(error)
        raise ConfigError(f"report: {missing} is not installed: pip install 'emotion-monitor[report]'") from None
    from monitor.journals.find import find_journal
    from monitor.session_view import read_view
    from streams.recording.target import told

    args.journal = find_journal(args.journal)
    out = args.out if args.out is not None else Path(f"{args.journal.stem}.html")
    _refuse(args, out)
    view = read_view(args.journal)
    found = contents(view, running=view.end is None and _written(args.journal), share=args.share)
    text = page(found, version(PROGRAM)).encode()
    charts = [chart for section in found.sections for chart in section.charts] if args.plots is not None else []
    plots = {args.plots / f"{chart.name}.{ending}": (chart, ending) for chart in charts for ending in ENDINGS}
    if not args.force and (taken := next((path for path in plots if path.exists()), None)):
        raise ConfigError(f"{printable(str(taken), 200)}: is there already; name another folder, or add --force")
    if plots:
        with told(args.plots):
            args.plots.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(out, text)
    print(f"Written to {printable(str(out), 200)} ({len(text) / 1e6:.1f} MB)")
    if plots:
        for path, (chart, ending) in plots.items():
            _write(path, chart.file(ending))
        print(f"{len(charts)} charts as {' and '.join(ENDINGS)} in {printable(str(args.plots), 200)}")
    return 0


def _refuse(args: argparse.Namespace, out: Path) -> None:
    """Say no before the work is done to what would fail after it, or destroy the journal."""
    name, plots = printable(str(out), 200), args.plots
    if out.is_dir():
        raise ConfigError(f"--out: {name} is a folder; name a file in it")
    if out.exists() and args.journal.exists() and out.samefile(args.journal):
        raise ConfigError(f"--out: {name} is the journal itself; name another file")
    if out.exists() and not args.force:
        raise ConfigError(f"{name}: is there already; name another file, or add --force")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise ConfigError(f"--plots: {printable(str(plots), 200)} is no folder; name one, it is made")


def _written(journal: Path) -> bool:
    from monitor.journals.writer import being_written

    with journal.open("rb") as file:
        return being_written(file)


def _write(path: Path, data: bytes) -> None:
    """Write a file of the user's own, whole or not at all."""
    from streams.recording.target import Target, told

    target = Target(path)
    with contextlib.ExitStack() as closing:
        closing.callback(target.abandon)
        with told(path):
            os.fchmod(target.file.fileno(), _PRIVATE)
            target.file.write(data)
        target.finish()
