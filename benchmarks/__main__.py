"""Run the benchmarks, one process each, and print their tables: `python -m benchmarks [NAME ...]`.

What takes longer than a coffee runs only when it is named.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

LONG = {"coverage": "half an hour", "embeddings": "ten minutes"}
"""Benchmarks that run only when they are named, and how long they take."""


def main() -> int:
    """Run all benchmarks, or those named; the exit code is that of the worst."""
    wanted = sys.argv[1:]
    found = {path.stem.removeprefix("bench_"): path for path in HERE.glob("bench_*.py")}
    scripts = [found[name] for name in sorted(found) if (name in wanted if wanted else name not in LONG)]
    if not scripts:
        print(f"no such benchmark; known: {', '.join(sorted(found))}", file=sys.stderr)
        return 2
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    worst = 0
    for script in scripts:
        print(f"\n== {script.stem.removeprefix('bench_')}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{script.stem}", "--json", str(results / f"{script.stem}.json")]
        worst = max(worst, subprocess.run(command, check=False, cwd=HERE.parent).returncode)
    for name, duration in () if wanted else LONG.items():
        print(f"\nleft out: {name}, which takes {duration}; name it to run it")
    return worst


if __name__ == "__main__":
    sys.exit(main())
