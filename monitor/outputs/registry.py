"""From the word after `--ui` to an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TextIO

from rich.console import Console

from configs.errors import ConfigError
from monitor.outputs.base import Command, Output
from monitor.outputs.jsonlines import JsonOutput
from monitor.outputs.lines import LinesOutput
from monitor.outputs.terminal import TerminalOutput
from monitor.outputs.theme import Theme
from monitor.snapshot import Snapshot

UIS: Final = ("auto", "full", "plain", "json", "none")
"""Values of `--ui`. `auto` is `full` on a terminal that can move its cursor and `plain` everywhere else."""


class SilentOutput:
    """Shows nothing: the journal is enough."""

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """Say nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""

    async def close(self, last: Snapshot | None) -> None:
        """Leave nothing."""


def choose_output(
    ui: str,
    *,
    stdout: TextIO,
    environ: Mapping[str, str],
    ascii_only: bool,
    on_command: Callable[[Command], None],
) -> Output:
    """The output for `ui` (one of `UIS`).

    Colours follow NO_COLOR and FORCE_COLOR in `environ`; a file that cannot encode the glyphs gets ASCII.
    Raises ConfigError for an unknown `ui`, and for `full` where there is no screen to draw on.
    """
    theme = Theme(ascii_only=ascii_only or not _writes_unicode(stdout))
    capable = stdout.isatty() and environ.get("TERM", "") not in {"dumb", "unknown"}
    if ui == "auto":
        ui = "full" if capable else "plain"
    match ui:
        case "full" if not capable:
            raise ConfigError("--ui full needs a terminal, and standard output is none: use --ui plain or --ui json")
        case "full":
            # FORCE_COLOR may say that a pipe takes colours; whether this is a terminal is known here.
            console = Console(file=stdout, force_terminal=True, _environ=environ)
            return TerminalOutput(console, on_command=on_command, theme=theme)
        case "plain":
            return LinesOutput(stdout, theme=theme, on_command=on_command)
        case "json":
            return JsonOutput(stdout, on_command=on_command)
        case "none":
            return SilentOutput()
        case _:
            raise ConfigError(f"--ui {ui} is unknown: use one of {', '.join(UIS)}")


def _writes_unicode(file: TextIO) -> bool:
    encoding = getattr(file, "encoding", None) or "ascii"
    try:
        "●".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
