"""Programs that benchmarks are measured beside, each installed into an environment of its own on first use."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from platformdirs import user_cache_path

DEFACE = ("deface==1.5.0", "onnx>=1.23,<2", "onnxruntime>=1.31,<2")
"""deface with the engine it prefers where that is installed; without, it falls back to a slower one."""


def deface() -> Path | None:
    """The deface program, None where it cannot be installed (no network, no wheel)."""
    folder = user_cache_path("emotion-monitor") / "peers" / "deface-1.5.0"
    program = folder / "bin" / "deface"
    if program.exists():
        return program
    print("installing deface 1.5.0 into an environment of its own, once", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *DEFACE,
    ]
    if subprocess.run(command, check=False).returncode:
        print("left out: deface could not be installed", file=sys.stderr)
        return None
    return program
