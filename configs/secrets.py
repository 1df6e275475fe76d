"""Secrets: keys of servers, tokens, passwords. Where they are read from; what is made of them is the caller's."""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from configs.errors import ConfigError

logger = logging.getLogger("emotion_monitor.secrets")

MOST_BYTES: Final = 16 * 1024
"""A file longer than this is some other file; signed tokens stay well below."""


def read_secret(what: str, variable: str, file: str | None, environ: Mapping[str, str]) -> str | None:
    """The secret from `file`, or else from the `variable` of `environ`; None where there is none.

    `what` is it called in messages (`key`, `token`). A file that others may read is used, with a warning. No message
    holds any part of the secret.

    Raises:
        ConfigError: The file cannot be read, is empty or no secret; or the variable holds what no header can carry.
    """
    if file is None:
        secret = environ.get(variable, "").strip()
        return _checked(what, secret, f"the variable {variable}") if secret else None
    path = Path(file).expanduser()
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
            mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"cannot read the {what} file {path}: {error.strerror}; name a readable file") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        logger.warning("the %s file %s can be read by others: chmod 600 it", what, path)
    secret = content.decode("utf-8", "replace").strip()
    if not secret:
        raise ConfigError(f"the {what} file {path} is empty; put the {what} into it")
    return _checked(what, secret, f"the {what} file {path}")


def _checked(what: str, secret: str, where: str) -> str:
    if len(secret) > MOST_BYTES or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(f"{where} holds no {what}: one is a line of letters, digits and signs without spaces")
    return secret
