"""The catalogue of model files: the shipped one holds together, and a wrong one is refused with one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from configs.errors import ConfigError
from streams.models.catalogue import Group, catalogue, entries, parse_catalogue

pytestmark = pytest.mark.unit

DIGEST = "0" * 64


def member(**changes: object) -> dict[str, object]:
    return {"path": "carrier/net.onnx", "sha256": DIGEST, "size_bytes": 3} | changes


def model(**changes: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": "net",
        "file": "net.onnx",
        "package": "carrier",
        "members": [member()],
        "build": "copy",
        "sha256": DIGEST,
        "size_bytes": 3,
        "licence": "MIT",
        "origin": "somebody",
        "used_for": "a test",
        "groups": ["core"],
    }
    return entry | changes


def document(*files: dict[str, object]) -> str:
    package = {"name": "carrier", "version": "1.0", "kind": "wheel", "sha256": DIGEST, "size_bytes": 9}
    return yaml.safe_dump({"packages": [package], "files": list(files)})


def test_the_shipped_catalogue_has_what_the_program_asks_for() -> None:
    names = {entry.name for entry in entries()}
    assert names == {
        *("centerface", "silero-vad", "mmod", "mmod-dat", "portrait"),
        *("blazeface-short", "blazeface-full", "face-mesh", "pose", "hands-lite", "hands-full"),
        *("face-points", "face-recogniser"),
    }


def test_every_group_holds_files_and_the_core_is_small() -> None:
    known = catalogue()
    sizes = {group: sum(known.package_of(entry).size_bytes for entry in known.select([group])) for group in Group}
    assert all(sizes.values())
    assert sizes[Group.CORE] < 20e6


def test_every_file_of_the_catalogue_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[1] / "docs" / "models.md").read_text("utf-8")
    for entry in entries():
        package = catalogue().package_of(entry)
        row = next(line for line in page.splitlines() if line.startswith(f"| `{entry.name}` |"))
        assert f"{package.name} {package.version}" in row
        assert entry.licence in row


def test_a_valid_catalogue_is_read() -> None:
    known = parse_catalogue(document(model()))
    assert known.package_of(known.files[0]).version == "1.0"


def test_files_are_selected_by_name_and_by_group_in_catalogue_order() -> None:
    known = parse_catalogue(document(model(), model(name="face", file="face.png", groups=["demo"])))
    assert [entry.name for entry in known.select(None)] == ["net", "face"]
    assert [entry.name for entry in known.select(["demo", "net", "core"])] == ["net", "face"]
    assert [entry.name for entry in known.select(["demo"])] == ["face"]
    assert known.select([]) == ()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no model file is called 'nett': known are net and the groups core, "):
        parse_catalogue(document(model())).select(["nett"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "red"}, r"files\.0\.colour: Extra inputs"),
        ({"sha256": "abc"}, r"files\.0\.sha256"),
        ({"size_bytes": 0}, r"files\.0\.size_bytes"),
        ({"file": "../net.onnx"}, r"files\.0\.file"),
        ({"file": ".hidden"}, r"files\.0\.file"),
        ({"name": "--index-url"}, r"files\.0\.name"),
        ({"name": "core"}, "both a file and a group"),
        ({"package": "other"}, "are not described"),
        ({"build": "magic"}, r"files\.0\.build"),
        ({"build": "task-bundle"}, "needs bundled_as"),
        ({"members": [member(), member()]}, "takes one member"),
        ({"members": [member(sha256="1" * 64)]}, "digest of its member"),
        ({"members": []}, r"files\.0\.members"),
        ({"groups": ["all"]}, r"files\.0\.groups"),
    ],
)
def test_a_wrong_entry_is_refused_and_named(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_catalogue(document(model(**changes)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "a/./b", "a//b", "a\\b", "", "a/"])
def test_a_member_may_not_leave_its_archive(path: str) -> None:
    with pytest.raises(ConfigError, match="no path inside an archive"):
        parse_catalogue(document(model(members=[member(path=path)])))


def test_two_files_may_not_share_a_name_or_a_place() -> None:
    with pytest.raises(ConfigError, match="a name occurs twice"):
        parse_catalogue(document(model(), model(file="other.onnx")))
    with pytest.raises(ConfigError, match="a file occurs twice"):
        parse_catalogue(document(model(), model(name="other")))


def test_a_file_that_is_no_yaml_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="is no YAML") as caught:
        parse_catalogue("files: [")
    assert "\n" not in str(caught.value)
