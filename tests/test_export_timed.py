from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import Cadence
from buffers.records import Group, NfblEvent, Phase
from configs.errors import ConfigError
from configs.taxonomy import taxonomy
from monitor import records
from monitor.export.eaf import Linked, eaf
from monitor.export.export import export
from monitor.export.order import Form, Order
from monitor.export.spans import Placing, Span, judged, labels, lanes
from monitor.export.tiers import KINDS, tiers
from monitor.export.webvtt import KINDS as SHOWABLE
from monitor.export.webvtt import webvtt
from monitor.reading import read_journal
from monitor.record import Record
from monitor.session_view import SessionView, view
from streams.nfbl.replay import ReplayedFeed
from tests.made_journal import made_journal, made_records

pytestmark = pytest.mark.unit

DATE = "2026-11-22T10:00:00.000Z"

CUE = re.compile(r"(\d\d+):(\d\d):(\d\d\.\d{3}) --> (\d\d+):(\d\d):(\d\d\.\d{3}) (.*)")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return made_journal(tmp_path / "session.jsonl")


@pytest.fixture
def session(journal: Path) -> SessionView:
    return view(read_journal(journal))


def cues(session: SessionView, *kinds: str, offset_s: float = 0.0) -> dict[str, tuple[float, float, str, str]]:
    """By name: begin and end (s), settings, text."""
    blocks = b"".join(webvtt(session, kinds or SHOWABLE, Placing(offset_s))).decode().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1].startswith("NOTE\n")
    found = {}
    for block in blocks[2:]:
        name, times, text = block.strip("\n").split("\n")
        parts = CUE.fullmatch(times)
        assert parts is not None, times
        start_s, end_s = (
            int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in (parts.groups()[:3], parts.groups()[3:6])
        )
        found[name] = (start_s, end_s, parts[7], text)
    return found


def document(session: SessionView, *kinds: str, offset_s: float = 0.0, media: Linked | None = None) -> ET.Element:
    found = tiers(session, kinds or KINDS, Placing(offset_s))
    return ET.fromstring(b"".join(eaf(session, found, media=media, date=DATE)))


def with_note(session: SessionView, note: str) -> SessionView:
    return replace(session, marks=(records.MarkRecord(media_s=150.0, note=note),))


class TestSpans:
    def test_a_window_is_shown_over_the_seconds_that_none_before_it_was_judged_by(self, session: SessionView) -> None:
        local = [(start_s, end_s) for start_s, end_s, *_ in judged(session, Cadence.LOCAL)]
        assert local[:3] == [(0.0, 30.0), (30.0, 45.0), (45.0, 60.0)]
        assert all(before[1] <= after[0] for before, after in pairwise(local))

    def test_an_estimate_is_shown_from_one_change_to_the_next(self, session: SessionView) -> None:
        told = list(labels(session, current=False))
        assert told[0][0] == 30.0
        assert told[-1][1] == 600.0
        assert all(before[1] == after[0] and before[2] is not after[2] for before, after in pairwise(told))

    @given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 50)), max_size=60))
    def test_nothing_in_a_lane_overlaps_and_no_lane_is_more_than_is_needed(self, made: list[tuple[int, int]]) -> None:
        spans = [Span(start, start + length) for start, length in sorted(made)]
        placed = lanes(spans)
        for lane in set(placed):
            own = [span for span, place in zip(spans, placed, strict=True) if place == lane]
            assert all(before.end_ms <= after.start_ms for before, after in pairwise(own))
        most = max((sum(1 for o in spans if o.start_ms <= s.start_ms < o.end_ms) for s in spans), default=0)
        assert max(placed, default=-1) + 1 == most

    def test_what_was_over_before_the_recording_began_is_left_out_and_the_rest_is_cut(self) -> None:
        placing = Placing(-10.0)
        assert placing.span(2.0, 9.0) is None
        assert placing.span(8.0, 12.0) == Span(0, 2000)
        assert Placing(1.5).span(2.0, 2.0) == Span(3500, 3501)


