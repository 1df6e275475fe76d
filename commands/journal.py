"""`journal`: which sessions there are, what they say, whether their journals are whole, and for how long they stay."""

from __future__ import annotations

import argparse
import sys
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.flags import PROGRAM, Families, common_flags
from configs.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from monitor.journals.prune import Act
    from monitor.journals.verify import Form
    from monitor.outputs.theme import Theme
    from monitor.reading import Entry

_TOLD: Final = 20
"""Problems of one journal that are told one by one."""


def add(families: Families) -> None:
    """Add the commands about journals."""
    journal = families.add_parser("journal", help="list, read, check and delete journals")
    kinds = journal.add_subparsers(required=True, metavar="WHAT")
    _add_ls(kinds.add_parser("ls", parents=[common_flags()], help="the sessions of a folder, newest first"))
    _add_tail(kinds.add_parser("tail", parents=[common_flags()], help="the last lines, and those to come"))
    _add_verify(kinds.add_parser("verify", parents=[common_flags()], help="whether journals are whole and in order"))
    _add_prune(kinds.add_parser("prune", parents=[common_flags()], help="delete journals that are too old"))


def _add_ls(parser: argparse.ArgumentParser) -> None:
    parser.description = "List sessions. Times are UTC; of a session at max speed, when its journal was last written."
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: where journals go")
    parser.add_argument("--json", action="store_true", help="a JSON list on stdout")
    parser.set_defaults(run=_ls)


