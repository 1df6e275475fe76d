"""`evaluate nfbl` from the command line: from journals, and from runs of its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import cli
from streams.synthetic import Interview
from tests.made_runs import report, whole_journal

HEAD = "clip,class,start_s,end_s,alt\n"


def evaluate(*words: object) -> int:
    return cli.main(["evaluate", "nfbl", *map(str, words)])


def labels(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return path


def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    whole_journal(folder / "a.jsonl", "a.mp4", report("N7", 2.0, 4.0))
    whole_journal(folder / "none.jsonl", "none.mp4", report("N16", 9.0, 12.0))
    return folder


@pytest.mark.unit
def test_journals_are_evaluated_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    written = ("--json", figures, "--timeline", picture)
    found = labels(tmp_path, "a.mp4,N7,2,4,")
    assert evaluate("--labels", found, "--predictions", runs(tmp_path), "--negatives", "runs/no*", *written) == 0
    assert capsys.readouterr().out.startswith("1 event on 1 clip (60 s), 1 negative (60 s)")
    read = json.loads(figures.read_text(encoding="utf-8"))
    assert read["segments"][0]["score"]["f1"] == 1.0
    assert read["alarms"]["arms"]["per_min"] == 1.0
    assert picture.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.unit
def test_one_journal_is_evaluated_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = labels(tmp_path, "a.mp4,N7,2,4,", "b.mp4,N7,2,4,")
    assert evaluate("--labels", found, "--predictions", runs(tmp_path) / "a.jsonl") == 0
    out = capsys.readouterr().out
    assert out.startswith("1 event on 1 clip")
    assert "labelled, but not evaluated: b.mp4" in out


@pytest.mark.unit
def test_what_counts_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = labels(tmp_path, "a.mp4,N25,1,5,", "a.mp4,N7,2,4,")
    folder, figures = runs(tmp_path), tmp_path / "figures.json"
    for words, events in (((), 1), (("--leave-out", "none"), 2), (("--leave-out", "N25,C32"), 1)):
        assert evaluate("--labels", found, "--predictions", folder, "--json", figures, *words) == 0
        assert json.loads(figures.read_text(encoding="utf-8"))["events"] == events
    capsys.readouterr()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("row", "words", "says"),
    [
        ("a.mp4,N7,2,4,", (), "--media DIR to run the clips"),
        ("a.mp4,N7,2,4,", ("--predictions", "nowhere"), "is no folder"),
        ("a.mp4,N7,4,2,", ("--predictions", "runs"), "labels.csv:2: end_s 2"),
        ("a.mp4,N99,2,4,", ("--predictions", "runs"), "'N99'"),
        ("b.mp4,N7,2,4,", ("--predictions", "runs"), "b.mp4: no journal b.jsonl"),
        ("b.mp4,N7,2,4,", ("--predictions", "runs/a.jsonl"), "labels b.mp4, but what was run is a.mp4"),
        ("none.mov,N7,2,4,", ("--predictions", "runs"), "the journal for none.mov is of none.mp4"),
        ("a.mp4,N7,2,4,", ("--predictions", "runs/a.jsonl", "--negatives", "none"), "name a folder of journals"),
        ("a.mp4,N7,2,4,", ("--predictions", "runs", "--negatives", "x*"), "--negatives x*: matches no clip"),
        ("a.mp4,N7,2,4,", ("--media", ".", "--set", "nfbl.source=live"), "a.mp4: no such recording"),
        ("a.mp4,N7,2,4,", ("--media", ".", "--set", "nfbl.source=off"), "nfbl.source is off"),
    ],
)
def test_a_mistake_is_one_line(
    row: str,
    words: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = labels(tmp_path, row)
    runs(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert evaluate("--labels", found, *words) in {1, 2}
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert says in line


@pytest.mark.unit
@pytest.mark.parametrize("words", [("--leave-out", "N99"), ("--onset-tolerance", "0"), ("--speed", "0")])
def test_wrong_usage_ends_with_2(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        evaluate("--labels", tmp_path / "labels.csv", *words)
    assert caught.value.code == 2
    assert "error: argument" in capsys.readouterr().err


@pytest.mark.media
def test_a_clip_is_run_and_its_own_annotations_are_found_again(
    interview: Interview, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with interview.nfbl.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] != "N31"]
    name, keep, figures = interview.video.name, tmp_path / "journals", tmp_path / "figures.json"
    found = labels(tmp_path, *(f"{name},{row['class']},{row['start_s']},{row['end_s']}," for row in rows))
    given = ("--labels", found, "--json", figures)
    own = ("--media", interview.video.parent, "--keep", keep, "--set", f"nfbl.source={interview.nfbl}")
    assert evaluate(*given, *own) == 0
    first = json.loads(figures.read_text(encoding="utf-8"))
    assert first["events"] == len(rows) > 0
    assert [one["score"]["f1"] for one in first["segments"]] == [1.0] * 9
    assert first["delay"]["from_label_median_s"] == 0.0

    # With --media as well, journals are read all the same.
    assert evaluate(*given, "--media", interview.video.parent, "--predictions", keep) == 0
    assert json.loads(figures.read_text(encoding="utf-8")) == first
    capsys.readouterr()
