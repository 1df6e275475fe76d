"""`watch`, `replay` and `demo`: sessions, from their sources to their journals."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commands.flags import (
    Families,
    common_flags,
    load,
    model_flags,
    publishing_flags,
    session_flags,
    settings_flags,
    speed,
)
from configs.errors import ConfigError

if TYPE_CHECKING:
    from configs.load import Loaded
    from monitor.session.plan import Plan


def add(families: Families) -> None:
    """Add the commands that watch something."""
    parents = [common_flags(), settings_flags(), model_flags(), session_flags(), publishing_flags()]
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
    _add_watch(families.add_parser("watch", parents=parents, help="monitor cameras, microphones, streams, browsers"))


def _add_watch(watch: argparse.ArgumentParser) -> None:
    watch.description = (
        "Watch live sources, each de-identified before anything is kept: camera:NAME, mic:NAME, "
        "av:camera=NAME,mic=NAME, rtsp://, http(s)://, rtmp://, tcp://, udp://, webrtc: (a browser), loop:FILE, or a "
        "file at its own pace. Names are those of `emotion-monitor devices`."
    )
    watch.add_argument("sources", nargs="+", metavar="SOURCE", help="one or several; each is a session of its own")
    group = watch.add_argument_group("session")
    group.add_argument("--consent", metavar="TEXT", help="note in the journal of how the person agreed")
    group.add_argument("--max-duration", type=_duration, metavar="S|H:MM:SS", help="end by itself after so long")
    group.add_argument(
        "--record", type=Path, metavar="FILE.mkv", help="keep the masked video and altered voice (default: nothing)"
    )
    group.add_argument("--force", action="store_true", help="replace a recording that exists")
    watch.set_defaults(run=_watch)


def _seconds(text: str) -> float:
    value = float(text)
    if not 5.0 <= value <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 5 and 3600 seconds")
    return value


def _duration(text: str) -> float:
    """Seconds, or H:MM:SS or MM:SS."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    value = sum(part * 60.0**place for place, part in enumerate(reversed(parts)))
    if not 1 <= len(parts) <= 3 or not all(math.isfinite(part) and part >= 0 for part in parts) or value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no length of time: write seconds, MM:SS or H:MM:SS")
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


def _watch(args: argparse.Namespace) -> int:
    from monitor.journals.retention import retain
    from monitor.session.runner import run
    from streams.clock import utc_now

    if len(args.name) > len(args.sources):
        raise ConfigError(f"--name was given {len(args.name)} times for {len(args.sources)} sources; give each one")
    loaded = load(args)
    names = [*args.name, *[None] * (len(args.sources) - len(args.name))]
    plans = [_plan(args, loaded, source, name) for source, name in zip(args.sources, names, strict=True)]
    retain(loaded.settings.journal, utc_now())
    return run(plans, ui=args.ui, ascii_only=args.ascii)


def _plan(args: argparse.Namespace, loaded: Loaded, source: str, name: str | None) -> Plan:
    from monitor.session.plan import Plan

    several = len(args.sources) > 1
    for flag, path in (("--journal", args.journal), ("--record", args.record)):
        if several and path is not None and not path.is_dir():
            raise ConfigError(f"{flag} {path}: with several sources name a folder that exists; each gets its own file")
    return Plan(
        source=source,
        speed=1.0,
        loaded=loaded,
        journal=None if several else args.journal,
        folder=args.journal if several else None,
        record=None if several else args.record,
        record_in=args.record if several else None,
        force=args.force,
        consent=args.consent,
        max_duration_s=args.max_duration,
        name=name,
    )


def _run(args: argparse.Namespace, loaded: Loaded, source: str, speed: float | None) -> int:
    from monitor.journals.retention import retain
    from monitor.session.plan import Plan
    from monitor.session.runner import run
    from streams.clock import utc_now

    if len(args.name) > 1:
        raise ConfigError(f"--name was given {len(args.name)} times for one source; give one")
    name = args.name[0] if args.name else None
    plan = Plan(source=source, speed=speed, loaded=loaded, journal=args.journal, name=name)
    retain(loaded.settings.journal, utc_now())
    return run([plan], ui=args.ui, ascii_only=args.ascii)
