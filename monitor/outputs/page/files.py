"""What the page is made of: its own files, and uPlot's from the package that carries it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Final

_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}

_CHARTS: Final = ("uPlot.iife.js", "uPlot.min.css")

INDEX: Final = "index.html"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    content: bytes
    kind: str


def page_files() -> dict[str, File]:
    """Every file of the page by its name. Raises `ImportError` where the package of the charts is not installed."""
    own = files("monitor.outputs.page").joinpath("static").iterdir()
    found = {entry.name: entry.read_bytes() for entry in own if PurePath(entry.name).suffix in _KINDS}
    found |= {name: _charts(name) for name in _CHARTS}
    return {name: File(content, _KINDS[PurePath(name).suffix]) for name, content in found.items()}


def _charts(name: str) -> bytes:
    """One of uPlot's files. The package is only found, never imported: importing it starts IPython."""
    spec = find_spec("uplot")
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / "static" / name
    if path is None or not path.is_file():
        raise ImportError("uPlot's files are not there", name="uplot-python")
    return path.read_bytes()
