"""The process in which a section's probes run, for what they import may crash or hang: one line of JSON for each probe.

Started as `python -P -m monitor.doctor.child MODULE NUMBER...` with what is asked on standard input.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import signal
import sys
from typing import Final, TextIO

from configs.settings import Settings
from monitor.doctor.check import Check, Status
from monitor.doctor.probe import Asked, Section, answer

AFTER_S: Final = 5.0
"""How long after its limit a probe ends by itself, should nobody be left who ends it."""


def packed(asked: Asked) -> str:
    """What is asked, as text for standard input: settings may hold an address with a password."""
    plain = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)}
    return json.dumps({**plain, "settings": asked.settings.model_dump(mode="json")})


def unpacked(text: str) -> Asked:
    """The inverse of `packed`."""
    plain = json.loads(text)
    settings = Settings.model_validate_json(json.dumps(plain.pop("settings")))
    return Asked(settings=settings, **plain)


def packed_checks(checks: list[Check]) -> str:
    """Checks as one line."""
    return json.dumps([dataclasses.asdict(check) for check in checks])


def unpacked_checks(line: str) -> list[Check]:
    """The inverse of `packed_checks`."""
    return [Check(**{**plain, "status": Status(plain["status"])}) for plain in json.loads(line)]


def main() -> int:
    """Run the probes of the section in the named module that have these numbers."""
    answers = _own_output()
    asked = unpacked(sys.stdin.read())
    section: Section = importlib.import_module(sys.argv[1]).SECTION
    for number in sys.argv[2:]:
        probe = section.probes[int(number)]
        signal.setitimer(signal.ITIMER_REAL, probe.limit_s + AFTER_S)
        print(packed_checks(answer(section, probe, asked)), file=answers, flush=True)
    # Not by way of the interpreter's end, where native libraries that threads still use crash.
    os._exit(0)


def _own_output() -> TextIO:
    """Standard output for the answers alone: what a library prints goes where standard error goes."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(answers, "w", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
