"""`doctor`: what this machine has and lacks, each line with its remedy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from commands.flags import Families, common_flags, load, model_flags, publishing_flags, settings_flags
from configs.errors import ConfigError

if TYPE_CHECKING:
    from monitor.doctor.check import Check
    from monitor.doctor.probe import Asked


def add(families: Families) -> None:
    """Add the command."""
    doctor = families.add_parser(
        "doctor",
        parents=[common_flags(), settings_flags(), model_flags(), publishing_flags()],
        help="check what this machine has and lacks, with remedies",
    )
    doctor.description = "Check this machine. Exit code 1 where something that is asked for cannot work."
    doctor.add_argument("--source", metavar="URI", help="open this source too, for a few seconds")
    doctor.add_argument("--json", action="store_true", help="a JSON list of checks on stdout")
    doctor.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    doctor.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from rich.console import Console

    from monitor.doctor.examine import examine, failed
    from monitor.doctor.show import as_json, lines
    from monitor.doctor.terminal import writes_unicode

    checks: list[Check] = []

    def kept() -> Iterator[Check]:
        for check in examine(_asked(args), verbose=args.verbose):
            checks.append(check)
            yield check

    if args.json:
        print(as_json(list(kept())))
    else:
        console = Console(file=sys.stdout, _environ=os.environ)
        ascii_only = args.ascii or not writes_unicode(sys.stdout)
        for line in lines(kept(), ascii_only=ascii_only, width=console.width if console.is_terminal else None):
            console.print(line, soft_wrap=True)
    return 1 if failed(checks) else 0


def _asked(args: argparse.Namespace) -> Asked:
    """What to look at; settings that are wrong are one of the things to tell, and then the defaults are looked at."""
    from configs.settings import Settings
    from monitor.doctor.probe import Asked
    from streams.clock import monotonic_s, utc_now

    began_s, began_at = monotonic_s(), utc_now()
    try:
        loaded = load(args)
    except ConfigError as error:
        return Asked(Settings(), fault=str(error), source=args.source, began_s=began_s, began_at=began_at)
    return Asked(loaded.settings, loaded.profile, source=args.source, began_s=began_s, began_at=began_at)
