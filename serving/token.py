"""The token an endpoint asks for: where it comes from, and who is refused for guessing."""

from __future__ import annotations

import hmac
import secrets
import string
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from configs.endpoint_settings import EndpointSettings
from configs.errors import ConfigError
from configs.secrets import read_secret

_SHORTEST: Final = 16
"""Characters of a token: shorter ones are guessed."""

_LONGEST: Final = 512
"""Longer ones are some other file."""

_SIGNS: Final = frozenset(string.ascii_letters + string.digits + "-._~+/=")
"""What RFC 6750 lets a bearer token hold."""

_WRONG_MOST: Final = 10
"""Wrong tokens from one address within `_WRONG_WITHIN_S` before it is refused unread."""

_WRONG_WITHIN_S: Final = 60.0
"""How long a wrong token is remembered (s)."""

_ADDRESSES: Final = 256
"""Addresses that are remembered; beyond, the one remembered longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `drawn` where it was made for this session, so that nobody knows it who is not told."""

    value: str
    drawn: bool

    def __repr__(self) -> str:
        """Without the value: a token may stand in no log."""
        return f"Token(drawn={self.drawn})"


def read_token(settings: EndpointSettings, environ: Mapping[str, str]) -> Token:
    """The token of the settings' file, else of their variable, else one drawn now.

    Raises `ConfigError` where what is there cannot be a token; no message holds any part of it.
    """
    value = read_secret("token", settings.token_env, settings.token_file, environ)
    if value is None:
        return Token(secrets.token_urlsafe(24), drawn=True)
    if not _SHORTEST <= len(value) <= _LONGEST or not _SIGNS.issuperset(value):
        where = f"the variable {settings.token_env}" if settings.token_file is None else settings.token_file
        raise ConfigError(
            f"{where} holds no token: one is {_SHORTEST} to {_LONGEST} letters, digits or -._~+/= in one line"
        )
    return Token(value, drawn=False)


class Access(Enum):
    """What becomes of a request."""

    GRANTED = "granted"
    DENIED = "denied"
    TOO_MANY = "too many"


class Guard:
    """Compares tokens in constant time, and stops listening to addresses that guess. Pure."""

    def __init__(self, token: Token) -> None:
        """Admit who presents `token`."""
        self._expected = token.value.encode()
        self._wrong: dict[str, deque[float]] = {}

    def check(self, authorization: str | None, address: str, now_s: float) -> Access:
        """What becomes of a request with this header from this address; `now_s` is monotonic."""
        wrong = self._wrong.get(address)
        while wrong and wrong[0] <= now_s - _WRONG_WITHIN_S:
            wrong.popleft()
        if wrong and len(wrong) >= _WRONG_MOST:
            return Access.TOO_MANY
        scheme, _, presented = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not presented.strip():
            return Access.DENIED
        if hmac.compare_digest(presented.strip().encode("utf-8", "replace"), self._expected):
            self._wrong.pop(address, None)
            return Access.GRANTED
        if wrong is None:
            while len(self._wrong) >= _ADDRESSES:
                del self._wrong[next(iter(self._wrong))]
            wrong = self._wrong[address] = deque()
        wrong.append(now_s)
        return Access.DENIED
