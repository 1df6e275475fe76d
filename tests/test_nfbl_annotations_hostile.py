from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import streams.nfbl.annotations.rows
import streams.nfbl.annotations.table
from configs.errors import ConfigError
from streams.nfbl.annotations.declaration import Declaration, Format
from streams.nfbl.annotations.document import read_document
from streams.nfbl.annotations.read import mapped
from tests.made_annotations import EVENTS, WRITERS, read, table

pytestmark = pytest.mark.unit

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE lolz [<!ENTITY l0 "ha">{LAUGHS}]><ANNOTATION_DOCUMENT>&l9;</ANNOTATION_DOCUMENT>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation><body>&x;</body></annotation>'

DECLARED = {Format.FRAMES: ",fps=25,base=1"}


def refused(folder: Path, name: str, data: str | bytes, declared: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, name, data, declared)
    message = str(caught.value)
    assert message.isprintable(), "one line, nothing that moves the cursor"
    assert len(message) < 700
    return message


@pytest.mark.parametrize("name", ["a.eaf", "a.anvil", "a.xml", "a.csv"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [BOMB, OUTSIDE, '<!DOCTYPE a SYSTEM "http://x/y.dtd"><annotation/>'])
def test_document_types_and_entities_are_refused_in_every_encoding(
    tmp_path: Path, name: str, encoding: str, text: str
) -> None:
    assert "DOCTYPE is refused" in refused(tmp_path, name, text.encode(encoding))


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "UTF-16", "us-ascii", "UTF-8"])
def test_a_declared_encoding_hides_no_document_type(tmp_path: Path, declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>\n{OUTSIDE}'
    assert "a.anvil:2: DOCTYPE is refused" in refused(tmp_path, "a.anvil", text)


@pytest.mark.parametrize("declared", ["utf-7", "utf-32", "cp037", "zlib", "rot13", "hz", "shift_jis"])
def test_an_encoding_that_could_hide_one_is_not_read(tmp_path: Path, declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><annotation/>'
    assert f"is in the encoding {declared}" in refused(tmp_path, "a.anvil", text)


def test_entities_that_nobody_declared_are_no_xml(tmp_path: Path) -> None:
    assert "not XML (undefined entity" in refused(tmp_path, "a.anvil", "<annotation>&x;</annotation>")


def test_latin_letters_in_a_declared_encoding_are_read(tmp_path: Path) -> None:
    track = '<track name="größe"><el start="1" end="2"><attribute name="ä">N7</attribute></el></track>'
    text = f'<?xml version="1.0" encoding="ISO-8859-1"?><annotation><body>{track}</body></annotation>'
    assert read(tmp_path, "a.anvil", text.encode("latin-1")).rows[0].comment == "größe"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.anvil", "<annotation>" * 100, "nested deeper than 32"),
        ("a.json", '{"database":' + "[" * 100_000, "nested too deeply"),
        ("a.jsonl", '{"kind":' + "[" * 100_000, ":1: the JSON is nested too deeply"),
        ("a.json", '{"database": NaN}', "NaN is not a number in JSON"),
        ("a.json", '{"a": 1, "a": 2}', "the key a is there twice"),
        ("a.json", '{"database": ' + "9" * 5000 + "}", "not JSON as it must be"),
        ("a.json", "{", ":1: not JSON"),
        ("a.json", '{"x": 1}', 'no object "database"'),
        ("a.json", '{"database": {"v": []}}', 'video v: no list "annotations"'),
        ("a.json", '{"database": {"v\\u001b[2J": []}}', "no list"),
        ("a.json", '{"database": {"v": {"annotations": [7]}}}', "video v, annotation 0: expected"),
        ("a.json", '{"database": {"v": {"annotations": [{"segment": [1, 2]}]}}}', 'its "label" is no text'),
        ("a.json", '{"database": {"v": {"annotations": [{"segment": [1, true], "label": 1}]}}}', "the type bool"),
        ("a.json", '{"database": {"v": {"annotations": [{"segment": [1e999, 2], "label": 1}]}}}', "the start is of"),
        ("a.json", '{"database": {"v": {"annotations": [{"segment": ["1", 2], "label": 1}]}}}', "the text '1'"),
        ("a.jsonl", '{"class_id":"N7","start_s":1,"end_s":2}\n', "the record has no id"),
        ("a.jsonl", '{"class_id":"N7","id":"e","start_s":1}\n', "end_s is of the type NoneType"),
        ("a.jsonl", '{"kind":"nfbl","id":"e","start_s":1,"end_s":2}\n', "class_id or side is no text"),
        ("a.jsonl", '[1]\n{"kind":"x"}\n', ":1: no record of a journal"),
        ("a.jsonl", '{"kind":"x"}\n{"kind"}\n', ":2: not JSON"),
        ("a.vtt", "WEBVTTX\n", "does not begin with WEBVTT"),
        ("a.vtt", "WEBVTT\n\nhello\n", ":3: 'hello' begins no cue"),
        ("a.vtt", "WEBVTT\n\n00:02.000 --> 00:01.000\nN7\n", ":3: the end 1 s is before the start 2 s"),
        ("a.vtt", "WEBVTT\n\n00:99.000 --> 00:01.000\nN7\n", "begins no cue"),
        ("a.txt", "v_1_2_7.mp4 7\nnothing\n", ":2: 'nothing' names no clip"),
        ("a.csv", "1,2,3\nx,2,3\n", ":2: 'x,2,3' is no frame row"),
        ("a.csv", "1,2,3\n1,5,3\n", ":2: the end 0.12 s is before the start 0.2 s"),
        ("a.csv", "1,2,9999999999\n", "a frame is above"),
        ("a.csv", "Begin Time - msec\tx\n1\t2\n", ":1: no columns of times in the first line"),
        ("a.csv", "Begin Time - hh:mm:ss.ms\tDuration - msec\tx\n1\t2\tN7\n", "Begin Time is '1'; expected a time"),
        ("a.csv", "Behavior,Behavior type,Start (s)\nN7,POINT,1\n", ":1: no column Stop (s)"),
        ("a.csv", "Behavior,Behavior type,Start (s),Stop (s)\nN7,SORT,1,2\n", "Behavior type is 'SORT'"),
        ("a.csv", "start_s,end_s,class\n1e7,2e7,N7\n", "the start is 1e+07 s; expected seconds"),
        ("a.csv", "start_s,end_s,class\n1_0,20,N7\n", "start_s is '1_0'"),
        ("a.csv", "start_s,end_s,class\n\u0661,2,N7\n", ":2: start_s is '\u0661'"),
        ("a.csv", "start_s,end_s,class\n1,2\x1b[2J,N7\n", "end_s is "),
        ("a.csv", '""start_s\tend_s\tclass\n', "not readable as CSV"),
        ("a.csv", "some,words\n", ":1: not recognised as annotations"),
        ("a.csv", "", ":1: the file is empty"),
        ("a.xml", "<!-- <annotation > --><other/>", "not recognised"),
        ("a.csv", "# CSV_HEADER = metadata_id,\n", "the file is empty"),
        ("a.csv", "# CSV_HEADER = metadata_id,\na,b\n", ":2: the row has 2 cells; expected 6"),
        ("a.csv", '# CSV_HEADER = metadata_id,\na,[],0,[1],[],"{}"\n', ":2: file_list names no file"),
        ("a.csv", '# CSV_HEADER = metadata_id,\na,"[""f""]",0,{},[],{}\n', "temporal_coordinates are no times"),
        ("a.csv", '# CSV_HEADER = metadata_id,\na,"[""f""]",0,[1],[],[]\n', "metadata is no object"),
        ("a.csv", '# CSV_HEADER = metadata_id,\na,"[""f""]",0,[1],[],"{""1"":{}}"\n', "the value of 1 is no text"),
        ("a.csv", "# ATTRIBUTE = 7\n# CSV_HEADER = metadata_id,\na\n", ":1: ATTRIBUTE is no object"),
        (
            "a.anvil",
            '<annotation><body><track name="x" type="span" ref="y"><el start="0" end="1"/></track></body></annotation>',
            "track x, element 0: it refers to no element",
        ),
    ],
)
def test_a_file_that_is_not_what_it_must_be_is_refused_with_the_place(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    assert message in refused(tmp_path, name, text, "fps=25,base=1")


@pytest.mark.parametrize("kind", Format)
def test_no_reader_takes_another_formats_file(tmp_path: Path, kind: Format) -> None:
    for other, writer in WRITERS.items():
        # A clip list of one cell a row is a table too, but one without the columns.
        if other is not kind:
            refused(tmp_path, "a.file", writer(EVENTS).data, f"format={kind}{DECLARED.get(kind, '')}")


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "."):
        with pytest.raises(ConfigError, match="no regular file"):
            read_document(tmp_path / name, Declaration(), media_name=None)


