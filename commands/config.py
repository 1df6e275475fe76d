"""`config`: the settings in force."""

from __future__ import annotations

import argparse

from commands.flags import Families, common_flags, load, model_flags, settings_flags


def add(families: Families) -> None:
    """Add the commands about settings."""
    config = families.add_parser("config", help="settings").add_subparsers(required=True, metavar="WHAT")
    parents = [common_flags(), settings_flags(), model_flags()]
    show = config.add_parser("show", parents=parents, help="effective values and where each came from")
    show.set_defaults(run=_show)
    check = config.add_parser("check", parents=parents, help="say whether the settings are valid")
    check.set_defaults(run=_check)


def _show(args: argparse.Namespace) -> int:
    from configs.load import show

    print(show(load(args)))
    return 0


def _check(args: argparse.Namespace) -> int:
    loaded = load(args)
    print(f"profile {loaded.profile}: ok")
    return 0
