"""What `evaluate` takes for a dataset and what for a kind of evaluation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import cli

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("made",),
        ("./nfbl",),
        ("dataset", "dataset"),
        ("--limit", "3", "made"),
        ("made", "--lengths", "100,20", "--modalities", "va", "--seeds", "2", "--jobs", "1"),
    ],
)
def test_a_dataset_needs_no_name_of_its_kind(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", *words]) == 2
    assert "is no folder; name the one that holds labels.csv" in capsys.readouterr().err


def test_body_language_is_still_evaluated_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nfbl").mkdir()
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", "nfbl"])
    assert "--labels" in capsys.readouterr().err
    assert cli.main(["evaluate", "nfbl", "--labels", "none.csv"]) == 2
    assert "--media DIR" in capsys.readouterr().err


def test_help_names_both(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["evaluate", "--help"])
    said = capsys.readouterr().out
    assert "the paper's tables" in said
    assert "./nfbl" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "DATASET|nfbl"),
        (("made", "--modalities", "v,nav"), "expected some of v,va,van"),
        (("made", "--lengths", "20,101"), "expected percents from 5 to 100"),
        (("made", "--lengths", "1"), "expected percents from 5 to 100"),
        (("made", "--lengths", ""), "expected percents"),
        (("made", "--seeds", "0"), "is not a number from 1"),
        (("made", "--limit", "-2"), "limit"),
        (("made", "--jobs", "many"), "is not a number from 1"),
        (("made", "other"), "unrecognized arguments: other"),
    ],
)
def test_what_cannot_be_meant_is_told(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", *words])
    assert says in capsys.readouterr().err


def test_nothing_is_written_before_the_labels_are_understood(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "labels.csv").write_text("video,label\na.mp4,1\n", encoding="utf-8")
    assert cli.main(["evaluate", "made"]) == 2
    assert os.listdir(tmp_path) == ["made"]  # noqa: PTH208 - names are enough
