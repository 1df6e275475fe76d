"""Draws the figures of a dataset: accuracy by length with its intervals, and what probabilities came true (SVG)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.colours import GREEN, ORANGE, SKY
from monitor.evaluate.dataset.found import Found, headline
from monitor.evaluate.dataset.measures import BINS, Cell
from monitor.evaluate.dataset.trials import Modality
from monitor.evaluate.svg import document, words

WIDTH: Final = 760
HEIGHT: Final = 460

_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 560.0, 60.0, 400.0
_LEGEND: Final = 590.0
_NONE: Final = "-"
_APART: Final = 7.0
"""Pixels between the marks of two modalities at one length, so that no interval hides another."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a modality is drawn: its colour, and a dash and a mark that tell it apart without one."""

    colour: str
    dash: str
    mark: str


LOOKS: Final = {
    Modality.V: _Look(SKY, "2 4", '<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'),
    Modality.VA: _Look(ORANGE, "8 4", '<rect x="{left:.1f}" y="{top:.1f}" width="9" height="9" fill="{colour}"/>'),
    Modality.VAN: _Look(GREEN, "none", '<path d="M{x:.1f} {top:.1f}l5.5 9.5h-11z" fill="{colour}"/>'),
}


def accuracy(found: Found) -> str:
    """Accuracy over the length shown, a line for each modality, beside the baseline that looks at nothing."""
    shapes = list(_frame(found, "Accuracy by length, with 95 % intervals (Wilson, n = videos)"))
    shapes += _scale("accuracy", "share of the recording that is shown")
    lengths = sorted({one.length for one in found.cells})
    shapes += [_tick(_x(length / 100), f"{length} %") for length in lengths]
    base = _y(found.majority.accuracy)
    shapes.append(f'<path d="M{_LEFT} {base:.1f}H{_RIGHT}" stroke="#777777" stroke-dasharray="6 4"/>')
    for place, modality in enumerate(found.modalities):
        shapes += _line(found.of(modality), LOOKS[modality], (place - (len(found.modalities) - 1) / 2) * _APART)
    entries = [str(modality) for modality in found.modalities]
    shapes += _legend(found.modalities, entries)
    y = _TOP + 24 * len(entries) + 16
    shapes.append(
        f'<path d="M{_LEGEND} {y:.1f}h28" stroke="#777777" stroke-dasharray="6 4"/>'
        f'<text x="{_LEGEND + 36}" y="{y + 4:.1f}">always {found.majority.label}</text>'
    )
    return document(WIDTH, HEIGHT, shapes)


def reliability(found: Found) -> str:
    """How often positive was right among answers that gave it a like probability, at the greatest length."""
    length = max(one.length for one in found.cells)
    shapes = list(_frame(found, f"What was said and what was so, at {length} %"))
    shapes += _scale("share that was positive", "probability of positive as judged")
    shapes += [_tick(_x(number / 5), f"{number / 5:.1f}") for number in range(6)]
    shapes.append(f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#777777" stroke-dasharray="6 4"/>')
    entries = []
    for place, modality in enumerate(found.modalities):
        one = next(one for one in found.of(modality) if one.length == length)
        shapes += _calibration(one, LOOKS[modality], 10 * place - 6)
        entries.append(f"{modality}: ECE {_NONE if one.ece is None else f'{one.ece:.3f}'}, n {one.answers}")
    shapes += _legend(found.modalities, entries)
    y = _TOP + 24 * len(entries) + 16
    shapes.append(f'<text x="{_LEGEND}" y="{y:.1f}" fill="#555555">{BINS} bins of equal width;</text>')
    shapes.append(f'<text x="{_LEGEND}" y="{y + 16:.1f}" fill="#555555">numbers are answers</text>')
    return document(WIDTH, HEIGHT, shapes)


def _frame(found: Found, title: str) -> Iterator[str]:
    yield f"<title>{words(title)}</title>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield f'<text x="20" y="24" font-size="15" font-weight="600">{words(title)}</text>'
    yield f'<text x="20" y="42" fill="#666666">{words(headline(found))}</text>'


def _scale(vertical: str, horizontal: str) -> Iterator[str]:
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        yield f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#e4e4e4"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555555">{tenth / 10:.1f}</text>'
    yield f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="#444444"/>'
    yield f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 42}" text-anchor="middle">{words(horizontal)}</text>'
    middle = (_TOP + _BOTTOM) / 2
    yield f'<text x="22" y="{middle}" text-anchor="middle" transform="rotate(-90 22 {middle})">{words(vertical)}</text>'


def _line(cells: Sequence[Cell], look: _Look, aside: float) -> Iterator[str]:
    known = [(one, one.accuracy.mean) for one in cells if one.accuracy.mean is not None]
    points = [(_x(one.length / 100) + aside, _y(mean)) for one, mean in known]
    yield _joined(points, look)
    for (one, _), (x, y) in zip(known, points, strict=True):
        if one.accuracy_interval is not None:
            low, high = (_y(end) for end in one.accuracy_interval)
            yield (
                f'<path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8" '
                f'stroke="{look.colour}" fill="none"/>'
            )
        yield _mark(x, y, look)


def _calibration(one: Cell, look: _Look, below: float) -> Iterator[str]:
    """Points with their counts, these so far `below` them that no modality's hide another's."""
    known = [(bin_, bin_.mean_p, bin_.positive_share) for bin_ in one.bins]
    points = [(_x(p), _y(share), bin_.answers) for bin_, p, share in known if p is not None and share is not None]
    yield _joined([(x, y) for x, y, _ in points], look)
    for x, y, answers in points:
        yield _mark(x, y, look)
        yield f'<text x="{x + 8:.1f}" y="{y + below:.1f}" font-size="10" fill="{look.colour}">{answers}</text>'


def _joined(points: Sequence[tuple[float, float]], look: _Look) -> str:
    path = "".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))
    return f'<path d="{path}" fill="none" stroke="{look.colour}" stroke-width="2" stroke-dasharray="{look.dash}"/>'


def _mark(x: float, y: float, look: _Look) -> str:
    return look.mark.format(x=x, y=y, left=x - 4.5, top=y - 4.5, colour=look.colour)


def _tick(x: float, text: str) -> str:
    return (
        f'<path d="M{x:.1f} {_BOTTOM}v5" stroke="#444444"/>'
        f'<text x="{x:.1f}" y="{_BOTTOM + 20}" text-anchor="middle" fill="#555555">{text}</text>'
    )


def _legend(modalities: Sequence[Modality], entries: Sequence[str]) -> Iterator[str]:
    for place, (modality, text) in enumerate(zip(modalities, entries, strict=True)):
        look, y = LOOKS[modality], _TOP + 12 + 24 * place
        yield _joined([(_LEGEND, y), (_LEGEND + 28, y)], look)
        yield _mark(_LEGEND + 14, y, look)
        yield f'<text x="{_LEGEND + 36}" y="{y + 4:.1f}">{words(text)}</text>'


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)
