from __future__ import annotations

import types
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from monitor import records
from monitor.export.export import export
from monitor.export.order import Form, Order
from monitor.export.share import SHOWN, shared
from monitor.reading import Entry, read_journal
from tests.made_journal import SECRETS, SESSION, WORDS, made_journal, made_records

pytestmark = pytest.mark.unit

WORDLESS = (
    SESSION,
    *SECRETS,
    WORDS,
    "laughter",
    "connection refused",
    "source lost",
    "faces.py",
    "rules",
    "embedded heuristic",
)


def texts_of(kind: type) -> set[tuple[type, str]]:
    """Every field of a record, and of what is in it, that can hold a text that is no word of a closed list."""
    found: set[tuple[type, str]] = set()
    hints = get_type_hints(kind)
    for field in fields(kind):
        for part in _parts(hints[field.name]):
            if isinstance(part, type) and hasattr(part, "__dataclass_fields__"):
                found |= texts_of(part)
            elif part is str:
                found.add((kind, field.name))
    return found


def _parts(hint: Any) -> set[Any]:  # noqa: ANN401 - a type of any form
    if get_origin(hint) in {tuple, types.UnionType} or get_args(hint):
        return {part for argument in get_args(hint) for part in _parts(argument)}
    return {hint}


def all_texts() -> set[tuple[type, str]]:
    return {text for kind in get_args(get_args(records.AnyRecord)[0]) for text in texts_of(kind)}


@pytest.fixture(params=[records.Mode.LIVE, records.Mode.MAX])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made_journal(tmp_path / "session.jsonl", made_records(mode=request.param))


@pytest.mark.parametrize("to", Form)
def test_nothing_that_is_passed_on_holds_words_or_names(journal: Path, tmp_path: Path, to: Form) -> None:
    if to is Form.PARQUET:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra export)")
    out = tmp_path / ("out" if to in {Form.CSV, Form.PARQUET} else f"out.{to}")
    kinds = ("verdict", "nfbl", "estimate", "gap", "mark") if to is Form.VTT else ()
    export(Order(journal=journal, to=to, kinds=kinds, out=out, share=True, date="2026-11-22T00:00:00Z"))
    files = [out] if out.is_file() else sorted(out.iterdir())
    for file in files:
        data = file.read_bytes()
        assert data
        assert [word for word in WORDLESS if word.encode() in data] == [], file.name


def test_what_is_passed_on_still_says_when_and_how_sure(journal: Path, tmp_path: Path) -> None:
    export(Order(journal=journal, to=Form.JSONL, out=tmp_path / "out.jsonl", share=True))
    before, after = list(read_journal(journal)), list(read_journal(tmp_path / "out.jsonl"))
    assert [entry.seq for entry in after] == [entry.seq for entry in before]
    for old, new in zip(before, after, strict=True):
        assert type(new.record) is type(old.record)
        assert new.record.media_s == old.record.media_s
        if isinstance(old.record, records.VerdictRecord):
            assert isinstance(new.record, records.VerdictRecord)
            assert (new.record.label, new.record.p_positive) == (old.record.label, old.record.p_positive)
            assert new.record.coverage == old.record.coverage
        if isinstance(old.record, records.NfblRecord):
            assert isinstance(new.record, records.NfblRecord)
            assert (new.record.name, new.record.side) == (old.record.name, old.record.side)
            assert new.record.alternatives == old.record.alternatives


def test_who_has_the_recording_cannot_tell_by_the_sessions_id_that_it_was_this_one(
    journal: Path, tmp_path: Path
) -> None:
    drawn = set()
    for name in ("one.jsonl", "two.jsonl"):
        export(Order(journal=journal, to=Form.JSONL, out=tmp_path / name, share=True))
        (told,) = {entry.session for entry in read_journal(tmp_path / name)}
        drawn.add(told)
    assert len(drawn) == 2
    assert all(told.startswith("shared-") for told in drawn)


def test_what_is_no_time_is_not_passed_on_as_one(tmp_path: Path) -> None:
    head = made_records()[0]
    assert isinstance(head, records.SessionRecord)
    told = shared(Entry("l-1", 1, replace(head, started_at="when carol came")), "s-1").record
    assert isinstance(told, records.SessionRecord)
    assert told.started_at is None
    assert shared(Entry("l-1", 1, head), "s-1").record == replace(told, started_at=head.started_at)


def test_every_text_that_is_not_listed_is_left_out() -> None:
    marked = Entry("l-1", 1, records.MarkRecord(media_s=1.0, note="a name"))
    assert shared(marked, "s-1").record == records.MarkRecord(media_s=1.0, note="")
    blank = shared(Entry("l-1", 2, _verdict()), "s-1").record
    assert isinstance(blank, records.VerdictRecord)
    assert (blank.rationale, blank.raw, blank.judge) == ("", None, "cues")


def test_what_is_listed_exists_and_says_nothing_of_a_person_a_file_or_a_device() -> None:
    # Whoever adds a field to the list reads this: source, consent, notices, words and addresses may never be in it.
    listed = {(kind, name) for kind, names in SHOWN.items() for name in names - {"kind"}}
    assert listed <= all_texts()
    never = {"source", "digest", "consent", "notices", "nfbl", "profile", "link", "stack", "note", "text", "raw"}
    assert not {name for _, name in listed} & (never | {"rationale", "notice", "model", "fingerprint"})


def test_words_of_closed_lists_are_no_texts() -> None:
    assert (records.VerdictRecord, "label") not in all_texts()
    assert (records.VerdictRecord, "rationale") in all_texts()
    assert issubclass(records.Mode, Enum)


def test_it_is_still_told_that_nobody_looked_for_body_language(tmp_path: Path) -> None:
    head = made_records()[0]
    assert isinstance(head, records.SessionRecord)
    journal = made_journal(tmp_path / "session.jsonl", [replace(head, nfbl="off"), _verdict()])
    export(Order(journal=journal, to=Form.EAF, out=tmp_path / "out.eaf", share=True, date="2026-11-22T00:00:00Z"))
    assert "not watched: posture" in (tmp_path / "out.eaf").read_text()


def _verdict() -> records.VerdictRecord:
    return next(record for record in made_records() if isinstance(record, records.VerdictRecord))
