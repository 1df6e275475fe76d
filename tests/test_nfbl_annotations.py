from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.errors import ConfigError
from streams.nfbl.annotations.declaration import Declaration, Format
from streams.nfbl.annotations.read import READERS, mapped
from streams.nfbl.annotations.rows import Annotations, Row
from tests.made_annotations import EVENTS, WRITERS, brief, labels, one, read, table

pytestmark = pytest.mark.unit

SIMPLE_HEAD = "start_s,end_s,class\n"
BORIS_HEAD = ["Observation id", "Media file", "Subject", "Behavior", "Behavior type", "Start (s)", "Stop (s)"]


def classes(annotations: Annotations) -> list[str]:
    return [found.id for _, found in mapped(annotations).rows]


def test_every_format_has_a_reader_and_a_writer() -> None:
    assert set(READERS) == set(WRITERS) == set(Format)


@pytest.mark.parametrize("kind", Format)
def test_the_same_events_are_read_out_of_every_format(tmp_path: Path, kind: Format) -> None:
    made = WRITERS[kind](EVENTS)
    found = read(tmp_path, made.name, made.data, made.declared)
    assert found.format is kind
    assert [(start, end) for start, end, _ in brief(found)] == [(start, end) for start, end, _ in EVENTS]
    assert classes(found) == [label for _, _, label in EVENTS]
    assert mapped(found).unmapped == ()


@pytest.mark.parametrize("kind", Format)
def test_a_declared_format_is_read_under_any_name(tmp_path: Path, kind: Format) -> None:
    made = WRITERS[kind](EVENTS)
    declared = ",".join(filter(None, (f"format={kind}", made.declared)))
    assert classes(read(tmp_path, "what.ever", made.data, declared)) == [label for _, _, label in EVENTS]


@pytest.mark.parametrize("kind", Format)
def test_utf16_with_its_mark_and_windows_line_ends_are_read_too(tmp_path: Path, kind: Format) -> None:
    made = WRITERS[kind](EVENTS)
    text = made.data.decode("utf-16" if kind is Format.ANVIL else "utf-8").replace("\r\n", "\n").replace("\n", "\r\n")
    for data in (text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        assert classes(read(tmp_path, made.name, data, made.declared)) == [label for _, _, label in EVENTS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Declaration()),
        ("", Declaration()),
        (" fps = 25 , base=1 ", Declaration(fps=25.0, base=1)),
        ("fps=30000/1001", Declaration(fps=30000 / 1001)),
        ('format=elan,tier="left, hand",clip=a b.mp4', Declaration(Format.ELAN, tier="left, hand", clip="a b.mp4")),
        ("fps=25,", Declaration(fps=25.0)),
    ],
)
def test_a_declaration_is_read(text: str | None, expected: Declaration) -> None:
    assert Declaration.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fps", "'fps' is no key=value"),
        ("fps=25;base=1", "fps is '25;base=1'"),
        ("speed=2", "'speed' is no key"),
        ("fps=25,fps=30", "fps is given twice"),
        ("tier=", "tier has no value"),
        ("fps=0", "fps is '0'"),
        ("fps=nan", "fps is 'nan'"),
        ("fps=1e3", "fps is '1e3'"),
        ("fps=25/0", "fps is '25/0'"),
        ("fps=1001", "fps is '1001'"),
        ("base=2", "base is '2'"),
        ("format=word", "format 'word' is not known; use one of csv, frames"),
        ("\x1b[2J=1", "is no key=value"),
        (",", "is no key=value"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"nfbl\.annotations: ") as caught:
        Declaration.parse(text)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("declared", ["", "fps=25", "base=1"])
def test_frames_without_a_declared_rate_and_base_are_refused_with_the_way_to_declare_them(
    tmp_path: Path, declared: str
) -> None:
    with pytest.raises(ConfigError, match=r"declare nfbl\.annotations=fps=25,base=1"):
        read(tmp_path, "a.csv", "8,10,20\n", declared)