class TestCues:
    def test_verdicts_stand_above_and_body_language_below(self, session: SessionView) -> None:
        found = cues(session, "verdict", "nfbl")
        assert found["verdict 2"][3] == "Verdict: positive, p(positive) 0.700, uncalibrated"
        assert found["verdict 5"][3] == "Verdict: abstains"
        assert found["verdict 4"][3].startswith("Verdict on the session so far: positive")
        assert found["nfbl e1"][:2] == (61.0, 64.5)
        assert found["nfbl e1"][3] == "head: Touching nose (left)"
        assert {settings.split()[0] for name, (_, _, settings, _) in found.items() if "verdict" in name} == {"line:0"}
        assert {settings.split()[0] for name, (_, _, settings, _) in found.items() if "nfbl" in name} == {"line:-1"}

    def test_they_come_in_the_order_of_their_beginnings(self, session: SessionView) -> None:
        starts = [start_s for start_s, *_ in cues(session).values()]
        assert starts == sorted(starts)

    def test_other_kinds_are_shown_where_they_are_asked_for(self, session: SessionView) -> None:
        found = cues(session, "estimate", "gap", "mark")
        assert found["gap 1"] == (200.0, 220.0, found["gap 1"][2], "No picture: source lost")
        assert found["mark 1"][:2] == (150.0, 152.0)
        assert any(text.startswith("Estimate, current: ") for *_, text in found.values())

    @pytest.mark.parametrize(
        ("words", "shown"),
        [
            ("<b>bold</b> & more", "Mark: &lt;b&gt;bold&lt;/b&gt; &amp; more"),
            ("a --> b", "Mark: a --&gt; b"),
            ("two\n\nlines\r\nand\u2028more", "Mark: two lines and more"),
            ("bell \x07 and \u202e right", "Mark: bell and right"),
        ],
    )
    def test_no_words_end_a_cue_or_begin_a_tag(self, session: SessionView, words: str, shown: str) -> None:
        assert cues(with_note(session, words), "mark")["mark 1"][3] == shown

    def test_they_move_with_the_recording(self, session: SessionView) -> None:
        assert cues(session, "nfbl", offset_s=-60.0)["nfbl e1"][:2] == (1.0, 4.5)
        assert cues(session, "nfbl", offset_s=3600.0)["nfbl e1"][:2] == (3661.0, 3664.5)

    def test_the_file_says_that_it_is_a_heuristic(self, session: SessionView) -> None:
        head = b"".join(webvtt(session, SHOWABLE, Placing())).split(b"\n\n")[1]
        assert b"heuristic, uncalibrated" in head


