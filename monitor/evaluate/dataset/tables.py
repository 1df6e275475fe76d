"""Shows the figures of a dataset as Markdown for people, as CSV for spreadsheets and as JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from configs.yamlfile import printable
from monitor.evaluate.dataset.found import Found, headline, models_of
from monitor.evaluate.dataset.measures import BINS, Cell, Spread
from monitor.evaluate.figures import LEAST_CLIPS, Interval
from monitor.judges.base import Label

SCHEMA: Final = 1
"""Version of the JSON; raised when a field changes its meaning or goes away."""

_NONE: Final = "-"

_SPREADS: Final = (
    "accuracy",
    "accuracy_answered",
    "answered",
    "precision",
    "recall",
    "f1",
    "balanced_accuracy",
    "confidence",
)
_INTERVALS: Final = ("accuracy_interval", "f1_interval", "balanced_interval")
_PLAIN: Final = ("runs", "videos", "answers", "abstained", "failed", "brier", "ece", "nfbl_coverage")


def markdown(found: Found) -> str:
    """All figures as tables, percentages with two decimals as the paper has them."""
    lines = [f"# {_safe(headline(found))}", ""]
    lines += [f"- {_safe(line)}" for line in models_of(found)]
    lines += ["", "## The paper's figures", "", *_table(_paper(found)), "", *_paper_remark(found)]
    lines += ["", "## What they must be held against", "", *_table(_beside(found)), "", *_beside_remark(found)]
    if found.notices:
        lines += ["", "## Notices", "", *(f"- {_safe(notice)}" for notice in found.notices)]
    return "\n".join([*lines, ""])


def as_json(found: Found) -> str:
    """All figures as one JSON object; shares are 0-1, what has no value is null."""
    content = {"schema": SCHEMA, "headline": headline(found), **asdict(found)}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def as_csv(found: Found) -> str:
    """One row for each modality and length; shares are 0-1, what has no value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spreads = [f"{name}_{part}" for name in _SPREADS for part in ("mean", "sd")]
    intervals = [f"{name}_{part}" for name in _INTERVALS for part in ("low", "high")]
    writer.writerow(["modality", "length", *_PLAIN, *spreads, *intervals])
    for one in found.cells:
        row: list[object] = [str(one.modality), one.length, *(getattr(one, name) for name in _PLAIN)]
        for name in _SPREADS:
            spread: Spread = getattr(one, name)
            row += [spread.mean, spread.sd]
        for name in _INTERVALS:
            row += getattr(one, name) or (None, None)
        writer.writerow(["" if value is None else value for value in row])
    return text.getvalue()


def _paper(found: Found) -> Iterator[Sequence[str]]:
    yield "modality", "length", "accuracy", "precision", "recall", "F-score", "confidence"
    for one in found.cells:
        yield (
            str(one.modality),
            f"{one.length} %",
            _percent(one.accuracy),
            _percent(one.precision),
            _percent(one.recall),
            _percent(one.f1),
            _spread(one.confidence, 1.0),
        )


def _paper_remark(found: Found) -> Iterator[str]:
    yield (
        f"Percent, mean ± standard deviation over {found.seeds} seeds; 100 % is asked once. Precision, recall and "
        "F-score are of positive; confidence is the judge's own, 0-10. Abstentions are never right."
    )


def _beside(found: Found) -> Iterator[Sequence[str]]:
    yield (
        "modality",
        "length",
        "answered",
        "accuracy of these",
        "95 % of accuracy",
        "95 % of F-score",
        "balanced accuracy",
        "95 % of it",
        "Brier",
        "ECE",
        "n",
    )
    for one in found.cells:
        yield (
            str(one.modality),
            f"{one.length} %",
            _percent(one.answered),
            _percent(one.accuracy_answered),
            _interval(one.accuracy_interval),
            _interval(one.f1_interval),
            _percent(one.balanced_accuracy),
            _interval(one.balanced_interval),
            _number(one.brier),
            _number(one.ece),
            _answers(one),
        )


def _beside_remark(found: Found) -> Iterator[str]:
    known = found.majority
    f1 = f", F-score {100 * known.f1:.2f}" if known.label is Label.POSITIVE else ", F-score 0 (of positive)"
    yield f"Always answering {known.label}: accuracy {100 * known.accuracy:.2f}{f1}, balanced accuracy 50.00."
    yield (
        "Intervals: Wilson for accuracy, with the videos as n since parts of a video are no videos of their own; "
        f"bootstrap over videos for the others (none below {LEAST_CLIPS}). Brier and ECE ({BINS} bins of equal width) "
        "are of P(positive) over the n answers of all seeds."
    )


def _answers(one: Cell) -> str:
    return f"{one.answers} of {one.runs * one.videos}"


def _percent(spread: Spread) -> str:
    return _spread(spread, 100.0)


def _spread(spread: Spread, scale: float) -> str:
    if spread.mean is None or spread.sd is None:
        return _NONE
    return f"{scale * spread.mean:.2f} ± {scale * spread.sd:.2f}"


def _interval(found: Interval | None) -> str:
    return _NONE if found is None else f"{100 * found[0]:.1f}-{100 * found[1]:.1f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _table(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Markdown that is aligned as plain text too."""
    cells = list(rows)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for place, row in enumerate(cells):
        yield "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) + " |"
        if place == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def _safe(text: str) -> str:
    """Names from outside make no tables, links or tags."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in printable(text, 400))
