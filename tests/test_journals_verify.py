"""`verify` finds what is wrong with a journal, names the line, and passes what is sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.journal import Journal
from monitor.journals.verify import Problem, Verification, published_form
from tests.made_journal import made_journal, made_records

pytestmark = pytest.mark.unit

Line = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def problems(path: Path) -> list[Problem]:
    return list(Verification(path).problems())


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(path: Path, lines: list[Line]) -> None:
    """Number them anew: what is wrong is then their order alone."""
    for number, line in enumerate(lines, start=1):
        line["seq"] = number
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def first(lines: list[Line], kind: str, **fields: object) -> int:
    return next(
        at
        for at, line in enumerate(lines)
        if line["kind"] == kind and all(line[name] == value for name, value in fields.items())
    )


@pytest.mark.parametrize("ended", [True, False])
def test_a_sound_journal_has_no_problem(path: Path, ended: bool) -> None:
    made_journal(path, made_records(ended=ended))
    verification = Verification(path, form=published_form())
    assert list(verification.problems()) == []
    assert verification.found.state == ("ended" if ended else "without an end")
    assert verification.found.lines == len(path.read_text().splitlines())


def test_a_journal_that_is_being_written_may_have_half_a_line(path: Path) -> None:
    with Journal(path, "s", fsync=False) as journal:
        journal.append(made_records()[0])
        with path.open("ab") as file:
            file.write(b'{"schema":1,')
        verification = Verification(path)
        assert list(verification.problems()) == []
        assert verification.found.state == "running"
    assert problems(path) == [Problem(2, "torn: readers pass it over")]


def move_estimate(lines: list[Line]) -> None:
    at = first(lines, "estimate")
    lines[at - 1], lines[at] = lines[at], lines[at - 1]


def estimate_back(lines: list[Line]) -> None:
    lines[[at for at, line in enumerate(lines) if line["kind"] == "estimate"][5]]["media_s"] = 1.0


def end_first(lines: list[Line]) -> None:
    lines.insert(-2, lines.pop())


def open_twice(lines: list[Line]) -> None:
    lines.insert(first(lines, "nfbl", phase="close"), dict(lines[first(lines, "nfbl", phase="open")]))


def never_opened(lines: list[Line]) -> None:
    del lines[first(lines, "nfbl", phase="open")]


def after_close(lines: list[Line]) -> None:
    at = first(lines, "nfbl", phase="close")
    lines.insert(at + 1, {**lines[at], "phase": "update"})


def no_session(lines: list[Line]) -> None:
    del lines[0]


def two_sessions(lines: list[Line]) -> None:
    lines.insert(3, dict(lines[0]))


def window_missing(lines: list[Line]) -> None:
    del lines[first(lines, "verdict") : first(lines, "verdict") + 2]


def gap_backwards(lines: list[Line]) -> None:
    lines[first(lines, "gap")]["end_s"] = 1.0


def wrong_label(lines: list[Line]) -> None:
    lines[first(lines, "verdict")]["label"] = "cheerful"


def other_session(lines: list[Line]) -> None:
    lines[4]["session"] = "l-other"


def other_schema(lines: list[Line]) -> None:
    lines[4]["schema"] = 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (move_estimate, "an estimate without a verdict before it"),
        (estimate_back, "an estimate of 1 s comes after one of"),
        (end_first, "comes after the end"),
        (open_twice, "nfbl e1 opens twice"),
        (never_opened, "nfbl e1 was never opened"),
        (after_close, "nfbl e1 goes on (update) after its close"),
        (no_session, "the first line is nfbl_feed, not session"),
        (two_sessions, "a second session line"),
        (window_missing, "window 2 is judged after window 0"),
        (gap_backwards, "gap ends at 1 s, before it begins"),
        (wrong_label, "label: Input should be"),
        (other_session, "session l-other, not l-0123456789abcdef"),
        (other_schema, "schema 2, not 1"),
    ],
)
def test_each_rule_that_is_broken_is_told(path: Path, spoil: Callable[[list[Line]], None], said: str) -> None:
    lines = lines_of(made_journal(path))
    spoil(lines)
    rewrite(path, lines)
    assert any(said in problem.text for problem in problems(path)), problems(path)


def test_a_missing_line_is_told_once_with_its_place(path: Path) -> None:
    lines = made_journal(path).read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4] + lines[5:]))
    told = [problem for problem in problems(path) if "number" in problem.text]
    assert told[0] == Problem(5, "number 6, not 5")
    assert len(told) == 1


def test_nonsense_in_the_middle_does_not_hide_what_comes_after(path: Path) -> None:
    lines = made_journal(path).read_text().splitlines(keepends=True)
    lines[6], lines[-1] = "nonsense\n", lines[-1].replace('"reason":"ended"', '"reason":"bored"')
    path.write_text("".join(lines))
    found = problems(path)
    assert found[0].line == 7
    assert found[0].text.startswith("is no JSON object")
    assert found[-1].line == len(lines)
    assert found[-1].text.startswith("reason: Input should be")


def test_no_problem_quotes_what_a_model_or_a_person_said(path: Path) -> None:
    lines = lines_of(made_journal(path))
    lines[first(lines, "verdict", label="positive")]["coverage"] = "she said yes"
    lines[first(lines, "description")]["text"] = ["she said yes"]
    lines[first(lines, "verdict", label="negative")]["label"] = "she said yes"
    rewrite(path, lines)
    said = " ".join(problem.text for problem in problems(path))
    assert "coverage" in said
    assert "she said" not in said


def test_kinds_and_fields_of_a_newer_version_are_no_problem(path: Path) -> None:
    lines = lines_of(made_journal(path))
    lines.insert(4, {"schema": 1, "session": lines[0]["session"], "seq": 0, "kind": "weather", "media_s": 1.0})
    lines[2]["mood"] = "new"
    rewrite(path, lines)
    verification = Verification(path)
    assert list(verification.problems()) == []
    assert verification.found.unknown == 1


def test_who_may_read_or_replace_it_is_told(path: Path) -> None:
    made_journal(path)
    path.chmod(0o644)
    path.parent.chmod(0o777)
    assert [problem.text for problem in problems(path)] == [
        "others may read or write it (mode 0644): chmod 600 it",
        "others may delete or replace it: its folder has mode 0777",
    ]
    path.parent.chmod(0o700)


def test_an_empty_file_holds_no_line(path: Path) -> None:
    path.touch(mode=0o600)
    assert problems(path) == [Problem(0, "holds no line")]


def test_the_published_schema_asks_more_than_nothing(path: Path) -> None:
    line = json.loads(made_journal(path).read_text().splitlines()[0])
    assert list(published_form()(line)) == []
    assert list(published_form()({**line, "media_s": "soon"}))
