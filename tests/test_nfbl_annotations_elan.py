from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from tests.made_annotations import brief, labels, one, read

pytestmark = pytest.mark.unit

Elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed (extra dev)")

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=30)
SPANS = st.lists(st.tuples(st.integers(0, 3_600_000), st.integers(1, 100_000), TEXT), max_size=12)


def made() -> Any:  # noqa: ANN401 - pympi has no types
    document = Elan.Eaf(author="nobody")
    document.remove_tier("default")
    return document


def saved(document: Any, folder: Path) -> bytes:  # noqa: ANN401 - pympi has no types
    path = folder / "made.eaf"
    path.unlink(missing_ok=True)
    Elan.to_eaf(str(path), document)
    return path.read_bytes()


@given(SPANS, SPANS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_pympi_writes_is_read_as_pympi_reads_it(
    tmp_path: Path, left: list[tuple[int, int, str]], right: list[tuple[int, int, str]]
) -> None:
    document = made()
    for tier, spans in (("left hand", left), ("right & <hand>", right)):
        document.add_tier(tier)
        for start_ms, length_ms, value in spans:
            document.add_annotation(tier, start_ms, start_ms + length_ms, value)
    data = saved(document, tmp_path)
    again = Elan.Eaf(str(tmp_path / "made.eaf"))
    for tier in ("left hand", "right & <hand>"):
        theirs = [(s / 1000, e / 1000, (v or "").strip()) for s, e, v in again.get_annotation_data_for_tier(tier)]
        assert sorted(brief(read(tmp_path, "made.eaf", data, f'tier="{tier}"'))) == sorted(theirs)
    assert len(read(tmp_path, "made.eaf", data).rows) == len(left) + len(right)


def test_linked_tiers_have_the_times_of_what_they_refer_to(tmp_path: Path) -> None:
    document = made()
    document.add_linguistic_type("note", "Symbolic_Association", timealignable=False)
    document.add_tier("touch")
    document.add_tier("class", "note", parent="touch")
    document.add_tier("doubt", "note", parent="class")
    document.add_annotation("touch", 1000, 2500, "yes")
    document.add_annotation("touch", 4000, 4200, "perhaps")
    document.add_ref_annotation("class", "touch", 1500, "N7")
    document.add_ref_annotation("class", "touch", 4100, "N10")
    document.add_ref_annotation("doubt", "class", 1500, "sure")
    data = saved(document, tmp_path)
    theirs = Elan.Eaf(str(tmp_path / "made.eaf")).get_ref_annotation_data_for_tier("class")
    expected = [(1.0, 2.5, "N7"), (4.0, 4.2, "N10")]
    assert [(start / 1000, end / 1000, value) for start, end, value, *_ in theirs] == expected
    assert brief(read(tmp_path, "made.eaf", data, "tier=class")) == expected
    assert brief(read(tmp_path, "made.eaf", data, "tier=doubt")) == [(1.0, 2.5, "sure")]
    assert labels(read(tmp_path, "made.eaf", data)) == ["yes", "perhaps", "N7", "N10", "sure"]
    with pytest.raises(ConfigError, match="tier 'face' is not in it; declare tier= one of touch, class, doubt"):
        read(tmp_path, "made.eaf", data, "tier=face")


def eaf(slots: str, annotations: str, head: str = "") -> str:
    """A document with one tier; slots as `name=milliseconds` or `name`, annotations as `id:from:to` or `id:parent`."""
    order = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"' + (f' TIME_VALUE="{value}"/>' if value else "/>")
        for name, _, value in (slot.partition("=") for slot in slots.split())
    )
    body = ""
    for parts in (annotation.split(":") for annotation in annotations.split()):
        if len(parts) == 3:
            element = f'ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{parts[1]}" TIME_SLOT_REF2="{parts[2]}"'
        else:
            element = f'REF_ANNOTATION ANNOTATION_REF="{parts[1]}"'
        end = element.split()[0]
        value = f"<ANNOTATION_VALUE>{parts[0]}</ANNOTATION_VALUE>"
        body += f'<ANNOTATION><{element} ANNOTATION_ID="{parts[0]}">{value}</{end}></ANNOTATION>'
    return f"""<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds">{head}</HEADER>
        <TIME_ORDER>{order}</TIME_ORDER><TIER TIER_ID="t">{body}</TIER></ANNOTATION_DOCUMENT>"""


