"""The sections of a report on what could be observed, what could not and why, and what happened to the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from buffers.records import NFBL_GROUPS, Track
from monitor.report.parts import Section, Table, columns
from monitor.report.rates import gap_spans, observed_share, total_s, unseen
from monitor.report.wording import NONE, clock, count, latest, length, share, shown, span
from monitor.session_view import SessionView

MOST_SPANS: Final = 400
"""Rows of gaps and blind spans, their reasons, marks and links' changes; of more the longest or latest are listed."""

_Hole = tuple[str, float, float, str]
"""What is missing, from, to, why."""


_SILENCE: Final = (
    "That nothing was reported says something only where something could have been seen. A region of the body "
    "counts as observed while there was a picture, the body-language feed was live and the region was in view."
)


def observed_section(view: SessionView) -> Section:
    """What could be observed, and what could not."""
    holes = _holes(view)
    tables = [_shares(view)]
    if holes:
        tables += [_reasons(holes), _spans(holes)]
    return Section(
        "observed",
        "What could not be observed",
        (_SILENCE,),
        tables=tuple(tables),
    )


def happened_section(view: SessionView) -> Section | None:
    """Marks and what became of the source's links; None where there is neither."""
    tables = []
    if view.marks:
        rows = tuple(
            (str(place), clock(one.media_s), shown(one.note, 300) or NONE)
            for place, one in enumerate(view.marks[-MOST_SPANS:], 1 + max(0, len(view.marks) - MOST_SPANS))
        )
        note = latest(MOST_SPANS, len(view.marks), "marks")
        tables.append(Table("Marks", columns("#mark", "#time", "=note"), rows, note))
    if view.links:
        changes = tuple(
            (clock(one.media_s), shown(one.link, 120), one.state.value, shown(one.reason, 200) or NONE)
            for one in view.links[-MOST_SPANS:]
        )
        note = latest(MOST_SPANS, len(view.links), "changes")
        tables.append(Table("Links of the source", columns("#time", "=link", "state", "=reason"), changes, note))
    return Section("happened", "Marks and links", tables=tuple(tables)) if tables else None


def observed_words(view: SessionView) -> str:
    """What share of the session was observed, in one line."""
    tracks = {one.track for one in view.head.tracks}
    seen = [
        f"{name} {share(observed_share(view, gap_spans(view, track))) if track in tracks else 'none'}"
        for track, name in ((Track.VIDEO, "picture"), (Track.AUDIO, "sound"))
    ]
    shares = [observed_share(view, unseen(view, group)) or 0.0 for group in NFBL_GROUPS]
    return f"{', '.join(seen)}, body regions {share(min(shares))} to {share(max(shares))}"


def _shares(view: SessionView) -> Table:
    tracks = {one.track for one in view.head.tracks}
    rows = []
    for track, name in ((Track.VIDEO, "picture"), (Track.AUDIO, "sound")):
        spans = gap_spans(view, track) if track in tracks else ((0.0, view.end_s),)
        rows.append(_share_row(view, name, spans))
    rows += [_share_row(view, group.value, unseen(view, group)) for group in NFBL_GROUPS]
    note = (
        "What hides a region for less than half a second is not counted. Pictures that had to be hidden whole count as "
        "pictures here; how much of each window could be seen stands with the windows."
    )
    if view.end is None:
        note += " Of the last minute more may have been hidden: a span is told when it is over."
    return Table("Observed", columns("what", "#observed", "#share", "#not observed", "#spans"), tuple(rows), note)


def _share_row(view: SessionView, name: str, spans: tuple[tuple[float, float], ...]) -> tuple[str, ...]:
    hidden_s = total_s(spans)
    return (
        name,
        length(max(0.0, view.end_s - hidden_s)),
        share(observed_share(view, spans)),
        length(hidden_s) if spans else NONE,
        str(len(spans)),
    )


def _holes(view: SessionView) -> list[_Hole]:
    names = {Track.VIDEO: "picture", Track.AUDIO: "sound"}
    gaps = [(names[one.track], one.start_s, one.end_s, one.reason) for one in view.gaps]
    return [*gaps, *((one.group.value, one.start_s, one.end_s, one.reason) for one in view.blind)]


def _reasons(holes: Sequence[_Hole]) -> Table:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for what, start_s, end_s, reason in holes:
        found[what, shown(reason, 200) or "reason left out"].append(end_s - start_s)
    rows = sorted(found.items(), key=lambda item: -sum(item[1]))
    cut = f" The {MOST_SPANS} that hid most of {len(rows):,}." if len(rows) > MOST_SPANS else ""
    return Table(
        "Why not",
        columns("what", "=reason", "#spans", "#in all", "#longest"),
        tuple(
            (what, reason, str(len(all_s)), length(sum(all_s)), length(max(all_s)))
            for (what, reason), all_s in rows[:MOST_SPANS]
        ),
        f"Spans may overlap: a region without a picture is not seen either.{cut}",
    )


def _spans(holes: Sequence[_Hole]) -> Table:
    listed, note = list(holes), ""
    if len(listed) > MOST_SPANS:
        listed = sorted(holes, key=lambda hole: hole[1] - hole[2])[:MOST_SPANS]
        note = f"The {MOST_SPANS} longest of {len(holes):,}."
    listed.sort(key=lambda hole: (hole[1], hole[0]))
    return Table(
        count(len(listed), "span") + " one by one",
        columns("#span", "what", "=reason"),
        tuple(
            (span(start_s, end_s, tenths=True), what, shown(reason, 200) or NONE)
            for what, start_s, end_s, reason in listed
        ),
        note,
    )