def test_the_declared_base_says_which_class_a_number_is(tmp_path: Path) -> None:
    text = "id,start_frame,end_frame\n8,50,100\n"
    assert classes(read(tmp_path, "a.csv", text, "fps=25,base=0")) == ["N8"]
    from_one = read(tmp_path, "a.csv", text, "fps=25,base=1")
    assert classes(from_one) == ["N7"]
    assert brief(from_one) == [(2.0, 4.0, "8")]
    assert mapped(read(tmp_path, "a.csv", "0,1,2\n", "fps=25,base=1")).unmapped == (("0", 1),)


def test_a_number_without_a_base_is_not_guessed(tmp_path: Path) -> None:
    assert mapped(read(tmp_path, "a.csv", f"{SIMPLE_HEAD}1,2,7\n")).unmapped == (("7", 1),)
    assert classes(read(tmp_path, "a.csv", f"{SIMPLE_HEAD}1,2,7\n", "base=0")) == ["N7"]


@pytest.mark.parametrize("label", ["N7", "n7", "C8", "touching or scratching  Facial-Parts"])
def test_a_label_is_an_id_or_a_name(label: str) -> None:
    assert classes(Annotations(Format.SIMPLE, (Row(1, 2, label),), None)) == ["N7"]


@pytest.mark.parametrize("label", ["", "N", "N7a", "N99", "touching", "N 7", "N7" + "." * 300 + "x", "7"])
def test_a_label_that_is_no_class_is_listed_and_not_guessed(label: str) -> None:
    found = mapped(Annotations(Format.SIMPLE, (Row(1, 2, label), Row(3, 4, label)), None))
    assert found.rows == ()
    assert found.unmapped == ((label, 2),)


