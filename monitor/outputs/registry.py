"""From the word after `--ui` to the outputs of one or several streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TextIO

from rich.console import Console

from configs.errors import ConfigError
from monitor.outputs.base import Command, Output
from monitor.outputs.cells import harmless
from monitor.outputs.dashboard.screen import Screen
from monitor.outputs.dashboard.terminal import TerminalOutput
from monitor.outputs.jsonlines import JsonOutput
from monitor.outputs.lines import LinesOutput
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


def choose_outputs(
    ui: str,
    names: Sequence[str],
    *,
    stdout: TextIO,
    environ: Mapping[str, str],
    ascii_only: bool,
    on_command: Callable[[int, Command], None],
) -> list[Output]:
    """An output for each stream in `names`, for `ui` (one of `UIS`); on a terminal all share one screen.

    `on_command` is given a stream's index. Colours follow NO_COLOR and FORCE_COLOR in `environ`; a file that cannot
    encode the glyphs gets ASCII. Raises ConfigError for an unknown `ui`, and for `full` where there is no screen.
    """
    theme = Theme(ascii_only=ascii_only or not _writes_unicode(stdout))
    capable = stdout.isatty() and environ.get("TERM", "") not in {"dumb", "unknown"}
    if ui == "auto":
        ui = "full" if capable else "plain"
    shown = _told_apart([harmless(name, theme) for name in names])

    def on_any(command: Command) -> None:
        for index in range(len(names)):
            on_command(index, command)

    match ui:
        case "full" if not capable:
            raise ConfigError("--ui full needs a terminal, and standard output is none: use --ui plain or --ui json")
        case "full":
            # FORCE_COLOR may say that a pipe takes colours; whether this is a terminal is known here.
            console = Console(file=stdout, force_terminal=True, _environ=environ)
            screen = Screen(console, shown, on_command=on_command, theme=theme)
            return [TerminalOutput(screen, index) for index in range(len(names))]
        case "plain":
            prefixes = [f"[{name}] " for name in shown] if len(names) > 1 else [""]
            return [LinesOutput(stdout, theme=theme, on_command=on_any, prefix=prefix) for prefix in prefixes]
        case "json":
            return [JsonOutput(stdout, on_command=on_any) for _ in names]
        case "none":
            return [SilentOutput() for _ in names]
        case _:
            raise ConfigError(f"--ui {ui} is unknown: use one of {', '.join(UIS)}")


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, those that are there already with a number."""
    shown: list[str] = []
    for name in names:
        number, told = 1, name
        while told in shown:
            number += 1
            told = f"{name} ({number})"
        shown.append(told)
    return shown


def _writes_unicode(file: TextIO) -> bool:
    encoding = getattr(file, "encoding", None) or "ascii"
    try:
        "●".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