def test_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(ConfigError, match=r"is larger than 50 MB; give the annotations of one session"):
        read_document(path, Declaration(), media_name=None)


def test_more_rows_than_a_session_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (streams.nfbl.annotations.rows, streams.nfbl.annotations.table):
        monkeypatch.setattr(module, "MAX_ROWS", 2)
    for kind, writer in WRITERS.items():
        made = writer(EVENTS)
        message = refused(tmp_path, made.name, made.data, made.declared)
        assert "more than 2 rows" in message, kind


def test_millions_of_blank_lines_are_refused(tmp_path: Path) -> None:
    assert "lines; give" in refused(tmp_path, "a.csv", "\n" * 2_000_000)


def test_millions_of_elements_are_refused(tmp_path: Path) -> None:
    text = "<annotation><body>" + "<x/>" * 900_000
    assert "more than 800000 elements" in refused(tmp_path, "a.anvil", text)


def test_escapes_in_labels_and_names_reach_no_message(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", table([["start_s", "end_s", "class"], [1, 2, "\x1b[2J"]]))
    assert mapped(found).unmapped == (("\x1b[2J", 1),)
    assert "\x1b" not in refused(tmp_path, "a\x1b[2J.csv", "start_s\n")


SIGNS = list('",\t;\n\r\0[]{}:<>/&#_-=\x1b\ufeff\u2028\xe9')
WORDS = ["NaN", "1e999", "-1", "1e308", "null", "true", "N7", "9" * 50, "start_s", "TIME_SLOT_ID", "ts1", "a1"]
MARKS = ["-->", "<!DOCTYPE", "<!ENTITY", "]]>", "<![CDATA[", "\\ud800"]
TOKENS = st.sampled_from([*SIGNS, *WORDS, *MARKS])


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Format, bytes]:
    """A valid file with a few places cut, doubled or overwritten."""
    kind = draw(st.sampled_from(Format))
    data = WRITERS[kind](EVENTS).data
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 12)))
        put = draw(st.one_of(st.just(b""), TOKENS.map(lambda token: token.encode()), st.binary(max_size=4)))
        data = data[:at] + draw(st.sampled_from([put, put + data[at:to], data[at:to] * 2])) + data[to:]
    return kind, data