def test_a_cut_label_does_not_become_the_name_it_begins_with(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", f"{SIMPLE_HEAD}1,2,N7{'.' * 400}x\n")
    assert classes(found) == []
    assert len(one(found).label) == 301


def test_of_several_videos_the_declared_one_or_the_medias_own_is_read(tmp_path: Path) -> None:
    videos = {name: {"annotations": [{"segment": [1, 2], "label": label}]} for name, label in (("a", 7), ("b.x", "N8"))}
    text = json.dumps({"database": videos})
    assert labels(read(tmp_path, "gt.json", text, "clip=b.x")) == ["N8"]
    assert labels(read(tmp_path, "gt.json", text, "", "/folder/A.mp4")) == ["7"]
    assert labels(read(tmp_path, "gt.json", text, "", "b.x.mp4")) == ["N8"]
    for declared, media in (("", None), ("", "c.mp4"), ("clip=c", "a.mp4")):
        with pytest.raises(ConfigError, match=r"clip.*one of a, b\.x"):
            read(tmp_path, "gt.json", text, declared, media)


def test_the_annotations_of_a_single_other_video_are_read_with_a_notice(tmp_path: Path) -> None:
    made = WRITERS[Format.CLIPS](EVENTS)
    found = read(tmp_path, made.name, made.data, "", "renamed.mp4")
    assert len(found.rows) == len(EVENTS)
    assert found.notices == (f"{tmp_path / made.name}: made for '0012', used for 'renamed.mp4'",)
    assert read(tmp_path, made.name, made.data, "", "0012.mp4").notices == ()


def test_a_table_with_a_column_of_clips_is_of_several_videos(tmp_path: Path) -> None:
    text = "clip,class,start_s,end_s\na.mp4,N7,1,2\nb.mp4,N8,1,2\n"
    assert labels(read(tmp_path, "labels.csv", text, "", "b.mp4")) == ["N8"]
    with pytest.raises(ConfigError, match=r"several videos; declare clip= one of a\.mp4, b\.mp4"):
        read(tmp_path, "labels.csv", text)


def test_side_score_and_note_of_a_simple_table_are_kept(tmp_path: Path) -> None:
    row = one(read(tmp_path, "a.csv", "start_s,end_s,class,side,score,note\n1,2,N7,Left,0.5,why\n"))
    assert row == Row(1.0, 2.0, "N7", "left", 0.5, "why")


def test_the_class_in_a_clips_name_must_be_the_one_after_it(tmp_path: Path) -> None:
    assert labels(read(tmp_path, "a.txt", "x/my_video_1.5_2_07.mp4\n")) == ["07"]
    assert classes(read(tmp_path, "a.txt", "x/my_video_1.5_2_07.mp4 7\n")) == ["N7"]
    with pytest.raises(ConfigError, match=":1: class 7 in the name is 8 after it"):
        read(tmp_path, "a.txt", "v_1_2_7.mp4 8\n")


def test_elan_tab_columns_may_be_any_of_its_times_and_a_column_for_each_tier(tmp_path: Path) -> None:
    for head, begin, end in (
        ("Begin Time - msec\tEnd Time - msec", "61500", "62000"),
        ("Begin Time - hh:mm:ss.ms\tEnd Time - hh:mm:ss.ms", "00:01:01.500", "00:01:02,000"),
        ("Begin Time - ss.msec\tDuration - ss.msec", "61.5", "0.5"),
        ("Begin Time - ss.msec\tEnd Time - ss.msec", "61,5", "62,0"),
    ):
        text = (
            f'"#file:///clip.mp4 -- offset: 0"\n\n{head}\tleft\tright\n{begin}\t{end}\tN7\t"say\n{begin}\t{end}\t\tN8\n'
        )
        found = read(tmp_path, "a.txt", text)
        assert brief(found) == [(61.5, 62.0, "N7"), (61.5, 62.0, '"say'), (61.5, 62.0, "N8")]
        assert labels(read(tmp_path, "a.txt", text, "tier=right")) == ['"say', "N8"]
    with pytest.raises(ConfigError, match="tier 'up' is not in it; declare tier= one of left, right"):
        read(tmp_path, "a.txt", "Begin Time - msec\tEnd Time - msec\tleft\tright\n1\t2\tN7\tN8\n", "tier=up")


def test_an_elan_export_with_tiers_in_a_column_is_read_by_tier(tmp_path: Path) -> None:
    text = "Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation\na\t1\t2\tN7\nb\t1\t2\tN8\n"
    assert labels(read(tmp_path, "a.txt", text)) == ["N7", "N8"]
    assert labels(read(tmp_path, "a.txt", text, "tier=b")) == ["N8"]


def test_via_points_texts_boxes_and_several_options(tmp_path: Path) -> None:
    attributes = {
        "1": {"aname": "segment", "type": 1, "options": {}},
        "2": {"aname": "many", "type": 2, "options": {"0": "N7", "1": "N8"}},
    }
    rows: list[list[object]] = [
        ["1_a", '["c.mp4","d.mp4"]', 0, "[1.5]", "[2,1,1,5,5]", '{"1":"N10","2":"0,1"}'],
        ["1_b", '["c.mp4"]', 0, "[]", "[]", '{"1":"about the file"}'],
        ["1_c", '["c.mp4"]', 0, "[2,3]", "[]", '{"1":"_DEFAULT","9":"N3"}'],
    ]
    text = f"# ATTRIBUTE = {json.dumps(attributes)}\n# CSV_HEADER = metadata_id,file_list\n{table(rows)}"
    found = read(tmp_path, "a.csv", text)
    assert brief(found) == [(1.5, 1.7, "N10"), (1.5, 1.7, "N7"), (1.5, 1.7, "N8"), (2.0, 3.0, "N3")]
    assert labels(read(tmp_path, "a.csv", text, "tier=many")) == ["N7", "N8"]


def test_anvil_tracks_that_refer_to_others_have_their_times(tmp_path: Path) -> None:
    text = """<annotation><body>
      <track name="phrase" type="span" ref="phase">
        <el index="0" start="0" end="1"><attribute name="a">N7</attribute></el></track>
      <track name="one" type="singleton" ref="phase">
        <el index="0" ref="1"><attribute name="a">N8</attribute></el></track>
      <track name="phase" type="primary"><el index="0" start="1" end="2"/><el index="1" start="2" end="3.5"/></track>
      <track name="click" type="primary"><el index="0" time="9"><attribute name="a">N10</attribute></el></track>
      <track name="wave" type="waveform"><el index="0"><attribute name="a">N11</attribute></el></track>
    </body></annotation>"""
    found = read(tmp_path, "a.anvil", text)
    assert sorted(brief(found)) == [(1.0, 3.5, "N7"), (2.0, 3.5, "N8"), (9.0, 9.2, "N10")]
    assert found.notices == (f"{tmp_path / 'a.anvil'}: tracks without times left out: wave",)
    assert labels(read(tmp_path, "a.anvil", text, "tier=one")) == ["N8"]


def test_boris_points_last_a_moment_and_videos_and_subjects_are_chosen(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [*BORIS_HEAD],
        ["1", "a.mp4", "guest", "N7", "POINT", 1, 1],
        ["1", "a.mp4", "host", "N8", "POINT", 2, "NA"],
        ["2", "b.mp4", "guest", "N10", "STATE", 3, 4],
    ]
    text = table(rows)
    assert brief(read(tmp_path, "a.csv", text, "clip=a.mp4")) == [(1.0, 1.2, "N7"), (2.0, 2.2, "N8")]
    assert labels(read(tmp_path, "a.csv", text, "tier=host", "a.mp4")) == ["N8"]
    assert brief(read(tmp_path, "a.csv", text, "", "b.mp4")) == [(3.0, 4.0, "N10")]


def test_two_observations_of_one_video_are_not_mixed(tmp_path: Path) -> None:
    rows: list[list[object]] = [[*BORIS_HEAD], ["1", "a", "", "N7", "POINT", 1, 1], ["2", "a", "", "N7", "POINT", 1, 1]]
    with pytest.raises(ConfigError, match=r"several observations of one video \(1, 2\)"):
        read(tmp_path, "a.csv", table(rows))


def test_the_last_report_of_each_event_of_a_journal_counts_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    made = WRITERS[Format.JOURNAL](EVENTS)
    torn = made.data + b'{"schema":1,"session":"s","ki'
    assert brief(read(tmp_path, "a.jsonl", torn)) == list(EVENTS)
    row = read(tmp_path, "a.jsonl", torn).rows[0]
    assert (row.side, row.score) == ("left", 0.5)


def test_the_records_of_a_journal_alone_are_read_too(tmp_path: Path) -> None:
    text = '{"id":"e1","class_id":"N7","start_s":1,"end_s":2}\n{"id":"e2","class_id":"N8","start_s":1,"end_s":2}\n'
    found = read(tmp_path, "a.json", text)
    assert (found.format, labels(found)) == (Format.JOURNAL, ["N7", "N8"])


def test_webvtt_cues_with_and_without_identifiers_hours_and_tags(tmp_path: Path) -> None:
    text = "WEBVTT\n\nSTYLE\n::cue { x }\n\n01:00:01.000 --> 01:00:02.000\n<b>Touching</b>\nears &amp;\n\n"
    text += "x\n00:01.000 --> 00:01.000\n"
    assert brief(read(tmp_path, "a.vtt", text)) == [(3601.0, 3602.0, "Touching ears &"), (1.0, 1.2, "")]


def test_an_event_of_no_length_lasts_a_moment(tmp_path: Path) -> None:
    row = one(read(tmp_path, "a.csv", f"{SIMPLE_HEAD}3,3,N7\n"))
    assert row.end_s == pytest.approx(3.2)
