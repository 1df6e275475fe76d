"""`demo` and `replay`: one session, from a source to its journal."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commands.flags import Families, common_flags, load, model_flags, session_flags, settings_flags, speed
from configs.errors import ConfigError

if TYPE_CHECKING:
    from configs.load import Loaded


def add(families: Families) -> None:
    """Add the commands that watch something."""
    parents = [common_flags(), settings_flags(), model_flags(), session_flags()]
    demo = families.add_parser("demo", parents=parents, help="monitor a synthetic interview made on the spot")
    demo.add_argument("--fast", action="store_true", help="as fast as the machine can instead of in real time")
    demo.add_argument("--seconds", type=_seconds, default=60.0, metavar="S", help="length (default: 60)")
    demo.set_defaults(run=_demo)

    replay = families.add_parser("replay", parents=parents, help="replay a recorded file as if it were live")
    replay.add_argument("source", metavar="FILE", help="video or audio file")
    replay.add_argument(
        "--speed", type=speed, default=1.0, metavar="X|max", help="1 real time (default), 2 twice as fast, max"
    )
    replay.set_defaults(run=_replay)


def _seconds(text: str) -> float:
    value = float(text)
    if not 5.0 <= value <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 5 and 3600 seconds")
    return value


def _replay(args: argparse.Namespace) -> int:
    return _run(args, load(args), args.source, args.speed)


def _demo(args: argparse.Namespace) -> int:
    from streams.models.cache import model_path
    from streams.synthetic import make_interview

    if args.nfbl is not None:
        raise ConfigError("the demo brings its own body-language feed; leave --nfbl out, or use replay FILE --nfbl CSV")
    portrait = model_path("portrait")
    with tempfile.TemporaryDirectory(prefix="emotion-monitor-demo-") as folder:
        if args.ui != "json":
            print(f"Making a synthetic interview of {args.seconds:g} s ...", file=sys.stderr)
        interview = make_interview(Path(folder), portrait=portrait, seconds=args.seconds)
        args.nfbl = str(interview.nfbl)
        return _run(args, load(args), str(interview.video), None if args.fast else 1.0)


def _run(args: argparse.Namespace, loaded: Loaded, source: str, speed: float | None) -> int:
    from monitor.session.session import Plan, run

    plan = Plan(source=source, speed=speed, loaded=loaded, journal=args.journal)
    return run(plan, ui=args.ui, ascii_only=args.ascii)
