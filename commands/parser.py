"""The parser of every command: argparse's, and a command of several kinds may have one that need not be named."""

from __future__ import annotations

import argparse
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """A parser that may put the name of a sub-command before arguments that name none."""

    default_command: str | None = None
    """The sub-command that is meant where none is named."""
    commands: frozenset[str] = frozenset()
    """The sub-commands there are."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401 - argparse's own
        """As argparse does, with the default's name put in where it is missing."""
        if self.default_command is not None and args and args[0] not in {*self.commands, "-h", "--help"}:
            args = [self.default_command, *args]
        return super().parse_known_args(args, namespace)
