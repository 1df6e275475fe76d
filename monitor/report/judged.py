"""The sections of a report on the estimate and on the windows that were judged."""

from __future__ import annotations

from collections import Counter
from typing import Final

from monitor.judges.base import Label
from monitor.records import EstimateRecord, VerdictRecord
from monitor.report.drawn import coverage_chart, estimate_chart
from monitor.report.parts import Section, Table, columns
from monitor.report.thinning import every
from monitor.report.wording import NONE, clock, count, number, share, shown, span
from monitor.session_view import JudgedSpan, SessionView
from monitor.snapshot import TrackEstimate

MOST_WINDOWS: Final = 3000
"""Rows of windows; a session of eight hours has about 2,100 with the default cadence."""

MOST_WORDS: Final = 1500
WORDS_IN_ALL: Final = 1_500_000
"""Characters of models' words: of one window, and of all windows together. They bound the file's size."""

_MOST_ESTIMATES: Final = 60
_FOLDED_WINDOWS: Final = 240

_SIGNS: Final = {
    Label.POSITIVE: "\u25b2\u00a0positive",
    Label.NEGATIVE: "\u25bd\u00a0negative",
    Label.ABSTAIN: "\u00d7\u00a0abstained",
}


_TRACKS: Final = (
    "Two running answers to one question: positive or negative? Overall takes the whole session and forgets "
    "nothing; current takes recent windows and forgets. The interval says where the track may still go, and "
    "near the middle the answer is uncertain."
)

_WINDOWS: Final = "A window is a span of the session that a describer put into words and a judge answered for."

_STATED: Final = (
    "p is the probability of positive as the judge stated it; the estimate believes much less of it, for nobody has "
    "measured how often this judge is right."
)

_CALIBRATED: Final = (
    "p is the probability of positive that the calibration made of what the judge stated: it says how often such "
    "answers were right for the recordings it was made with."
)

_CONFIDENCE: Final = "Confidence is 0\u201310. An abstention moves nothing."


def estimate_section(view: SessionView) -> Section:
    """The estimate over time."""
    chart = estimate_chart(view)
    if chart is None:
        return Section("estimate", "Estimate", ("No window was judged, so there is no estimate.",))
    rows = tuple(_estimate_row(one) for one in every(view.estimates, _MOST_ESTIMATES))
    thinned = f" {len(rows)} of {len(view.estimates)} are listed." if len(rows) < len(view.estimates) else ""
    return Section(
        "estimate",
        "Estimate",
        (_TRACKS,),
        charts=(chart,),
        tables=(
            Table(
                "Estimate after each verdict",
                columns("#time", "overall", "#p", "#interval", "current", "#p", "#interval", "#windows"),
                rows,
                f"p is the probability of positive.{thinned}",
                fold_at=12,
            ),
        ),
    )


