"""Tells one model's files from another's without reading all of their gigabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from configs.errors import ModelUnavailable

_PIECE: Final = 2**20
"""Bytes read at both ends of a file: the first hold a checkpoint's names and shapes, the last some of its numbers."""


def weights_digest(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) over the name, size, first MiB and last MiB of each file, in the order of their names.

    It tells apart other models, other fine-tunings and other conversions. It is no proof that nobody changed a number
    in the middle of a file. Raises `ModelUnavailable` for a file that cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                first = file.read(_PIECE)
                file.seek(max(len(first), size - _PIECE))
                last = file.read(_PIECE)
        except OSError as error:
            raise ModelUnavailable(f"cannot read {path}: {error.strerror}") from error
        for part in (path.name.encode(), str(size).encode(), first, last):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
