"""Settings that every HTTP endpoint of this program has."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.section import Section


class EndpointSettings(Section):
    """Where an endpoint listens and whom it admits."""

    host: str = "127.0.0.1"
    """Address that is listened on; another than loopback makes it reachable from the network."""
    port: Annotated[int, Field(ge=0, le=65535)]
    """Port that is listened on; 0 takes a free one."""
    token_env: str
    """Environment variable that holds the token which must be presented."""
    token_file: str | None = None
    """File that holds the token instead."""
    certificate: str | None = None
    """File with a TLS certificate chain; with `key` the endpoint is https, which browsers demand but on loopback."""
    key: str | None = None
    """File with the certificate's private key."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            msg = "certificate and key belong together: give both or neither"
            raise ValueError(msg)
        return self