class TestTiers:
    @pytest.fixture
    def root(self, session: SessionView) -> ET.Element:
        return document(session)

    def test_the_parts_come_in_the_order_of_the_schema(self, root: ET.Element) -> None:
        order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY"]
        assert list(dict.fromkeys(part.tag for part in root)) == order
        assert root.get("FORMAT") == root.get("VERSION") == "3.0"

    def test_every_reference_leads_somewhere(self, root: ET.Element) -> None:
        slots = {slot.get("TIME_SLOT_ID") for slot in root.iter("TIME_SLOT")}
        kinds = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
        names = [tier.get("TIER_ID") for tier in root.iter("TIER")]
        own = [note.get("ANNOTATION_ID") for tier in root.iter("TIER") for note in tier.iterfind("ANNOTATION/*")]
        words = {
            each.get("CV_ID"): {e.get("CVE_ID") for e in each.iter("CV_ENTRY_ML")}
            for each in root.iter("CONTROLLED_VOCABULARY")
        }
        vocabulary = {
            kind.get("LINGUISTIC_TYPE_ID"): kind.get("CONTROLLED_VOCABULARY_REF")
            for kind in root.iter("LINGUISTIC_TYPE")
        }
        assert len(set(names)) == len(names)
        assert len(set(own)) == len(own)
        for tier in root.iter("TIER"):
            assert tier.get("LINGUISTIC_TYPE_REF") in kinds
            assert tier.get("PARENT_REF") in {None, *names}
            for note in tier.iterfind("ANNOTATION/*"):
                if note.tag == "ALIGNABLE_ANNOTATION":
                    assert {note.get("TIME_SLOT_REF1"), note.get("TIME_SLOT_REF2")} <= slots
                else:
                    assert note.get("ANNOTATION_REF") in own
                if note.get("CVE_REF"):
                    assert note.get("CVE_REF") in words[vocabulary[tier.get("LINGUISTIC_TYPE_REF")]]
        assert root.findtext("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']") == str(len(own))

    def test_time_slots_come_in_order(self, root: ET.Element) -> None:
        times = [int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")]
        assert times == sorted(times)

    def test_the_classes_of_the_taxonomy_are_its_vocabulary(self, root: ET.Element) -> None:
        entries = root.findall("CONTROLLED_VOCABULARY[@CV_ID='body language']/CV_ENTRY_ML")
        assert {entry.get("CVE_ID") for entry in entries} == {one.id for one in taxonomy().classes}

    def test_there_is_a_tier_for_each_group_even_where_nothing_was_seen(self, session: SessionView) -> None:
        none = replace(session, events=())
        assert [tier.name for tier in tiers(none, ("nfbl",), Placing())] == [
            "NFBL head",
            "NFBL arms",
            "NFBL hands",
            "NFBL posture",
        ]

    def test_what_overlaps_goes_to_a_tier_beside_it(self, session: SessionView) -> None:
        first = session.events[0]
        moved = replace(first, last=replace(first.last, id="e9", start_s=first.last.start_s + 1.0))
        crowded = replace(session, events=(first, moved, *session.events[1:]))
        names = [tier.name for tier in tiers(crowded, ("nfbl",), Placing()) if tier.notes]
        assert names == ["NFBL head left", "NFBL head left 2", "NFBL head right", "NFBL arms both", "NFBL hands both"]

    def test_characters_that_xml_cannot_hold_are_replaced(self, session: SessionView) -> None:
        root = document(with_note(session, "bell\x07<&\ufffe]]>"), "mark")
        assert [value.text for value in root.iter("ANNOTATION_VALUE")] == ["bell\ufffd<&\ufffd]]>"]

    def test_a_recording_is_linked_by_its_place_beside_the_file(self, session: SessionView) -> None:
        root = document(session, media=Linked("clean clips/a&b.mkv"))
        (media,) = root.iter("MEDIA_DESCRIPTOR")
        assert media.get("RELATIVE_MEDIA_URL") == media.get("MEDIA_URL") == "./clean%20clips/a%26b.mkv"
        assert media.get("MIME_TYPE") == "video/x-matroska"

    def test_without_a_recording_none_is_linked(self, root: ET.Element) -> None:
        assert list(root.iter("MEDIA_DESCRIPTOR")) == []

    @pytest.mark.parametrize("share", [False, True])
    @pytest.mark.parametrize(
        ("media", "named", "shared"),
        [
            ("clean.mkv", "./clean.mkv", "./clean.mkv"),
            ("anna_smith/clean.mkv", "./anna_smith/clean.mkv", "./clean.mkv"),
            ("../anna_smith/clean.mkv", "./clean.mkv", "./clean.mkv"),
        ],
    )
    def test_no_folder_outside_is_told_of_the_recording(
        self, tmp_path: Path, share: bool, media: str, named: str, shared: str
    ) -> None:
        out = tmp_path / "made" / "session.eaf"
        out.parent.mkdir()
        recording = out.parent / media
        recording.parent.mkdir(exist_ok=True)
        recording.touch()
        told: list[str] = []
        journal = made_journal(tmp_path / "session.jsonl")
        export(Order(journal=journal, to=Form.EAF, out=out, media=recording, share=share), tell=told.append)
        (found,) = ET.parse(out).getroot().iter("MEDIA_DESCRIPTOR")
        assert found.get("MEDIA_URL") == found.get("RELATIVE_MEDIA_URL") == (shared if share else named)
        apart = Path(media).parent != Path() and found.get("MEDIA_URL") == "./clean.mkv"
        assert [one.rpartition(": ")[2] for one in told] == (["put it beside them"] if apart else [])

    def test_equal_journals_give_equal_files(self, session: SessionView) -> None:
        assert ET.tostring(document(session)) == ET.tostring(document(session))


class TestReadByPympi:
    @pytest.fixture
    def read(self, journal: Path, tmp_path: Path) -> Any:  # noqa: ANN401 - pympi has no types
        elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed (extra dev)")
        export(Order(journal=journal, to=Form.EAF, out=tmp_path / "out.eaf", date=DATE))
        return elan.Eaf(str(tmp_path / "out.eaf"))

    def test_all_tiers_are_there(self, read: Any) -> None:  # noqa: ANN401
        assert [name for name in read.get_tier_names() if ": " not in name] == [
            "verdict local",
            "verdict global",
            "estimate overall",
            "estimate current",
            "NFBL head",
            "NFBL head left",
            "NFBL head right",
            "NFBL arms",
            "NFBL arms both",
            "NFBL hands",
            "NFBL hands both",
            "NFBL posture",
            "no picture",
            "no sound",
            "mark",
        ]
        assert {"not watched: head", "not watched: arms", "verdict local: rationale"} <= set(read.get_tier_names())

    def test_body_language_has_its_times_and_names(self, read: Any) -> None:  # noqa: ANN401
        assert read.get_annotation_data_for_tier("NFBL arms both") == [(240_000, 290_000, "Folding arms")]

    def test_verdicts_say_more_on_the_tiers_beneath(self, read: Any) -> None:  # noqa: ANN401
        assert read.get_annotation_data_for_tier("verdict local")[:2] == [
            (0, 30_000, "positive"),
            (30_000, 45_000, "positive"),
        ]
        assert read.get_ref_annotation_data_for_tier("verdict local: p(positive)")[0][:3] == (0, 30_000, "0.700")
        assert read.get_ref_annotation_data_for_tier("verdict local: window")[1][2] == "13.000-45.000"
        assert "Two hands move" in read.get_ref_annotation_data_for_tier("verdict local: description")[0][2]

    def test_what_could_not_be_seen_says_why(self, read: Any) -> None:  # noqa: ANN401
        assert read.get_annotation_data_for_tier("not watched: arms") == [(330_000, 400_000, "elbows out of view")]
        assert read.get_annotation_data_for_tier("no sound") == [(200_000, 220_000, "source lost")]

    def test_the_vocabulary_is_read(self, read: Any) -> None:  # noqa: ANN401
        assert read.get_cv_entries("verdict")["abstain"][0][0][0] == "abstain"


def renamed(record: Record) -> Record:
    """The made journal calls classes what the taxonomy does not; a real one never does."""
    if not isinstance(record, records.NfblRecord):
        return record
    known = taxonomy().find(record.class_id)
    assert known is not None
    return replace(record, name=known.name, group=Group(known.group))


def test_the_export_can_be_replayed_as_a_feed(tmp_path: Path) -> None:
    journal = made_journal(tmp_path / "j.jsonl", [renamed(record) for record in made_records()])
    export(Order(journal=journal, to=Form.EAF, kinds=("nfbl",), out=tmp_path / "seen.eaf", date=DATE))
    feed = ReplayedFeed(tmp_path / "seen.eaf")
    assert feed.notices == ()
    events = [report.item for report in feed.reports(float("inf")) if isinstance(report.item, NfblEvent)]
    assert [(event.class_id, event.start_s, event.end_s) for event in events if event.phase is Phase.CLOSE] == [
        ("N7", 61.0, 64.5),
        ("N14", 118.0, 130.0),
        ("N17", 240.0, 290.0),
        ("N5", 301.0, 302.0),
    ]


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ({"to": Form.CSV, "offset_s": 1.0}, "--offset: csv has the session's own times"),
        ({"to": Form.VTT, "media": Path(__file__)}, "--media: nothing is linked in vtt"),
        ({"to": Form.EAF, "media": Path("absent.mkv")}, "absent.mkv: is no file"),
        ({"to": Form.EAF, "kinds": ("health",)}, "--kinds health: eaf holds verdict, estimate, nfbl"),
    ],
)
def test_what_does_not_go_together_is_told(journal: Path, order: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        export(Order(journal=journal, **order))
