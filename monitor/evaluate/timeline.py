"""Draws an evaluation as a picture: one band a clip, labels above reports, what could not be seen in grey (SVG)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from xml.sax.saxutils import quoteattr

from buffers.records import NFBL_GROUPS, Group
from monitor.colours import GREEN, ORANGE, PURPLE, SKY, VERMILION
from monitor.evaluate.evaluation import Evaluation, headline
from monitor.evaluate.figures import MAIN_IOU
from monitor.evaluate.labels import Label, group_of
from monitor.evaluate.segments import Blind, Clip, Level, Prediction, accepted, by_overlap, match
from monitor.evaluate.svg import document, words

WIDTH: Final = 1200
"""Pixels across: a browser's window; the picture scales."""

_LEFT, _RIGHT = 92, 1180
_BAR, _GAP, _STRIP = 20, 4, 12
_TITLE, _AXIS, _BETWEEN = 24, 24, 26
_HEAD: Final = 74
_GREY: Final = "#c9c9c9"
_LETTER: Final = 7.2
"""Width of a digit of 12 px type, generously."""

_TICKS_S: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_MOST_TICKS: Final = 14

COLOURS: Final = {
    Group.HEAD: SKY,
    Group.ARMS: GREEN,
    Group.HANDS: ORANGE,
    Group.POSTURE: PURPLE,
    Group.ILLUSTRATIVE: "#999999",
}
"""Okabe and Ito's, as on the dashboard; how a bar is filled says the same as its colour cannot."""


class Fate(StrEnum):
    """What became of a label or a report."""

    MATCHED = "matched"
    MISSED = "missed"
    FALSE = "false"
    APART = "not counted"


@dataclass(frozen=True, slots=True)
class _Bar:
    start_s: float
    end_s: float
    group: Group
    fate: Fate
    text: str
    hint: str
    told_s: float | None = None


def timeline(clips: Sequence[Clip], found: Evaluation) -> str:
    """The picture of all clips, each on a time axis of its own; matching is that of the groups at `MAIN_IOU`."""
    top = float(_HEAD)
    parts: list[str] = []
    for clip in clips:
        band, height = _band(clip, found, top)
        parts += band
        top += height + _BETWEEN
    return document(WIDTH, top, [*_defs(), *_legend(found), *parts])


def fates(clip: Clip, found: Evaluation) -> tuple[tuple[Fate, ...], tuple[Fate, ...]]:
    """What became of each label and of each report of a clip, at group level."""
    options = found.options
    outcome = match(
        clip, Level.GROUP, by_overlap(MAIN_IOU), left_out=options.left_out, excuse=options.excuse and not clip.negative
    )
    labels, reports = [Fate.APART] * len(clip.labels), [Fate.APART] * len(clip.predictions)
    for place, segment in enumerate(outcome.labels):
        matched = any(place == i for i, _ in outcome.pairs)
        for member in segment.members:
            labels[member] = Fate.MATCHED if matched else Fate.MISSED
    for place, segment in enumerate(outcome.predictions):
        matched = any(place == j for _, j in outcome.pairs)
        for member in segment.members:
            if place not in outcome.excused:
                reports[member] = Fate.MATCHED if matched else Fate.FALSE
    return tuple(labels), tuple(reports)


