"""`evaluate DATASET` on forty made clips with known answers: the figures, interruptions, and what goes wrong."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from configs.errors import ConfigError, ModelUnavailable
from configs.load import load_settings
from configs.settings import Settings
from monitor.evaluate.dataset.folder import read_dataset
from monitor.evaluate.dataset.found import figures_of
from monitor.evaluate.dataset.run import TRIALS, Answers, Plan, run
from monitor.evaluate.dataset.trials import Modality
from tests.made_dataset import (
    POSITIVES,
    ScriptedDescriber,
    ScriptedJudge,
    interrupted_after,
    killed_after,
    known_answer,
    make_dataset,
    name_of,
    recorded_models,
)

pytestmark = pytest.mark.media

RESULTS = ("results.md", "results.json", "results.csv", "accuracy.svg", "reliability.svg")
TRIALS_OF_FORTY = 40 * 3 * 3


def settings(*overrides: str) -> Settings:
    return load_settings(None, ("nfbl.source=off", *overrides), {}).settings


def plan(folder: Path, out: Path, *overrides: str, jobs: int = 1, asks: int = 1) -> Plan:
    chosen, modalities = settings(*overrides), tuple(Modality)
    return Plan(read_dataset(folder, leave_out=out), chosen, modalities, (50, 100), 2, out, jobs, asks)


def command(folder: Path, out: Path, *words: object) -> int:
    given = ["evaluate", folder, "--out", out, "--lengths", "50,100", "--seeds", 2, "--set", "nfbl.source=off", *words]
    return cli.main([str(word) for word in given])


def lines(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / TRIALS).read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True)
class Evaluated:
    """Forty clips, evaluated twice: killed, interrupted and resumed, and in one go from the recorded answers."""

    folder: Path
    resumed: Path
    replayed: Path
    seen: tuple[int, int]
    answers: Answers


@pytest.fixture(scope="module")
def evaluated(models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    root = tmp_path_factory.mktemp("evaluated")
    folder = make_dataset(root / "made", POSITIVES)
    resumed, replayed = root / "resumed", root / "replayed"
    todo = plan(folder, resumed)
    dying = multiprocessing.get_context("spawn").Process(target=killed_after, args=(todo, 20))
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    after_kill = len(lines(resumed))
    with pytest.raises(KeyboardInterrupt):
        interrupted_after(todo, 60)
    after_interrupt = len(lines(resumed))
    answers = run(plan(folder, resumed, jobs=2, asks=4), lambda *_: None, models=recorded_models)
    cassette = ("--set", f"cassette.path={resumed / 'answers.jsonl'}", "--set", "cassette.mode=replay")
    assert command(folder, replayed, "--jobs", 2, *cassette) == 0
    # As the command would have done, had it been the one to go on.
    assert command(folder, resumed, *cassette) == 0
    yield Evaluated(folder, resumed, replayed, (after_kill, after_interrupt), answers)
    shutil.rmtree(root)


def test_what_was_killed_and_interrupted_goes_on_where_it_was(evaluated: Evaluated) -> None:
    after_kill, after_interrupt = evaluated.seen
    assert after_kill == 1 + 20
    assert 1 + 20 + 60 <= after_interrupt < 1 + TRIALS_OF_FORTY
    assert len(lines(evaluated.resumed)) == 1 + TRIALS_OF_FORTY
    assert evaluated.answers.failures == ()


def test_interrupted_and_resumed_gives_the_same_files_as_one_go(evaluated: Evaluated) -> None:
    for name in (TRIALS, *RESULTS):
        assert (evaluated.resumed / name).read_bytes() == (evaluated.replayed / name).read_bytes(), name


def test_the_figures_are_those_worked_out_by_hand(evaluated: Evaluated) -> None:
    read = json.loads((evaluated.replayed / "results.json").read_text(encoding="utf-8"))
    assert (read["videos"], read["positives"], read["protocol"]) == (40, 28, "full")
    # 28 of 40 are positive; F = 2 * 0.7 / 1.7.
    assert read["majority"] == {"label": "positive", "accuracy": 0.7, "f1": pytest.approx(1.4 / 1.7)}
    cells = {(one["modality"], one["length"]): one for one in read["cells"]}
    assert set(cells) == {(modality, length) for modality in ("v", "va", "van") for length in (50, 100)}

    # Positive of everything: found 28, false 12.
    one = cells["v", 100]
    assert one["accuracy"] == {"mean": 0.7, "sd": 0.0}
    assert (one["precision"]["mean"], one["recall"]["mean"]) == (0.7, 1.0)
    assert one["f1"]["mean"] == pytest.approx(56 / 68)
    assert one["balanced_accuracy"]["mean"] == 0.5
    assert one["confidence"]["mean"] == pytest.approx(6.0)
    assert one["brier"] == pytest.approx(0.7 * 0.2**2 + 0.3 * 0.8**2)
    assert one["ece"] == pytest.approx(0.8 - 0.7)

    # Seed 1 as above, seed 2 negative of everything: 12 of 40 right. sd of 0.7 and 0.3 is 0.4 / sqrt 2.
    one = cells["v", 50]
    assert one["accuracy"] == {"mean": pytest.approx(0.5), "sd": pytest.approx(0.4 / 2**0.5)}
    assert one["precision"] == {"mean": 0.7, "sd": 0.0}  # nothing was called positive with seed 2: no value
    assert one["f1"] == {"mean": pytest.approx(28 / 68), "sd": pytest.approx(56 / 68 / 2**0.5)}
    assert one["confidence"]["mean"] == pytest.approx((6.0 + 4.0) / 2)
    assert one["brier"] == pytest.approx((28 * 0.04 + 12 * 0.64 + 28 * 0.49 + 12 * 0.09) / 80)
    assert one["ece"] == pytest.approx((40 * 0.1 + 40 * 0.4) / 80)

    # Found 24 of 28, false 4, rejected 6 of 12, silent 2.
    for length, runs in ((100, 1), (50, 2)):
        one = cells["va", length]
        assert (one["runs"], one["abstained"], one["answers"], one["failed"]) == (runs, 2 * runs, 38 * runs, 0)
        assert one["accuracy"] == {"mean": 0.75, "sd": 0.0}
        assert one["accuracy_answered"]["mean"] == pytest.approx(30 / 38)
        assert one["answered"]["mean"] == 0.95
        assert one["precision"]["mean"] == pytest.approx(24 / 28)
        assert one["recall"]["mean"] == pytest.approx(24 / 28)
        assert one["f1"]["mean"] == pytest.approx(48 / 56)
        assert one["balanced_accuracy"]["mean"] == pytest.approx((24 / 28 + 6 / 12) / 2)
        assert one["confidence"]["mean"] == pytest.approx((28 * 8 + 10 * 6) / 38)
        # Wilson of 30 in 40: (0.75 + 3.8415 / 80 -+ 1.96 sqrt(0.1875 / 40 + 3.8415 / 6400)) / (1 + 3.8415 / 40).
        assert one["accuracy_interval"] == [pytest.approx(0.5981, abs=1e-4), pytest.approx(0.8581, abs=1e-4)]
        assert one["brier"] == pytest.approx((24 * 0.01 + 4 * 0.64 + 6 * 0.04 + 4 * 0.81) / 38)
        assert one["ece"] == pytest.approx((28 * (0.9 - 24 / 28) + 10 * (0.4 - 0.2)) / 38)
        low, high = one["f1_interval"]
        assert low < 48 / 56 < high
        low, high = one["balanced_interval"]
        assert low < 0.6786 < high

    assert cells["van", 100]["accuracy"]["mean"] == cells["van", 100]["f1"]["mean"] == 1.0
    one = cells["van", 50]
    assert one["accuracy"] == {"mean": 0.5, "sd": pytest.approx(1 / 2**0.5)}
    assert one["accuracy_answered"] == {"mean": 1.0, "sd": 0.0}
    assert one["recall"]["mean"] == 0.5
    assert (one["abstained"], one["answers"]) == (40, 40)
    assert one["nfbl_coverage"] > 0.9
    assert cells["va", 50]["nfbl_coverage"] == 0.0


def test_the_tables_say_what_the_numbers_rest_on(evaluated: Evaluated) -> None:
    text = (evaluated.replayed / "results.md").read_text(encoding="utf-8")
    assert text.startswith("# made, protocol full: 40 videos, 28 positive: a smoke test, not a benchmark\n")
    assert "| va       | 100 %  | 75.00 ± 0.00  | 85.71 ± 0.00" in text
    assert "Always answering positive: accuracy 70.00, F-score 82.35" in text
    assert "judge scripted (script-2), uncalibrated" in text
    rows = (evaluated.replayed / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 6
    assert rows[3].startswith("va,50,2,40,76,4,0,")


def test_answers_belong_to_their_user_alone(evaluated: Evaluated) -> None:
    for name in (TRIALS, "answers.jsonl"):
        assert (evaluated.resumed / name).stat().st_mode & 0o077 == 0
    assert evaluated.resumed.stat().st_mode & 0o077 == 0


def test_other_settings_are_refused_in_the_same_place(evaluated: Evaluated, capsys: pytest.CaptureFixture[str]) -> None:
    cassette = ("--set", f"cassette.path={evaluated.resumed / 'answers.jsonl'}", "--set", "cassette.mode=replay")
    assert command(evaluated.folder, evaluated.replayed, *cassette, "--set", "windows.frames=16") == 2
    said = capsys.readouterr().err
    assert "was made with other settings" in said
    assert "--out" in said
    assert "\n" not in said.strip()


def test_another_model_is_refused_in_the_same_place(evaluated: Evaluated) -> None:
    class Other(ScriptedJudge):
        info = ScriptedDescriber.info

    with pytest.raises(ConfigError, match="was made with judge scripted script-2"):
        run(
            plan(evaluated.folder, evaluated.replayed),
            lambda *_: None,
            models=lambda _: (ScriptedDescriber(), Other(known_answer)),
        )


def test_what_failed_is_told_and_asked_again_and_stands_in_for_nothing(models: None, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "made", (True, False, True, False))
    whole = (folder / "videos" / name_of(3)).read_bytes()
    (folder / "videos" / name_of(3)).write_bytes(whole[:200])
    todo = plan(folder, tmp_path / "out")
    describer = ScriptedDescriber(stand_in=frozenset({1}))
    judge = ScriptedJudge(lambda *_: 0.9, away=frozenset({2}))
    answers = run(todo, lambda *_: None, models=lambda _: (describer, judge))
    assert len(answers.failures) == 9 + 9 + 1
    assert "the server is away; cues stood in" in answers.failures[0]
    assert "the server does not answer" in answers.failures[9]
    assert answers.failures[18].startswith(f"{name_of(3)}: ")
    found = figures_of(todo, answers)
    (one, *_) = (cell for cell in found.cells if (cell.modality, cell.length) == (Modality.VA, 100))
    assert (one.accuracy.mean, one.failed, one.answers) == (0.25, 3, 1)
    assert any("never answered" in notice for notice in found.notices)

    (folder / "videos" / name_of(3)).write_bytes(whole)
    describer = ScriptedDescriber()
    answers = run(todo, lambda *_: None, models=lambda _: (describer, ScriptedJudge(lambda *_: 0.9)))
    assert {number for number, *_ in describer.asked} == {1, 2, 3}
    assert answers.failures == ()

    (folder / "nfbl" / "clip_00.csv").write_text("start_s,end_s,class\n0.5,2.5,N7\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"clip_00.mp4: its recording or annotations changed"):
        run(todo, lambda *_: None, models=lambda _: (describer, judge))


def test_where_nothing_can_be_answered_there_are_no_figures(models: None, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "made", (True,))
    judge = ScriptedJudge(lambda *_: 0.9, away=frozenset({0}))
    with pytest.raises(ModelUnavailable, match=r"nothing could be answered; the first reason: .*does not answer"):
        run(plan(folder, tmp_path / "out"), lambda *_: None, models=lambda _: (ScriptedDescriber(), judge))


def test_the_embedded_models_evaluate_without_anything_else(
    models: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_dataset(tmp_path / "made", (True, False))
    monkeypatch.chdir(tmp_path)
    words = ("evaluate", folder, "--limit", 1, "--modalities", "va,van", "--lengths", 100, "--describer", "cues")
    assert cli.main([*map(str, words), "--judge", "cues"]) == 0
    said = capsys.readouterr()
    assert "only the first 1 of 2 videos" in said.out
    assert "a heuristic" in said.out
    assert sorted(path.name for path in (tmp_path / "made-evaluation").iterdir()) == sorted(
        (TRIALS, "answers.jsonl", *RESULTS)
    )


def test_van_without_any_body_language_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "made", (True,), annotated=False)
    with pytest.raises(ConfigError, match="--modalities v,va"):
        run(plan(folder, tmp_path / "out"), lambda *_: None)


def test_results_that_have_nowhere_to_go_are_told_before_anything_is_played(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "made", (True,))
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--out .* cannot be made"):
        run(plan(folder, tmp_path / "out"), lambda *_: None)
