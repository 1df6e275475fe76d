"""The file of answers: what a killed process leaves, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import ConfigError, RecordingError
from monitor.describers.base import ModelInfo
from monitor.evaluate.dataset.store import Made, Result, Store
from monitor.evaluate.dataset.trials import Modality, Part, Trial
from monitor.judges.base import Label

pytestmark = pytest.mark.unit

MODEL = ModelInfo("openai", heuristic=False, calibrated=False, notice="", model="m-1", fingerprint="a" * 64)
MADE = Made(version="1", settings="s", describer=MODEL, judge=MODEL)


def result(name: str = "a.mp4", seed: int | None = 1) -> Result:
    return Result(
        id=name,
        modality=Modality.VA,
        length=20,
        seed=seed,
        source="d",
        start_s=1.0,
        end_s=2.5,
        video=1.0,
        audio=0.5,
        nfbl=0.0,
        label=Label.POSITIVE,
        p_positive=0.7,
        confidence=4.0,
        why="smiles \U0001f600 é",
    )


def begun(path: Path) -> Path:
    with Store(path, MADE) as store:
        store.add(result("a.mp4"))
        store.add(result("b.mp4", None))
    return path


def test_answers_are_read_back_as_they_were(tmp_path: Path) -> None:
    with Store(begun(tmp_path / "trials.jsonl"), MADE) as store:
        assert store.results[Trial("a.mp4", Modality.VA, Part(20, 1))] == result("a.mp4")
        assert store.results[Trial("b.mp4", Modality.VA, Part(20, None))] == result("b.mp4", None)
    assert (tmp_path / "trials.jsonl").stat().st_mode & 0o077 == 0


def test_wherever_the_file_was_torn_it_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole = begun(tmp_path / "trials.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    for length in range(0, len(whole), 7):
        torn.write_bytes(whole[:length])
        with Store(torn, MADE) as store:
            for one in (result("a.mp4"), result("b.mp4", None)):
                if one.trial not in store.results:
                    store.add(one)
        assert torn.read_bytes() == whole


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (replace(MADE, settings="t"), "was made with other settings"),
        (replace(MADE, version="2"), "was made with version 1, not 2"),
        (replace(MADE, judge=replace(MODEL, fingerprint="b" * 64)), r"judge openai m-1 \(aaaaaaaaaaaa\), not openai"),
        (replace(MADE, describer=replace(MODEL, name="cues", model="")), r"not cues \(aaaaaaaaaaaa\)"),
    ],
)
def test_answers_made_otherwise_are_refused_and_kept(tmp_path: Path, now: Made, says: str) -> None:
    path = begun(tmp_path / "trials.jsonl")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=says) as caught:
        Store(path, now)
    assert "--out" in str(caught.value)
    assert path.read_bytes() == before


def test_a_notice_that_changed_makes_no_other_model(tmp_path: Path) -> None:
    with Store(begun(tmp_path / "trials.jsonl"), replace(MADE, judge=replace(MODEL, notice="new"))) as store:
        assert len(store.results) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"my notes", "holds something else and stays as it is"),
        (b"my notes\n", "is no file of this version"),
        (b'{"format":"emotion-monitor trials","schema":2}\n', "is no file of this version"),
    ],
)
def test_a_file_that_is_something_else_stays_as_it_is(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=says):
        Store(path, MADE)
    assert path.read_bytes() == text


@pytest.mark.parametrize("line", [b"{}\n", b"\n", b"\xff\xfe\n", b'{"id":"a"}\n'])
def test_damage_is_named_by_its_line(tmp_path: Path, line: bytes) -> None:
    path = begun(tmp_path / "trials.jsonl")
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + line + third)
    with pytest.raises(ConfigError, match="damaged at line 3: keep what is before it"):
        Store(path, MADE)


def test_two_evaluations_never_write_one_file(tmp_path: Path) -> None:
    path = begun(tmp_path / "trials.jsonl")
    with Store(path, MADE), pytest.raises(ConfigError, match="is being written by another evaluation"):
        Store(path, MADE)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere/trials\.jsonl cannot be written"):
        Store(tmp_path / "nowhere" / "trials.jsonl", MADE)
