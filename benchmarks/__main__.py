"""Run every benchmark, one process each, and print their tables: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run all benchmarks, or those named; the exit code is that of the worst."""
    wanted = sys.argv[1:]
    scripts = sorted(
        path for path in HERE.glob("bench_*.py") if not wanted or path.stem.removeprefix("bench_") in wanted
    )
    if not scripts:
        known = ", ".join(sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py")))
        print(f"no such benchmark; known: {known}", file=sys.stderr)
        return 2
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    worst = 0
    for script in scripts:
        print(f"\n== {script.stem.removeprefix('bench_')}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{script.stem}", "--json", str(results / f"{script.stem}.json")]
        worst = max(worst, subprocess.run(command, check=False, cwd=HERE.parent).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
