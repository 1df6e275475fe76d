"""`report`: a journal as one page that explains a session."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from commands.flags import JOURNAL_HELP, PROGRAM, Families, common_flags
from configs.errors import ConfigError
from configs.yamlfile import printable


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
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="default: the journal's name with .html, here; with --share shared.html",
    )
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

    args.journal = find_journal(args.journal)
    # A journal's name is its session's id, which may tell what was recorded.
    out = args.out if args.out is not None else Path("shared.html" if args.share else f"{args.journal.stem}.html")
    _refuse(args, out)
    view = read_view(args.journal)
    found = contents(view, running=view.end is None and _written(args.journal), share=args.share)
    text = page(found, version(PROGRAM)).encode()
    charts = [chart for section in found.sections for chart in section.charts] if args.plots is not None else []
    plots = {args.plots / f"{chart.name}.{ending}": (chart, ending) for chart in charts for ending in ENDINGS}
    if not args.force and (taken := next((path for path in plots if path.exists()), None)):
        raise ConfigError(f"{printable(str(taken), 200)}: is there already; name another folder, or add --force")
    made = chain([(out, text)], ((path, chart.file(ending)) for path, (chart, ending) in plots.items()))
    _write(made, folder=args.plots, force=args.force)
    print(f"Written to {printable(str(out), 200)} ({len(text) / 1e6:.1f} MB)")
    if plots:
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


def _write(made: Iterable[tuple[Path, bytes]], *, folder: Path | None, force: bool) -> None:
    """Write files of the user's own, some of them in a folder that may have to be made: all of them or none."""
    from monitor.export.sinks import WholeFile, told

    with contextlib.ExitStack() as closing:
        if folder is not None and not folder.exists():
            with told(folder):
                folder.mkdir(mode=0o700, parents=True)
            closing.callback(_remove_empty, folder)
        files = []
        for path, data in made:
            file = WholeFile(path, force=force)
            closing.callback(file.abandon)
            file.write(data)
            files.append(file)
        for file in files:
            file.settle()
        for file in files:
            file.finish()


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
