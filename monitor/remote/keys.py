"""Keys of servers: where they are read from. A key goes into one request header and nowhere else."""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from configs.errors import ConfigError

logger = logging.getLogger("emotion_monitor.remote")

MOST_BYTES: Final = 16 * 1024
"""A key file longer than this is some other file; signed tokens stay well below."""


def read_key(key_env: str, key_file: str | None, environ: Mapping[str, str]) -> str | None:
    """The key from `key_file`, or else from the variable `key_env` of `environ`; None where there is none.

    A file that others may read is used, with a warning. No message holds any part of the key.

    Raises:
        ConfigError: The file cannot be read, is empty or no key; or the variable holds what no header can carry.
    """
    if key_file is None:
        key = environ.get(key_env, "").strip()
        return _checked(key, f"the variable {key_env}") if key else None
    path = Path(key_file).expanduser()
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
            mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}; name a readable file") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        logger.warning("the key file %s can be read by others: chmod 600 it", path)
    key = content.decode("utf-8", "replace").strip()
    if not key:
        raise ConfigError(f"the key file {path} is empty; put the server's key into it")
    return _checked(key, f"the key file {path}")


def _checked(key: str, where: str) -> str:
    if len(key) > MOST_BYTES or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{where} holds no key: a key is one line of letters, digits and signs without spaces")
    return key