def test_slots_without_a_time_lie_evenly_between_their_neighbours(tmp_path: Path) -> None:
    found = read(tmp_path, "a.eaf", eaf("a=1000 b c d=4000 e=5000", "x:a:b y:b:c z:c:d w:d:e"))
    assert brief(found) == [(1.0, 2.0, "x"), (2.0, 3.0, "y"), (3.0, 4.0, "z"), (4.0, 5.0, "w")]


def test_the_time_origin_of_the_media_is_added(tmp_path: Path) -> None:
    head = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///a.mp4"/>'
    head += '<MEDIA_DESCRIPTOR MEDIA_URL="file:///other/b.mp4" TIME_ORIGIN="2500"/>'
    text = eaf("a=1000 b=2000", "x:a:b", head)
    assert one(read(tmp_path, "a.eaf", text)).start_s == 1.0
    assert one(read(tmp_path, "a.eaf", text, "", "b.mp4")).start_s == 3.5


def test_the_time_origin_of_another_file_is_not_ours(tmp_path: Path) -> None:
    head = "".join(
        f'<MEDIA_DESCRIPTOR MEDIA_URL="{name}.mp4" TIME_ORIGIN="{origin}"/>' for name, origin in (("a", 500), ("b", 0))
    )
    text = eaf("a=1000 b=2000", "x:a:b", head)
    assert one(read(tmp_path, "a.eaf", text, "", "b.mp4")).start_s == 1.0
    assert one(read(tmp_path, "a.eaf", text)).start_s == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (eaf("a=1 b=2", "x:a:c"), "time slot a: no slot with a time follows it"),
        (eaf("a=1 b=2 c", "x:a:b y:a:c"), "time slot c: no slot with a time follows it"),
        (eaf("a=1 b c", "x:a:b y:b:c z:c:b"), "no slot with a time follows it"),
        (eaf("b c", "y:b:c"), "annotation y of tier t: its time slots have no time"),
        (eaf("a=1 b=2", "x:a:b y:z"), "annotation y of tier t: it refers to no annotation"),
        (eaf("a=1 b=2", "x:y y:x"), "it refers to no annotation with a time"),
        (eaf("a=1 b=2", "x:x"), "it refers to no annotation with a time"),
        (eaf("a=1 b=2", "x:a:b x:a:b"), "its ANNOTATION_ID is missing or taken"),
        (eaf("a=2 b=1", "x:a:b"), "the end 0.001 s is before the start"),
        (eaf("a=-2 b=1", "x:a:b"), "the start is -0.002 s"),
        (eaf("a=soon b=1", "x:a:b"), "time slot a: TIME_VALUE is 'soon'"),
        (eaf("a=1 b=1", "").replace("milliseconds", "PAL-frames"), "its TIME_UNITS are PAL-frames"),
        (eaf("", "").replace('<TIER TIER_ID="t">', "<TIER><ANNOTATION><X/></ANNOTATION>"), "ANNOTATION_ID is missing"),
        (eaf("a=1", "x:a:a").replace('TIME_SLOT_REF2="a"', ""), "neither two time slots nor a parent"),
        ("<annotation/>", "its root is no ANNOTATION_DOCUMENT"),
        ("<ANNOTATION_DOCUMENT>", ":1: not XML (no element found"),
        ("", ":1: not XML"),
    ],
)
def test_a_damaged_document_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.eaf") as caught:
        read(tmp_path, "a.eaf", text)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_long_chains_cost_no_stack_and_little_time(tmp_path: Path) -> None:
    names = [f"n{count}" for count in range(20_000)]
    slots = "a=0 " + " ".join(names) + " z=20001000"
    chain = " ".join(f"s{one_}:{one_}:{other}" for one_, other in itertools.pairwise(["a", *names, "z"]))
    found = read(tmp_path, "a.eaf", eaf(slots, chain))
    assert len(found.rows) == 20_001
    assert found.rows[-1].end_s == 20_001.0
    refers = " ".join(f"r{count}:r{count + 1}" for count in range(20_000)) + " r20000:a:z"
    assert {row.end_s for row in read(tmp_path, "a.eaf", eaf("a=0 z=7000", refers)).rows} == {7.0}
