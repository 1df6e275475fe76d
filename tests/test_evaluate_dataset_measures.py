"""Figures from answers alone, with numbers worked out by hand, and how they are shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from configs.settings import Settings
from monitor.describers.base import ModelInfo
from monitor.evaluate.dataset import plots, tables
from monitor.evaluate.dataset.folder import Dataset, Video
from monitor.evaluate.dataset.found import Found, figures_of
from monitor.evaluate.dataset.measures import Spread, cell, majority, wilson
from monitor.evaluate.dataset.run import Answers, Plan
from monitor.evaluate.dataset.store import Result
from monitor.evaluate.dataset.trials import Modality, Part, Trial
from monitor.evaluate.figures import Options
from monitor.judges.base import Label

pytestmark = pytest.mark.unit

WHOLE = Part(100, None)


def videos(positives: Sequence[bool]) -> tuple[Video, ...]:
    return tuple(Video(str(n), f"{n}.mp4", Path(f"{n}.mp4"), positive) for n, positive in enumerate(positives))


def answered(ps: Sequence[float | None], part: Part = WHOLE, modality: Modality = Modality.VA) -> dict[Trial, Result]:
    """One answer for each video in order."""
    results = [
        Result(
            id=str(n),
            modality=modality,
            length=part.length,
            seed=part.seed,
            source="",
            start_s=0.0,
            end_s=1.0,
            video=1.0,
            audio=1.0,
            nfbl=0.0,
            label=Label.ABSTAIN if p is None else Label.POSITIVE if p >= 0.5 else Label.NEGATIVE,
            p_positive=p,
            confidence=None if p is None else 20 * abs(p - 0.5),
            why="",
        )
        for n, p in enumerate(ps)
    ]
    return {result.trial: result for result in results}


def test_four_answers_by_hand() -> None:
    # Right, missed, false, right: accuracy 1/2; precision, recall and F each 1/2.
    one = cell(videos((True, True, False, False)), Modality.VA, [WHOLE], answered((0.9, 0.3, 0.7, 0.1)), Options())
    for figure in (one.accuracy, one.accuracy_answered, one.precision, one.recall, one.f1, one.balanced_accuracy):
        assert figure == Spread(0.5, 0.0)
    assert one.answered == Spread(1.0, 0.0)
    assert one.confidence.mean == pytest.approx((8 + 4 + 4 + 8) / 4)
    assert one.brier == pytest.approx((0.01 + 0.49 + 0.49 + 0.01) / 4)
    # Each in a bin of its own: 0.1, 0.7, 0.7 and 0.1 from the truth.
    assert one.ece == pytest.approx(0.4)
    assert [bin_.answers for bin_ in one.bins] == [0, 1, 0, 1, 0, 0, 0, 1, 0, 1]


def test_an_abstention_is_never_right_and_always_counted() -> None:
    one = cell(videos((True, True, False, False)), Modality.VA, [WHOLE], answered((0.9, None, None, 0.1)), Options())
    assert one.accuracy.mean == 0.5
    assert one.accuracy_answered.mean == 1.0
    assert one.answered.mean == 0.5
    assert (one.precision.mean, one.recall.mean, one.balanced_accuracy.mean) == (1.0, 0.5, 0.5)
    assert one.f1.mean == pytest.approx(2 / 3)
    assert (one.abstained, one.answers, one.failed) == (2, 2, 0)


def test_what_was_never_answered_counts_as_an_abstention_and_is_told_apart() -> None:
    one = cell(videos((True, False)), Modality.VA, [WHOLE], answered((0.9,)), Options())
    assert (one.accuracy.mean, one.failed, one.abstained) == (0.5, 1, 0)


def test_silence_has_no_figures_but_that_it_was_silence() -> None:
    one = cell(videos((True, False)), Modality.VA, [WHOLE], answered((None, None)), Options())
    assert (one.accuracy.mean, one.recall.mean) == (0.0, 0.0)
    assert one.accuracy_answered == one.precision == one.confidence == Spread(None, None)
    assert (one.brier, one.ece) == (None, None)


def test_figures_are_means_over_the_seeds_with_their_sample_deviation() -> None:
    parts = [Part(20, seed) for seed in (1, 2, 3)]
    results = {
        **answered((0.9, 0.9), parts[0]),
        **answered((0.9, 0.1), parts[1]),
        **answered((0.1, 0.9), parts[2]),
    }
    one = cell(videos((True, False)), Modality.VA, parts, results, Options())
    # 1/2, 1 and 0 right: mean 1/2, sample deviation 1/2.
    assert one.accuracy == Spread(0.5, 0.5)
    assert (one.runs, one.videos, one.answers) == (3, 2, 6)


def test_more_seeds_make_no_interval_narrower() -> None:
    people = videos((True, False) * 10)
    right = [0.9, 0.9] * 10
    once = cell(people, Modality.VA, [Part(20, 1)], answered(right, Part(20, 1)), Options())
    parts = [Part(20, seed) for seed in range(1, 6)]
    often = cell(
        people, Modality.VA, parts, {k: v for part in parts for k, v in answered(right, part).items()}, Options()
    )
    assert often.accuracy_interval == once.accuracy_interval
    assert often.f1_interval == pytest.approx(once.f1_interval)


def test_wilson_agrees_with_the_textbook() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for right, of, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(right / of, of) == pytest.approx((low, high), abs=5e-5)


def test_the_majority_of_the_paper_beats_its_model() -> None:
    found = majority(videos((True,) * 201 + (False,) * 74))
    assert found.label is Label.POSITIVE
    assert found.accuracy == pytest.approx(0.7309, abs=1e-4)
    assert found.f1 == pytest.approx(0.8445, abs=1e-4)
    assert majority(videos((True, False, False))).f1 == 0.0


def found_of(name: str = "made", positives: Sequence[bool] = (True, True, False)) -> Found:
    people = videos(positives)
    plan = Plan(
        Dataset(name, "full", people, ("a notice",)),
        Settings(),
        (Modality.VA, Modality.V),
        (100, 20),
        2,
        Path("out"),
    )
    results: dict[Trial, Result] = {}
    for modality in plan.modalities:
        for part in plan.parts:
            results |= answered((0.9, None, 0.2)[: len(people)], part, modality)
    info = ModelInfo("scripted|1", heuristic=True, calibrated=False, notice="It <guesses>.")
    return figures_of(plan, Answers(info, info, "digest", results, (), ()))


def test_rows_come_by_modality_and_length_whatever_was_asked_first() -> None:
    found = found_of()
    assert [(one.modality, one.length) for one in found.cells] == [
        (Modality.V, 20),
        (Modality.V, 100),
        (Modality.VA, 20),
        (Modality.VA, 100),
    ]


def test_names_from_outside_make_neither_tables_nor_tags() -> None:
    text = tables.markdown(found_of("a|b<script>\nx"))
    assert "a\\|b\\<script\\>" in text
    assert "scripted\\|1" in text
    assert "<script>" not in plots.accuracy(found_of("a|b<script>\nx"))


def test_every_table_has_as_many_cells_in_each_row() -> None:
    blocks = tables.markdown(found_of()).split("\n\n")
    drawn = [block.splitlines() for block in blocks if block.startswith("|")]
    assert [len(block) for block in drawn] == [2 + 4, 2 + 4]
    for block in drawn:
        assert len({row.count("|") for row in block}) == 1


def test_json_and_csv_hold_the_same_figures() -> None:
    found = found_of()
    read = json.loads(tables.as_json(found))
    assert read["schema"] == 1
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(found))))
    assert len(rows) == len(read["cells"]) == 4
    for row, one in zip(rows, read["cells"], strict=True):
        assert (row["modality"], int(row["length"])) == (one["modality"], one["length"])
        assert float(row["f1_mean"]) == one["f1"]["mean"]
        assert float(row["accuracy_interval_low"]) == one["accuracy_interval"][0]
        assert (row["brier"] == "") == (one["brier"] is None)


@pytest.mark.parametrize("positives", [(True, True, False), (True,), (False,)])
def test_pictures_are_whole_and_need_nothing_from_outside(positives: Sequence[bool]) -> None:
    found = found_of("x & <y>", positives)
    for text in (plots.accuracy(found), plots.reliability(found)):
        ET.fromstring(text)
        assert "href" not in text
        assert "nan" not in text