def _add_tail(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show a journal's last lines in words, or as they are. --follow ends with the session."
    parser.add_argument("journal", metavar="JOURNAL|SESSION|latest", help="a file, a session's id, or the newest")
    parser.add_argument("-n", type=_count, default=20, metavar="N", help="how many lines (default: 20; 0: none)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with the lines to come")
    parser.add_argument("--kinds", type=_kinds, metavar="K,K", help="these only, as in verdict,estimate,nfbl")
    parser.add_argument("--json", action="store_true", help="the lines as they are in the file")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    parser.set_defaults(run=_tail)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.description = "Look at every line of journals. Exit code 1 where something is wrong with one."
    parser.add_argument("journals", nargs="+", metavar="JOURNAL|SESSION|latest")
    parser.add_argument("--schema", action="store_true", help="hold every line to the published JSON schema too")
    parser.set_defaults(run=_verify)


def _add_prune(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Delete the journals of a folder that were last written longer ago than --keep, for good. One that is being "
        "written stays, and so does one that is not delivered yet (--force). Nothing is asked; --dry-run only tells."
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: where journals go")
    parser.add_argument("--keep", required=True, type=_age, metavar="AGE", help="as in 30d, 12h, 2w, 90m")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be deleted")
    parser.add_argument("--force", action="store_true", help="delete also what is not delivered yet")
    parser.set_defaults(run=_prune)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 7:
        raise argparse.ArgumentTypeError(f"'{text}' is no count of lines")
    return int(text)


def _age(text: str) -> int:
    from configs.age import age_s

    try:
        return age_s(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _kinds(text: str) -> frozenset[str]:
    from monitor.journals.words import KINDS

    kinds = frozenset(text.split(","))
    if unknown := kinds - KINDS:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: no such kind; {', '.join(sorted(KINDS))}")
    return kinds


def _ls(args: argparse.Namespace) -> int:
    from monitor.journals.find import default_folder
    from monitor.journals.listing import journals_in
    from monitor.journals.owed import debts
    from monitor.journals.table import as_json, table

    folder = args.folder or default_folder()
    if args.folder is None and not folder.is_dir():
        print("[]" if args.json else f"no journals yet in {folder}")
        return 0
    listing = journals_in(folder, debts().of)
    if args.json:
        print(as_json(listing))
        return 0
    for line in table(listing, _theme(ascii_only=False)):
        print(line)
    return 0


def _tail(args: argparse.Namespace) -> int:
    from monitor.journals.find import find_journal
    from monitor.journals.words import told
    from monitor.reading import read_journal

    path, theme = find_journal(args.journal), _theme(ascii_only=args.ascii)
    seq = 0

    def seen(entries: Iterator[Entry]) -> Iterator[str]:
        nonlocal seq
        for entry in entries:
            seq = entry.seq
            if args.kinds is None or entry.record.kind in args.kinds:
                yield entry.line if args.json else told(entry.record, theme)

    for line in deque(seen(read_journal(path)), maxlen=args.n):
        print(line)
    if args.follow:
        sys.stdout.flush()
        for line in seen(_followed(path, seq)):
            print(line, flush=True)
    return 0


def _followed(path: Path, after: int) -> Iterator[Entry]:
    from monitor.interrupts import Interrupts
    from monitor.journals.follow import follow

    pause = threading.Event()
    with Interrupts() as interrupts:

        def wait(seconds: float) -> None:
            interrupts.check()
            pause.wait(seconds)
            interrupts.check()

        yield from follow(path, after=after, wait=wait, tell=_note)


def _note(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr)


def _verify(args: argparse.Namespace) -> int:
    from monitor.journals.find import find_journal

    form = None
    if args.schema:
        from monitor.journals.verify import published_form

        try:
            form = published_form()
        except ImportError:
            raise ConfigError("--schema needs the package jsonschema: pip install jsonschema") from None
    sound = True
    for name in args.journals:
        try:
            sound &= _verified(find_journal(name), form)
        except JournalError as error:
            _note(str(error))
            sound = False
    return 0 if sound else 1


def _verified(path: Path, form: Form | None) -> bool:
    from monitor.journals.verify import Verification

    verification = Verification(path, form=form)
    count = 0
    for problem in verification.problems():
        count += 1
        if count <= _TOLD:
            print(f"{path}:{f'{problem.line}:' if problem.line else ''} {problem.text}")
    if count > _TOLD:
        print(f"{path}: {count - _TOLD} more")
    found = verification.found
    if not count:
        passed = f", {found.unknown} of kinds that are not known here" if found.unknown else ""
        print(f"{path}: sound, {found.lines} lines, {found.state}{passed}")
    return not count


def _prune(args: argparse.Namespace) -> int:
    from monitor.journals.find import default_folder
    from monitor.journals.prune import Done, Pruning
    from monitor.journals.table import size
    from monitor.outputs.cells import counted
    from streams.clock import utc_now

    usual = default_folder()
    folder = args.folder or usual
    if args.folder is not None and not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    before_s = datetime.fromisoformat(utc_now()).timestamp() - args.keep
    pruning = Pruning(folder, before_s=before_s, dry=args.dry_run, force=args.force)
    counts = dict.fromkeys(Done, 0)
    nbytes = 0
    for act in _acts(pruning.run(), dry=args.dry_run):
        counts[act.done] += 1
        nbytes += act.nbytes
    if folder.resolve() == usual.resolve():
        list(_acts(pruning.mend(), dry=args.dry_run))
    would = "would delete" if args.dry_run else "deleted"
    gone = f"{counted(counts[Done.DELETED], 'journal')} ({size(nbytes)})"
    failed = f", {counts[Done.FAILED]} cannot be deleted" if counts[Done.FAILED] else ""
    print(f"{would} {gone}, {counts[Done.KEPT]} that are due kept{failed}")
    return 1 if failed else 0


def _acts(acts: Iterator[Act], *, dry: bool) -> Iterator[Act]:
    for act in acts:
        why = f" ({act.why})" if act.why else ""
        print(f"{'would be ' if dry and act.done in {'deleted', 'mended'} else ''}{act.done.value} {act.path}{why}")
        yield act


def _theme(*, ascii_only: bool) -> Theme:
    from monitor.doctor.terminal import writes_unicode
    from monitor.outputs.theme import Theme

    return Theme(ascii_only=ascii_only or not writes_unicode(sys.stdout))
