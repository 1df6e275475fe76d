"""The charts of a session: its estimate, what was seen of body language, and how well anything could be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from matplotlib.figure import Figure

from buffers.evidence import Cadence
from buffers.records import NFBL_GROUPS, Group, Track
from monitor.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from monitor.judges.base import Label
from monitor.records import EstimateRecord, VerdictRecord
from monitor.report.charts import (
    HIDDEN,
    INK,
    MUTED,
    Chart,
    bars,
    legend,
    time_axis,
)
from monitor.report.rates import GroupRates, gap_spans, unseen
from monitor.report.thinning import every, extremes
from monitor.report.wording import clock, count, number
from monitor.session_view import SessionView

MOST_POINTS: Final = 600
"""Of a line: about one for each pixel of its width on a small screen."""

MOST_MARKS: Final = 300
"""Of single verdicts: more cannot be told apart."""

_BLIND: Final = {"facecolor": "none", "edgecolor": HIDDEN, "hatch": "////", "linewidth": 0.4}

_LOOKS: Final = {
    Group.HEAD: (SKY, ""),
    Group.ARMS: (GREEN, "\\\\\\"),
    Group.HANDS: (ORANGE, "|||"),
    Group.POSTURE: (PURPLE, "xxx"),
    Group.ILLUSTRATIVE: ("#999999", "---"),
}
"""Colour and hatch: the colours are those of the dashboard."""

_SIGNS: Final = {
    Label.POSITIVE: ("^", INK, "positive"),
    Label.NEGATIVE: ("v", "none", "negative"),
    Label.ABSTAIN: ("x", MUTED, "abstained"),
}


def estimate_chart(view: SessionView) -> Chart | None:
    """Both tracks with their intervals, and the verdicts they are made of; None before the first."""
    if not view.estimates:
        return None
    verdicts = view.verdicts
    shown = every(verdicts, MOST_MARKS)
    return Chart(
        name="estimate",
        title="Estimate over time",
        alt=_estimate_alt(view.estimates, len(shown), len(verdicts)),
        height_in=4.0,
        draw=lambda figure: _estimate(figure, view, shown),
    )


def timeline_chart(view: SessionView) -> Chart:
    """What was there to be seen and heard, and what was reported of body language, row by row."""
    groups = [*NFBL_GROUPS, *([Group.ILLUSTRATIVE] if _has(view, Group.ILLUSTRATIVE) else [])]
    told = [count(sum(one.last.group is group for one in view.events), "event") + f" of {group}" for group in groups]
    marks = f" {count(len(view.marks), 'mark')} at {_times(view)}." if view.marks else ""
    return Chart(
        name="timeline",
        title="Body language over time; hatched where it could not be observed",
        alt=f"Rows over time: {', '.join(told)}; hatched where picture, sound or a region was missing.{marks}",
        height_in=0.9 + 0.36 * (len(groups) + len(Track)),
        draw=lambda figure: _timeline(figure, view, groups),
    )


def rates_chart(view: SessionView, rates: Sequence[GroupRates]) -> Chart | None:
    """Events per observed minute against the person's own rate; None where nothing was observed for long enough."""
    read = [one for one in rates if one.whole.per_min is not None]
    if not read:
        return None
    told = "; ".join(f"{one.group} {number(one.whole.per_min)} a minute" for one in read)
    return Chart(
        name="rates",
        title="Events per observed minute, against the person's own rate",
        alt=f"Bars for each part of the session beside the rate of the whole session: {told}.",
        height_in=0.9 + 0.95 * len(read),
        draw=lambda figure: _rates(figure, view, read),
    )


def coverage_chart(view: SessionView) -> Chart | None:
    """How much of each window could be seen, heard and watched; None without windows."""
    judged = view.verdicts
    local = [one for one in judged if one.window.cadence is Cadence.LOCAL] or list(judged)
    if not local:
        return None
    least = ", ".join(
        f"{name} {100 * min(getattr(one.coverage, field) for one in local):.0f} %" for field, name in _COVERED.items()
    )
    return Chart(
        name="coverage",
        title="How much of each window was observed",
        alt=f"Share of each window that could be seen, heard and watched for body language; at the least: {least}.",
        height_in=2.9,
        draw=lambda figure: _coverage(figure, view.end_s, extremes(local, MOST_POINTS, *_SHARES)),
    )