def windows_section(view: SessionView, *, words: bool) -> Section:
    """What was described and judged; without `words` only the figures."""
    chart = coverage_chart(view)
    shown_windows = view.windows[-MOST_WINDOWS:]
    most = max(80, min(MOST_WORDS, WORDS_IN_ALL // max(1, 2 * len(shown_windows))))
    note = "What a model wrote is its words, checked by nobody." if words else "The models' words were left out."
    if len(shown_windows) < len(view.windows):
        note = f"The last {MOST_WINDOWS:,} of {len(view.windows):,} windows; the others are in the journal. {note}"
    names = ("#window", "#span", "verdict", "#p", "#confidence", "=observed", *(["=words"] if words else []))
    rows = tuple(_window_row(one, most, words=words) for one in shown_windows)
    tables = [Table("Every window", columns(*names), rows, note, cards=True, fold_at=_FOLDED_WINDOWS)] if rows else []
    reasons = _abstentions(view, words=words)
    return Section(
        "windows",
        "Windows and verdicts",
        (" ".join((_WINDOWS, *_meaning(view), _CONFIDENCE)),),
        charts=() if chart is None else (chart,),
        tables=(*([reasons] if reasons is not None else []), *tables),
    )


def _meaning(view: SessionView) -> tuple[str, ...]:
    """What p means in this session: calibrated and other answers may stand in one."""
    kinds = {one.calibrated for one in view.verdicts if one.p_positive is not None}
    if kinds == {True, False}:
        return (
            "Some answers are calibrated and some are not; which, stands in the journal. Of a calibrated one:",
            _CALIBRATED,
            "Of another one:",
            _STATED,
        )
    return (_CALIBRATED if kinds == {True} else _STATED,)


def track_words(track: TrackEstimate) -> str:
    """One track in one line."""
    stale = ", stale" if track.stale else ""
    low, high = track.interval
    return f"{track.label}, p {number(track.p_positive)} ({number(low)}\u2013{number(high)}){stale}"


def _estimate_row(one: EstimateRecord) -> tuple[str, ...]:
    return (
        clock(one.media_s),
        *(cell for track in (one.overall, one.current) for cell in _track_cells(track)),
        str(one.overall.windows),
    )


def _track_cells(track: TrackEstimate) -> tuple[str, str, str]:
    low, high = track.interval
    label = f"{track.label} (stale)" if track.stale else str(track.label)
    return label, number(track.p_positive), f"{number(low)}\u2013{number(high)}"


def _window_row(judged: JudgedSpan, most: int, *, words: bool) -> tuple[str, ...]:
    window, verdict = judged.window, judged.verdict
    cells = (
        f"{window.id} {window.cadence}",
        span(window.start_s, window.end_s),
        "under way" if verdict is None else _SIGNS[verdict.label],
        NONE if verdict is None else number(verdict.p_positive),
        NONE if verdict is None else number(verdict.confidence, 1),
        NONE if verdict is None else _observed(verdict),
    )
    return (*cells, _words(judged, most)) if words else cells


def _observed(verdict: VerdictRecord) -> str:
    covered = verdict.coverage
    groups = ", ".join(f"{group} {share(part)}" for group, part in covered.nfbl_groups)
    whole = f"picture {share(covered.video)}, sound {share(covered.audio)}, body language {share(covered.nfbl)}"
    return f"{whole} ({groups})" if groups else whole


def _words(judged: JudgedSpan, most: int) -> str:
    lines = []
    if (told := judged.description) is not None:
        note = f" [{shown(told.note, 200)}]" if told.note else ""
        little = " (says that it shows too little)" if told.insufficient else ""
        lines.append(f"{shown(told.describer, 80)}{little}{note}: {shown(told.text, most) or NONE}")
    if (verdict := judged.verdict) is not None:
        by = shown(verdict.judge, 80)
        calibrated = f" (stated {number(verdict.p_stated)}, calibrated)" if verdict.p_stated is not None else ""
        lines.append(f"{by}{calibrated}: {shown(verdict.rationale, most) or NONE}")
    return "\n".join(lines)


def _abstentions(view: SessionView, *, words: bool) -> Table | None:
    abstained = [one for one in view.verdicts if one.label is Label.ABSTAIN]
    if not abstained or not words:
        return None
    reasons = Counter(shown(one.rationale, 200) for one in abstained).most_common(20)
    others = len(abstained) - sum(times for _, times in reasons)
    rows = [(reason or NONE, str(times)) for reason, times in reasons]
    return Table(
        "Why windows were not judged",
        columns("=reason", "#windows"),
        (*rows, *([("other reasons", str(others))] if others else [])),
        f"{count(len(abstained), 'abstention')} of {count(len(view.verdicts), 'verdict')}.",
    )


def windows_fact(view: SessionView) -> str:
    """How many windows were judged, in one line."""
    verdicts = view.verdicts
    abstained = sum(one.label is Label.ABSTAIN for one in verdicts)
    skipped = f", {view.end.totals.skipped} never ran" if view.end is not None and view.end.totals.skipped else ""
    return f"{count(len(verdicts), 'window')}, {abstained} of them abstained{skipped}"
