"""Making a file of the cache out of the members of an archive: bytes in, bytes out, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streams.models.catalogue import Build, Member

Part = tuple[Member, bytes]
"""A member and its content."""


def _copy(parts: Sequence[Part]) -> bytes:
    ((_, content),) = parts
    return content


BUILDERS: Mapping[Build, Callable[[Sequence[Part]], bytes]] = {Build.COPY: _copy}
"""One builder for each build step; each takes the parts in catalogue order and is deterministic."""