_COVERED: Final = {"video": "picture", "audio": "sound", "nfbl": "body language"}

_SHARES: Final[tuple[Callable[[VerdictRecord], float], ...]] = (
    lambda one: one.coverage.video,
    lambda one: one.coverage.audio,
    lambda one: one.coverage.nfbl,
)

_LINES: Final[tuple[Callable[[EstimateRecord], float], ...]] = (
    lambda one: one.overall.p_positive,
    lambda one: one.overall.interval[0],
    lambda one: one.overall.interval[1],
    lambda one: one.current.p_positive,
    lambda one: one.current.interval[0],
    lambda one: one.current.interval[1],
)
"""What the chart draws of an estimate: of each the peaks are kept."""


def _estimate(figure: Figure, view: SessionView, shown: Sequence[VerdictRecord]) -> None:
    axes = figure.subplots()
    time_axis(axes, view.end_s)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("probability of positive")
    axes.axhline(0.5, color=MUTED, linewidth=1.0)
    points = extremes(view.estimates, MOST_POINTS, *_LINES)
    times = [one.media_s for one in points]
    if view.end_s > times[-1]:
        times, points = [*times, view.end_s], [*points, points[-1]]
    bounds = list(zip(*(one.overall.interval for one in points), strict=True))
    axes.fill_between(
        times, bounds[0], bounds[1], step="post", color=BLUE, alpha=0.16, linewidth=0, label="its interval"
    )
    for side in zip(*(one.current.interval for one in points), strict=True):
        axes.step(times, side, where="post", color=VERMILION, linewidth=0.9, linestyle=":")
    axes.step(
        times, [one.overall.p_positive for one in points], where="post", color=BLUE, linewidth=2.4, label="overall"
    )
    axes.step(
        times,
        [one.current.p_positive for one in points],
        where="post",
        color=VERMILION,
        linewidth=1.6,
        linestyle="--",
        label="current (dotted: its interval)",
    )
    for colour, value in ((BLUE, points[-1].overall.p_positive), (VERMILION, points[-1].current.p_positive)):
        # Where the only estimate is the last, a line has no length.
        axes.plot(times[-1], value, marker="D", markersize=6, color=colour, clip_on=False)
    for label, (sign, face, name) in _SIGNS.items():
        those = [one for one in shown if one.label is label]
        if those:
            axes.plot(
                [one.media_s for one in those],
                [0.03 if one.p_positive is None else one.p_positive for one in those],
                linestyle="none",
                marker=sign,
                markersize=5.5,
                markerfacecolor=face,
                markeredgecolor=MUTED if label is Label.ABSTAIN else INK,
                alpha=0.75,
                clip_on=False,
                label=name,
            )
    legend(axes)