def _band(clip: Clip, found: Evaluation, top: float) -> tuple[list[str], float]:
    """The shapes of one clip from `top` on, and how high they are."""
    label_fates, report_fates = fates(clip, found)
    labels = _lanes(
        _label_bar(label, fate, found.options.left_out) for label, fate in zip(clip.labels, label_fates, strict=True)
    )
    reports = _lanes(_report_bar(seen, fate) for seen, fate in zip(clip.predictions, report_fates, strict=True))
    strips = [group for group in NFBL_GROUPS if any(span.group is group for span in clip.blind)]
    kind = ", shows nothing" if clip.negative else ""
    y = top + _TITLE
    title = (
        f'<text x="20" y="{top + 14:.1f}" font-weight="600" font-size="13">{words(clip.name)}'
        f'<tspan font-weight="400" fill="#666666"> {clip.length_s:.1f} s{kind}</tspan></text>'
    )
    rows = {"reports": reports} if clip.negative else {"labels": labels, "reports": reports}
    bottom = y + sum(_rows(lanes) * (_BAR + _GAP) + _GAP for lanes in rows.values()) + len(strips) * (_STRIP + 2)
    parts = [title, *_axis(clip.length_s, y, bottom)]
    for name, lanes in rows.items():
        parts.append(_gutter(name, y + 14))
        for lane in lanes:
            parts += [_drawn(bar, clip.length_s, y) for bar in lane]
            y += _BAR + _GAP
        y += _GAP if lanes else _BAR + 2 * _GAP
        if name == "labels":
            parts.append(f'<path d="M{_LEFT} {y - 5:.1f}H{_RIGHT}" stroke="#bbbbbb"/>')
    for group in strips:
        parts.append(_gutter(f"{group} unseen", y + 9, small=True))
        parts += [_unseen(span, clip.length_s, y) for span in clip.blind if span.group is group]
        y += _STRIP + 2
    return parts, bottom - top + _AXIS


def _label_bar(label: Label, fate: Fate, left_out: frozenset[str]) -> _Bar:
    classes = accepted(label, Level.GROUP, left_out)
    group = group_of(classes[0] if classes else label.class_id)
    alternatives = f" or {', '.join(label.alternatives)}" if label.alternatives else ""
    hint = f"label {label.class_id}{alternatives}, {label.side}, {label.start_s:.2f}-{label.end_s:.2f} s: {fate}"
    return _Bar(label.start_s, label.end_s, group, fate, label.class_id, hint)


def _report_bar(seen: Prediction, fate: Fate) -> _Bar:
    hint = (
        f"report {seen.class_id} ({seen.group}), score {seen.score:.2f}, {seen.start_s:.2f}-{seen.end_s:.2f} s, "
        f"told at {seen.opened_s:.2f} s: {fate}"
    )
    return _Bar(seen.start_s, seen.end_s, seen.group, fate, seen.class_id, hint, seen.opened_s)


def _lanes(bars: Iterable[_Bar]) -> list[list[_Bar]]:
    """Bars one below the other where they overlap, each as high up as there is room."""
    lanes: list[list[_Bar]] = []
    for bar in sorted(bars, key=lambda bar: (bar.start_s, bar.end_s)):
        free = next((lane for lane in lanes if lane[-1].end_s <= bar.start_s), None)
        if free is None:
            lanes.append([bar])
        else:
            free.append(bar)
    return lanes


def _rows(lanes: Sequence[object]) -> int:
    return max(1, len(lanes))


def _drawn(bar: _Bar, length_s: float, y: float) -> str:
    x, width = _place(bar.start_s, bar.end_s, length_s)
    shown = f"\u00d7 {bar.text}" if bar.fate is Fate.FALSE else bar.text
    text = ""
    if len(shown) * _LETTER + 8 <= width:
        ink = "#777777" if bar.fate is Fate.APART else "#111111"
        halo = ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if bar.fate is Fate.FALSE else ""
        text = f'<text x="{x + 5:.1f}" y="{y + 14:.1f}" fill="{ink}"{halo}>{words(shown)}</text>'
    if bar.told_s is not None and bar.told_s <= length_s:
        told, _ = _place(bar.told_s, bar.told_s, length_s)
        text += _told(told, y)
    return (
        f'<g><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}" rx="3" '
        f"{_look(bar.fate, bar.group)}/>{text}<title>{words(bar.hint)}</title></g>"
    )


def _told(x: float, y: float) -> str:
    """The mark of the moment at which a report was first told."""
    return f'<path d="M{x:.1f} {y + _BAR:.1f}l-4 4h8z" fill="#111111"/>'


