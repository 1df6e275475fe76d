"""Shows an evaluation as plain text for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from monitor.evaluate.evaluation import ClipFigures, Evaluation, LevelScore, headline
from monitor.evaluate.figures import LEAST_CLIPS, MAIN_IOU, TICK_HZ, Alarms, Interval
from monitor.evaluate.segments import JOIN_S, Level
from monitor.records import Mode

SCHEMA: Final = 1
"""Version of the JSON; raised when a field changes its meaning or goes away."""

WIDTH: Final = 100
"""Columns of the table: fits half a wide screen and a mail."""

_NAME: Final = 34
_CLASS: Final = 54
_NONE: Final = "-"

_LEVELS: Final = {
    Level.EXACT: "exact class",
    Level.ALTERNATIVES: "alternatives accepted",
    Level.GROUP: "group",
}


def table(found: Evaluation) -> str:
    """All figures as aligned text of at most `WIDTH` columns; the first line says what they rest on."""
    lines = [*_wrapped(headline(found)), *_wrapped(_what(found))]
    for title, rows, remark in _sections(found):
        lines += ["", title, *(f"  {row}".rstrip() for row in _aligned(rows)), *_wrapped(remark, "  ")]
    lines += [line for notice in found.notices for line in ("", *_wrapped(notice))]
    return "\n".join(lines)


def as_json(found: Evaluation) -> str:
    """All figures as one JSON object; units are in the names, what has no value is null."""
    content: dict[str, Any] = asdict(found)
    content["options"]["left_out"] = sorted(found.options.left_out)
    content["left_out"] = dict(found.left_out)
    content["alarms"] = {name: asdict(alarms) for name, alarms in found.alarms}
    return json.dumps({"schema": SCHEMA, "headline": headline(found), **content}, indent=2, allow_nan=False)


def _what(found: Evaluation) -> str:
    left_out = ", ".join(f"{class_id} ({count})" for class_id, count in found.left_out)
    speed = "at max speed" if found.modes == (Mode.MAX,) else f"in {' and '.join(found.modes)} sessions"
    said = f"{found.labels} against {', '.join(found.feeds)} {speed}"
    return f"{said}; labels that count for nothing: {left_out}" if left_out else said


def _sections(found: Evaluation) -> Iterator[tuple[str, Sequence[Sequence[str]], str]]:
    head = ("", "found", "missed", "false", "prec.", "recall", "F1", "95 % of F1")
    scores = [head, *(_scored(one) for one in (*found.segments, *found.onsets))]
    yield "Segments and onsets, labelled clips", scores, _score_remark(found)
    yield f"Groups by IoU {MAIN_IOU:g}", list(_groups(found)), _group_remark(found)
    if found.alarms:
        alarm_head = ("", "events", "per min", "per h", "95 % per min", "not seen")
        yield (
            "False alarms, negative clips",
            [alarm_head, *(_alarm(name, one) for name, one in found.alarms)],
            _alarm_remark(found),
        )
    yield "Emission delay", list(_delay(found)), _delay_remark(found)
    yield f"Classes by IoU {MAIN_IOU:g}", list(_classes(found)), ""
    remark = (
        "Labels are counted one by one, found and missed after joining; +n count for nothing, - is a negative clip."
    )
    yield f"Clips, group by IoU {MAIN_IOU:g}", list(_clips(found)), remark


def _scored(one: LevelScore) -> tuple[str, ...]:
    measure = f"IoU {one.iou:g}" if one.iou is not None else f"onset {one.onset_tolerance_s:g} s"
    score = one.score
    return (
        f"{_LEVELS[one.level]:<22}{measure}",
        f"{score.found}",
        f"{score.missed}",
        f"{score.false}",
        _number(score.precision),
        _number(score.recall),
        _number(score.f1),
        _between(score.f1_interval),
    )


def _score_remark(found: Evaluation) -> str:
    excused = next(one.score.excused for one in found.segments if one.level is Level.GROUP and one.iou == MAIN_IOU)
    rule = (
        f"Reports over left-out labels of their group are not counted: {excused}."
        if found.options.excuse
        else "Reports over left-out labels count as false."
    )
    few = "" if found.clips >= LEAST_CLIPS else f" No intervals: fewer than {LEAST_CLIPS} clips."
    return f"At group level neighbours closer than {JOIN_S:g} s are one, in the labels and in the reports. {rule}{few}"


def _groups(found: Evaluation) -> Iterator[tuple[str, ...]]:
    yield ("", "found", "missed", "false", "F1", "AP", "labels/min", "reports/min", "rate error", "not seen")
    for one in found.groups:
        yield (
            str(one.group),
            f"{one.score.found}",
            f"{one.score.missed}",
            f"{one.score.false}",
            _number(one.score.f1),
            _number(one.average_precision),
            _number(one.rate.labelled_per_min, 1),
            _number(one.rate.reported_per_min, 1),
            _number(one.rate.error_per_min, 1),
            _share(one.blind_share),
        )
    yield (
        "all body language",
        *[""] * 4,
        _number(found.mean_average_precision),
        _number(found.rate.labelled_per_min, 1),
        _number(found.rate.reported_per_min, 1),
        _number(found.rate.error_per_min, 1),
    )


def _group_remark(found: Evaluation) -> str:
    told = any(one.blind_share for one in found.groups)
    seen = "" if told else " The feed reported no span as not seen."
    return (
        f"AP: average precision of frames at {TICK_HZ:g} Hz. Rate error: mean over clips of the difference a minute; "
        f"in short clips one event is many a minute.{seen}"
    )


def _alarm(name: str, one: Alarms) -> tuple[str, ...]:
    shown = {"nfbl": "all body language", "illustrative": "illustrative, told apart"}.get(name, name)
    figures = (_number(one.per_min), _number(one.per_hour, 1), _between(one.per_min_interval))
    return (shown, f"{one.events}", *figures, _share(one.blind_share))


def _alarm_remark(found: Evaluation) -> str:
    few = "" if found.negatives >= LEAST_CLIPS else f" No intervals: fewer than {LEAST_CLIPS} clips."
    none = "where there was none, the interval is 0 to 3 / time"
    return f"Every event counts, neighbours are not joined; {none}. What is not seen raises no alarm.{few}"


def _delay(found: Evaluation) -> Iterator[tuple[str, ...]]:
    delay = found.delay
    yield ("", "events", "median s", "p90 s")
    for name, median_s, p90_s in (
        ("from the labelled onset", delay.from_label_median_s, delay.from_label_p90_s),
        ("from the reported onset", delay.from_report_median_s, delay.from_report_p90_s),
    ):
        yield (name, f"{delay.events}", _number(median_s), _number(p90_s))


def _delay_remark(found: Evaluation) -> str:
    if Mode.MAX in found.modes:
        return "At max speed this is the delay of the design; --speed 1 measures that of the machine as well."
    return ""


def _classes(found: Evaluation) -> Iterator[tuple[str, ...]]:
    yield ("", "labels", "found", "or alt.", "reports", "right", "or alt.")
    for one in found.classes:
        yield (
            textwrap.shorten(f"{one.class_id} {one.name}", _CLASS, placeholder=" ..."),
            f"{one.labels}",
            f"{one.found_exact}",
            f"{one.found_alternatives}",
            f"{one.reports}",
            f"{one.right_exact}",
            f"{one.right_alternatives}",
        )


def _clips(found: Evaluation) -> Iterator[tuple[str, ...]]:
    yield ("", "s", "labels", "found", "missed", "false", "excused", "not seen")
    for one in found.per_clip:
        yield (_clip_name(one), f"{one.length_s:.1f}", *_clip_cells(one), _share(one.blind_share))


def _clip_name(one: ClipFigures) -> str:
    kept = _NAME - 2
    name = one.clip if len(one.clip) <= kept else f"{one.clip[: kept - 3]}..."
    return f"- {name}" if one.negative else f"  {name}"


def _clip_cells(one: ClipFigures) -> list[str]:
    if one.negative:
        return [_NONE, _NONE, _NONE, f"{one.false}", _NONE]
    left_out = f"+{one.left_out}" if one.left_out else ""
    return [f"{one.labels}{left_out}", f"{one.found}", f"{one.missed}", f"{one.false}", f"{one.excused}"]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The names to the left, the cells to the right of columns as wide as what is in them."""
    cells = max(len(row) for row in rows) - 1
    widths = [max(len(row[place + 1]) for row in rows if len(row) > place + 1) + 2 for place in range(cells)]
    names = max(*(len(row[0]) for row in rows), min(_NAME, WIDTH - 2 - sum(widths)))
    for row in rows:
        yield f"{row[0]:<{names}}" + "".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=False))


def _number(value: float | None, digits: int = 2) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.0f} %"


def _between(interval: Interval | None) -> str:
    return _NONE if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
