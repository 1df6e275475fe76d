"""What reaches the terminal: Python's own words, never those of a native library that found something to warn of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.models.quiet import native_quiet, only_python_speaks

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent


def run(program: str, *, code: int = 0) -> str:
    """Standard error of a Python program run in a process of its own, which must end with `code`."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stderr


NATIVE = "os.write(2, b'native');"
PYTHON = "print('python', file=sys.stderr);"


def test_while_a_model_loads_native_words_are_lost_and_afterwards_they_are_not() -> None:
    head = "import os, sys; from streams.models.quiet import native_quiet\n"
    assert run(f"{head}with native_quiet():\n  {NATIVE}\n{PYTHON}") == "python\n"
    assert run(f"{head}with native_quiet():\n  pass\n{NATIVE}") == "native"


def test_a_program_can_keep_standard_error_for_python() -> None:
    head = "import os, sys, logging; from streams.models.quiet import native_quiet, only_python_speaks\n"
    speaks = f"{head}print('before', file=sys.stderr); only_python_speaks()\n"
    assert run(f"{speaks}{NATIVE}{PYTHON}") == "before\npython\n"
    assert run(f"{speaks}logging.warning('logged')").endswith("logged\n")
    assert run(f"{speaks}with native_quiet():\n  {PYTHON}{NATIVE}") == "before\npython\n"
    assert "ValueError" in run(f"{speaks}raise ValueError", code=1)


def test_a_crash_of_native_code_is_still_told() -> None:
    head = "import faulthandler; from streams.models.quiet import only_python_speaks; only_python_speaks()\n"
    assert "Segmentation fault" in run(f"{head}faulthandler._sigsegv()", code=-11)


def test_the_command_line_speaks_python_only_unless_asked_for_everything() -> None:
    program = "import os, cli; cli.main({}); os.write(2, b'native')"
    assert run(program.format("['config', 'check']")) == ""
    assert run(program.format("['config', 'check', '--verbose']")).endswith("native")


def test_a_standard_error_that_is_captured_or_closed_is_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = sys.stderr
    only_python_speaks()
    assert sys.stderr is captured
    sys.stderr.write("seen\n")
    assert capsys.readouterr().err == "seen\n"

    def closed(number: int) -> int:
        raise OSError(number)

    monkeypatch.setattr(os, "dup", closed)
    with native_quiet():
        pass
    assert (
        run("import sys; from streams.models.quiet import only_python_speaks; sys.stderr = None\nonly_python_speaks()")
        == ""
    )