def _look(fate: Fate, group: Group) -> str:
    """How a bar is filled and framed."""
    colour = COLOURS[group]
    return {
        Fate.MATCHED: f'fill="{colour}" stroke="#ffffff"',
        Fate.MISSED: f'fill="#ffffff" stroke="{colour}" stroke-width="2" stroke-dasharray="5 3"',
        Fate.FALSE: f'fill="url(#false-{group})" stroke="{VERMILION}" stroke-width="2"',
        Fate.APART: f'fill="#f1f1f1" stroke="{colour}" stroke-opacity="0.5"',
    }[fate]


def _unseen(span: Blind, length_s: float, y: float) -> str:
    x, width = _place(span.start_s, span.end_s, length_s)
    hint = f"{span.group} not seen, {span.start_s:.2f}-{span.end_s:.2f} s: {span.reason}"
    return (
        f'<g><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_STRIP}" fill="{_GREY}"/>'
        f"<title>{words(hint)}</title></g>"
    )


def _place(start_s: float, end_s: float, length_s: float) -> tuple[float, float]:
    """Left edge and width in pixels; the shortest event is still a line, and none leaves the band."""
    scale = (_RIGHT - _LEFT) / max(length_s, 0.1)
    left = min(max(_LEFT + start_s * scale, _LEFT), _RIGHT - 2.0)
    right = min(_LEFT + end_s * scale, _RIGHT)
    return left, max(2.0, right - left)


def _axis(length_s: float, top: float, bottom: float) -> Iterator[str]:
    step = next((step for step in _TICKS_S if length_s / step <= _MOST_TICKS), _TICKS_S[-1])
    yield f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{bottom:.1f}" y2="{bottom:.1f}" stroke="#444444"/>'
    for number in range(int(length_s / step) + 1):
        x, _ = _place(number * step, number * step, length_s)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="#ececec"/>'
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}" stroke="#444444"/>'
        yield (
            f'<text x="{x:.1f}" y="{bottom + 16:.1f}" font-size="11" fill="#555555" text-anchor="middle">'
            f"{_clock(number * step)}</text>"
        )


def _clock(t_s: float) -> str:
    return f"{t_s:g} s" if t_s < 60 else f"{int(t_s // 60)}:{t_s % 60:02.0f}"


def _gutter(name: str, y: float, *, small: bool = False) -> str:
    size = 9.5 if small else 11
    return f'<text x="{_LEFT - 8}" y="{y:.1f}" font-size="{size}" fill="#555555" text-anchor="end">{words(name)}</text>'


def _legend(found: Evaluation) -> Iterator[str]:
    yield f"<title>{words(f'Labels and reports, {found.labels}')}</title>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield f'<text x="20" y="26" font-size="15" font-weight="600">{words(headline(found))}</text>'
    x = 20.0
    for group, colour in COLOURS.items():
        yield f'<rect x="{x:.1f}" y="42" width="14" height="14" rx="3" fill="{colour}"/>'
        yield f'<text x="{x + 20:.1f}" y="53">{group}</text>'
        x += 34 + _LETTER * len(group)
    x += 20
    for fate in Fate:
        yield f'<rect x="{x:.1f}" y="42" width="28" height="14" rx="3" {_look(fate, Group.HEAD)}/>'
        yield f'<text x="{x + 34:.1f}" y="53">{fate}</text>'
        x += 50 + _LETTER * len(fate)
    yield f'<rect x="{x:.1f}" y="43" width="28" height="12" fill="{_GREY}"/>'
    yield f'<text x="{x + 34:.1f}" y="53">not seen</text>'
    yield _told(x + 112, 30)
    yield f'<text x="{x + 120:.1f}" y="53">first told</text>'
    yield (f'<text x="{_RIGHT}" y="53" fill="#666666" text-anchor="end">groups by IoU {MAIN_IOU:g}</text>')


def _defs() -> Iterator[str]:
    yield "<defs>"
    for group, colour in COLOURS.items():
        yield (
            f'<pattern id={quoteattr(f"false-{group}")} width="7" height="7" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="7" height="7" fill="#ffffff"/>'
            f'<rect width="3" height="7" fill="{colour}"/></pattern>'
        )
    yield "</defs>"
