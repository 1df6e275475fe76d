"""From an address on the command line to a source: a table of schemes, nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from configs.errors import ConfigError
from streams.sources.base import Source
from streams.sources.file import FileSource
from streams.sources.sound import BLOCK_S

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least, so that a drive letter is none."""


def _from_file_uri(uri: str, block_s: float) -> Source:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise ConfigError(f"{parts.netloc}: files on other machines are not read; copy the recording here")
    return FileSource(unquote(parts.path), block_s=block_s)


SCHEMES: Final[dict[str, Callable[[str, float], Source]]] = {"file": _from_file_uri}
"""Factories by scheme, each given the whole address and the length of a block of sound (s). An address without a scheme
is a path."""


def open_source(uri: str, *, block_s: float = BLOCK_S) -> Source:
    """Open the source an address means: a path, or `scheme:...` with a scheme of `SCHEMES`.

    Its sound comes in blocks of `block_s` seconds.
    Raises `ConfigError` for an address that cannot be meant, and whatever the source's constructor raises.
    """
    if not uri:
        raise ConfigError("no source given; name a recording")
    match = _SCHEME.match(uri)
    if match is None or Path(uri).exists():
        return FileSource(uri, block_s=block_s)
    factory = SCHEMES.get(match[1].lower())
    if factory is None:
        understood = ", ".join(["a path", *(f"{scheme}:" for scheme in SCHEMES)])
        raise ConfigError(f"{match[1]}: is not a source that is understood; understood are {understood}")
    return factory(uri, block_s)
