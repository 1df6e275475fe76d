"""The commands' own defaults."""

from __future__ import annotations

import io

import pytest

import cli
from monitor.outputs.progress import ProgressBar

pytestmark = pytest.mark.unit


def test_the_profile_of_one_command_is_not_that_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    # `deidentify` is offline unless told otherwise; a live command with its settings would show all a second late.
    assert cli.main(["config", "check"]) == 0
    assert "profile default" in capsys.readouterr().out


class Screen(io.StringIO):
    """A terminal that keeps what is drawn on it."""

    def isatty(self) -> bool:
        return True


def test_parts_of_a_job_are_named_as_they_come() -> None:
    screen = Screen()
    with ProgressBar(screen, jobs=1) as bar:
        for part, done_s in (("faces", 1.0), ("faces", 2.0), ("voice", 1.0)):
            bar.part(part)
            bar.reach(done_s, 4.0)
    assert "faces" in screen.getvalue()
    assert "voice" in screen.getvalue()


def test_a_part_that_goes_on_is_not_another_job() -> None:
    screen = Screen()
    with ProgressBar(screen, jobs=2) as bar:
        for part in ("faces", "faces", "voice"):
            bar.part(part)
    assert "2/2 voice" in screen.getvalue()
