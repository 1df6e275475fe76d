"""The privacy boundary, read out of the code: who can make clean records, and who can reach raw media."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
SEAL = "DEIDENTIFIER_SEAL"
PRODUCT = ("cli.py", "commands", "monitor", "streams", "buffers", "configs")


def modules() -> list[str]:
    """Every module of the product, relative to the root."""
    found = [
        path for name in PRODUCT for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.is_file())


def mentions_seal(code: str) -> bool:
    """Whether the code could get hold of the seal: by name, attribute, text, a star import or a record's field."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.Constant(value=str(name)):
                if name in {SEAL, "seal"}:
                    return True
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return True
    return False


def imported(code: str) -> Iterator[str]:
    """Full names of everything the code imports, wherever in it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches(code: str, package: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for name in imported(code))


def test_only_the_deidentifier_can_get_hold_of_the_seal() -> None:
    holders = [name for name in modules() if mentions_seal((ROOT / name).read_text(encoding="utf-8"))]
    assert "buffers/records.py" in holders
    strangers = [n for n in holders if n != "buffers/records.py" and not n.startswith("streams/deidentify/")]
    assert strangers == []


def test_who_takes_clean_records_never_makes_altered_copies_of_them() -> None:
    # A copy with another picture would carry the seal along.
    for name in modules():
        names = set(imported((ROOT / name).read_text(encoding="utf-8")))
        if names & {"buffers.records.CleanFrame", "buffers.records.CleanAudio"} and "deidentify" not in name:
            assert not names & {"dataclasses.replace", "dataclasses", "copy", "copy.copy", "copy.replace"}, name


def test_in_monitor_only_what_plays_a_source_imports_streams() -> None:
    importing = [
        name
        for name in modules()
        if name.startswith("monitor/") and reaches((ROOT / name).read_text(encoding="utf-8"), "streams")
    ]
    allowed = ("monitor/harvest.py", "monitor/session/", "monitor/doctor/")
    assert [name for name in importing if not name.startswith(allowed)] == []


def test_raw_media_stay_in_streams() -> None:
    strangers = [
        name
        for name in modules()
        if not name.startswith("streams/") and reaches((ROOT / name).read_text(encoding="utf-8"), "streams.media")
    ]
    assert strangers == []


@pytest.mark.parametrize(
    "code",
    [
        "from buffers.records import DEIDENTIFIER_SEAL",
        "from buffers.records import DEIDENTIFIER_SEAL as token",
        "from buffers.records import *",
        "import buffers.records as r\ntoken = r.DEIDENTIFIER_SEAL",
        "token = getattr(records, 'DEIDENTIFIER_SEAL')",
        "CleanFrame(seal=frame.seal)",
    ],
)
def test_every_way_to_the_seal_is_noticed(code: str) -> None:
    assert mentions_seal(code)


def test_every_way_to_import_a_package_is_noticed() -> None:
    assert reaches("from streams import media", "streams.media")
    assert reaches("import streams.media as m", "streams.media")
    assert reaches("def f():\n    from streams.media import RawFrame", "streams.media")
    assert not reaches("from streams.mediaplayer import x", "streams.media")
