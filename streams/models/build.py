"""Making a file of the cache out of the members of an archive: bytes in, bytes out, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streams.models.bundle import pack, with_normalisation
from streams.models.catalogue import Build, Member
from streams.models.mmod import mmod_to_onnx

Part = tuple[Member, bytes]
"""A member and its content."""


def _copy(parts: Sequence[Part]) -> bytes:
    ((_, content),) = parts
    return content


def _mmod_onnx(parts: Sequence[Part]) -> bytes:
    return mmod_to_onnx(_copy(parts))


def _task_bundle(parts: Sequence[Part]) -> bytes:
    return pack(
        {
            member.bundled_as or member.path: with_normalisation(content, member.normalisation)
            if member.normalisation
            else content
            for member, content in parts
        }
    )


BUILDERS: Mapping[Build, Callable[[Sequence[Part]], bytes]] = {
    Build.COPY: _copy,
    Build.MMOD_ONNX: _mmod_onnx,
    Build.TASK_BUNDLE: _task_bundle,
}
"""One builder for each build step; each takes the parts in catalogue order and is deterministic."""
