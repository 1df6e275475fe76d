"""The command line's entry: parse, run the command, return its exit code. The commands are in `commands/`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from commands import calibrate, config, devices, doctor, evaluate, export, files, journal, models, report, session
from commands.flags import PROGRAM
from commands.parser import CommandParser
from configs.errors import MonitorError
from streams.models.quiet import only_python_speaks

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
    families = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=CommandParser)
    for family in (session, journal, report, export, files, evaluate, calibrate, models, config, devices, doctor):
        family.add(families)
    return parser


if __name__ == "__main__":
    sys.exit(main())