def survives(folder: Path, data: bytes, declared: str) -> None:
    message = ""
    try:
        found = read(folder, "a.file", data, declared)
    except ConfigError as error:
        message = str(error)
    else:
        mapped(found)
        assert all(0 <= row.start_s < row.end_s <= 1e6 + 1 for row in found.rows)
    assert message == "" or message.isprintable()
    assert len(message) < 900


@given(damaged(), st.booleans())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_damaged_files_are_read_or_refused_and_nothing_else(
    tmp_path: Path, made: tuple[Format, bytes], declare: bool
) -> None:
    kind, data = made
    survives(tmp_path, data, (f"format={kind}" if declare else "fps=25,base=1") + DECLARED.get(kind, "") * declare)


@given(
    st.sampled_from([None, *Format]),
    st.one_of(
        st.binary(max_size=200), st.text().map(str.encode), st.lists(TOKENS, max_size=60).map("".join).map(str.encode)
    ),
)
@example(None, b"\xff\xfe\x00")
@example(Format.ELAN, b"\xff\xfe<\x00\x00\xd8")
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_at_all_is_read_or_refused(tmp_path: Path, kind: Format | None, data: bytes) -> None:
    survives(tmp_path, data, "fps=25,base=1" if kind is None else f"format={kind},fps=25,base=1")


@pytest.mark.parametrize("kind", Format)
def test_a_large_valid_file_is_read_in_reasonable_time(tmp_path: Path, kind: Format) -> None:
    chance = random.Random(7)
    starts = sorted(chance.randrange(0, 90_000) for _ in range(5_000))
    events = tuple((start / 25, (start + 25) / 25, f"N{start % 30}") for start in starts)
    made = WRITERS[kind](events)
    assert len(mapped(read(tmp_path, made.name, made.data, made.declared)).rows) == 5_000