def _timeline(figure: Figure, view: SessionView, groups: Sequence[Group]) -> None:
    axes = figure.subplots()
    time_axis(axes, view.end_s)
    names = ["picture", "sound", *("gestures" if one is Group.ILLUSTRATIVE else one.value for one in groups)]
    for row, track in enumerate(Track):
        gaps = gap_spans(view, track)
        there = _between(gaps, view.end_s) if any(one.track is track for one in view.head.tracks) else []
        bars(axes, there, row - 0.12, row + 0.12, view.end_s, facecolor=MUTED, edgecolor="none")
        hidden = gaps if there else [(0.0, view.end_s)]
        bars(axes, hidden, row - 0.4, row + 0.4, view.end_s, **_BLIND)
    for row, group in enumerate(groups, len(Track)):
        if group is not Group.ILLUSTRATIVE:
            bars(axes, unseen(view, group), row - 0.4, row + 0.4, view.end_s, **_BLIND)
        spans = [(one.last.start_s, one.last.end_s) for one in view.events if one.last.group is group]
        colour, hatch = _LOOKS[group]
        bars(axes, spans, row - 0.3, row + 0.3, view.end_s, facecolor=colour, edgecolor=INK, hatch=hatch, linewidth=0.8)
    for place, mark in every([*enumerate(view.marks, 1)], MOST_MARKS):
        axes.axvline(mark.media_s, color=INK, linewidth=1.2, linestyle="--")
        axes.annotate(str(place), (mark.media_s, -0.6), ha="center", va="bottom", fontsize=9, annotation_clip=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _rates(figure: Figure, view: SessionView, rates: Sequence[GroupRates]) -> None:
    rows = figure.subplots(len(rates), 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(hspace=0.28)
    for axes, one in zip(rows, rates, strict=True):
        colour, hatch = _LOOKS[one.group]
        whole, interval = one.whole.per_min or 0.0, one.whole.interval or (0.0, 0.0)
        top = 1.15 * max(0.5, interval[1], *(part.per_min or 0.0 for part in one.bins))
        for part in one.bins:
            if part.per_min:
                bars(
                    axes,
                    [(part.start_s, part.end_s)],
                    0.0,
                    part.per_min,
                    view.end_s,
                    facecolor=colour,
                    edgecolor=INK,
                    hatch=hatch,
                    linewidth=0.8,
                )
        hidden = [(part.start_s, part.end_s) for part in one.bins if part.hidden]
        bars(axes, hidden, 0.0, top, view.end_s, **_BLIND)
        axes.axhspan(*interval, facecolor=INK, alpha=0.1, linewidth=0, zorder=0.5, label="95 % interval of that rate")
        axes.axhline(whole, color=INK, linewidth=1.4, linestyle="--", label="own rate, whole session")
        time_axis(axes, view.end_s)
        axes.set_ylim(0.0, top)
        axes.set_ylabel(one.group.value)
        axes.locator_params(axis="y", nbins=3)
    legend(rows[0])


def _coverage(figure: Figure, end_s: float, verdicts: Sequence[VerdictRecord]) -> None:
    rows = figure.subplots(len(_COVERED), 1, sharex=True)
    figure.subplots_adjust(hspace=0.3)
    times = [0.0, *(one.media_s for one in verdicts)]
    for axes, (field, name), colour in zip(rows, _COVERED.items(), (BLUE, GREEN, ORANGE), strict=True):
        shares = [getattr(one.coverage, field) for one in verdicts]
        axes.fill_between(times, [*shares[:1], *shares], step="pre", color=colour, alpha=0.35, linewidth=0)
        axes.step(times, [*shares[:1], *shares], where="pre", color=colour, linewidth=1.6)
        time_axis(axes, end_s)
        axes.set_ylim(0.0, 1.08)
        axes.set_yticks((0.0, 0.5, 1.0), ("0", "50 %", "100 %"))
        axes.set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center")


def _estimate_alt(estimates: Sequence[EstimateRecord], drawn: int, judged: int) -> str:
    tracks = []
    for name in ("overall", "current"):
        track = [getattr(one, name) for one in estimates]
        values, last = [one.p_positive for one in track], track[-1]
        tracks.append(
            f"{name} ends at {number(last.p_positive)} ({last.label}, interval {number(last.interval[0])} to "
            f"{number(last.interval[1])}) and lies between {number(min(values))} and {number(max(values))}"
        )
    marks = f" {drawn} of {judged} verdicts are drawn." if drawn < judged else ""
    return f"Probability of positive over time: {'; '.join(tracks)}.{marks}"


def _times(view: SessionView) -> str:
    marks = [clock(one.media_s) for one in view.marks[:8]]
    return ", ".join(marks) + (" and later" if len(view.marks) > len(marks) else "")


def _has(view: SessionView, group: Group) -> bool:
    return any(one.last.group is group for one in view.events)


def _between(spans: Sequence[tuple[float, float]], end_s: float) -> list[tuple[float, float]]:
    """What is left of [0, end_s) beside `spans`."""
    edges = [0.0, *(edge for span in spans for edge in span), end_s]
    return [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if high > low]
