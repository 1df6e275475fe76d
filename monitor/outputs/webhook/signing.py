"""How requests are signed, after Standard Webhooks: the receiver checks with any of its libraries.

What is signed is the id, the time and the body as they are sent, so none of them can be altered or sent again later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from configs.errors import ConfigError
from configs.output_settings import WebhookSettings
from configs.secrets import read_secret

_PREFIX: Final = "whsec_"
"""Before a secret in the form that Standard Webhooks gives to bytes."""

_SHORTEST: Final = 24
"""Bytes of a secret. Source: Standard Webhooks."""


def read_key(settings: WebhookSettings, environ: Mapping[str, str]) -> bytes:
    """The key that requests are signed with.

    Raises:
        ConfigError: There is no secret, or none that can be used; no message holds any part of it.
    """
    secret = read_secret("secret", settings.secret_env, settings.secret_file, environ)
    if secret is None:
        raise ConfigError(
            "outputs.webhook.url: requests are signed, so a secret must be set: put the one that the receiver knows "
            f"into the variable {settings.secret_env}, or name outputs.webhook.secret_file"
        )
    where = f"the variable {settings.secret_env}" if settings.secret_file is None else settings.secret_file
    key = secret.encode()
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ConfigError(f"{where} holds no secret: after {_PREFIX} comes base64; copy it whole") from None
    if len(key) < _SHORTEST:
        raise ConfigError(f"{where} holds a secret that can be guessed: it needs {_SHORTEST} bytes or more")
    return key


def signed(key: bytes, message_id: str, at: int, body: bytes) -> Mapping[str, str]:
    """The headers that prove who sent `body` at that time (Unix, s)."""
    content = b".".join((message_id.encode(), str(at).encode(), body))
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
