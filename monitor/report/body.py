"""The section of a report on body language: what was reported, how often, and against which rate of one's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from buffers.records import NFBL_GROUPS, Group
from monitor.blindness import LEAST_S
from monitor.cues import ABSOLUTE_S
from monitor.report.drawn import rates_chart, timeline_chart
from monitor.report.parts import Section, Table, columns
from monitor.report.rates import LEAST_SHARE, Bin, GroupRates
from monitor.report.wording import NONE, clock, count, length, number, share, shown, span
from monitor.session_view import SessionView, ToldEvent

MOST_EVENTS: Final = 1000
"""Rows of single events; of more the longest are listed."""


_WHAT: Final = (
    "What rules over body landmarks or an annotation file reported: the region is found more often than not, "
    "the class inside it is a guess, and what it means is weak at best. It says nothing about truthfulness."
)

_HOW_OFTEN: Final = (
    "Rates are events that began per minute in which the region could be watched. A person is compared with "
    f"nobody else: the usual is the rate of the whole session, of which every part is a part. Below "
    f"{ABSOLUTE_S / 60:.0f} minutes of observation no rate is read. Hatched parts were not observed, or less "
    f"than {share(LEAST_SHARE)} of them was. A part without a bar had no event, or is a last one that is too short."
)


def body_section(view: SessionView, rates: Sequence[GroupRates]) -> Section:
    """Body language."""
    if view.head.nfbl == "off" and not view.events:
        return Section("body", "Body language", ("Body language was not watched in this session (nfbl.source: off).",))
    chart = rates_chart(view, rates)
    tables = [_rates_table(rates), *([_bins_table(rates)] if chart is not None else [])]
    if view.events:
        tables += [_classes(view.events), _events(view.events)]
    return Section(
        "body",
        "Body language",
        (
            _WHAT,
            _HOW_OFTEN,
        ),
        charts=(timeline_chart(view), *([chart] if chart is not None else [])),
        tables=tuple(tables),
    )


def _rates_table(rates: Sequence[GroupRates]) -> Table:
    rows = []
    for one in rates:
        interval = one.whole.interval
        rows.append(
            (
                one.group.value,
                str(one.whole.events),
                length(one.whole.observed_s),
                number(one.whole.per_min) if one.whole.per_min is not None else "too short",
                NONE if interval is None else f"{number(interval[0])}\u2013{number(interval[1])}",
                str(one.outside) if one.outside else NONE,
            )
        )
    return Table(
        "Own rates over the whole session",
        columns("region", "#events", "#observed", "#events a minute", "#95 % interval", "#began unobserved"),
        tuple(rows),
        "The interval is what chance alone allows for so many events, were the rate constant: where few events were "
        "seen it is wide. Events that began while the region counts as not observed are in no rate.",
    )


def _bins_table(rates: Sequence[GroupRates]) -> Table:
    read = [one for one in rates if one.whole.per_min is not None]
    parts = list(zip(*(one.bins for one in read), strict=True))
    rows = tuple(
        (span(row[0].start_s, row[0].end_s), *(_bin(part, one) for part, one in zip(row, read, strict=True)))
        for row in parts
    )
    return Table(
        "Events of each part, and how many would be usual",
        columns("#part", *(f"#{one.group}" for one in read)),
        rows,
        "Events that began, and in brackets how many are usual in the same observed time at the person's own rate.",
    )


def _bin(part: Bin, one: GroupRates) -> str:
    usual = one.whole.usual_in(part.observed_s)
    hidden = part.end_s - part.start_s - part.observed_s
    only = f"; {length(part.observed_s)} observed" if hidden > LEAST_S else ""
    return f"{part.events} ({number(usual, 1)}{only})"


def _classes(events: Sequence[ToldEvent]) -> Table:
    kinds: dict[tuple[Group, str, str], list[ToldEvent]] = defaultdict(list)
    for event in events:
        kinds[event.last.group, event.last.class_id, event.last.name].append(event)
    order = [*NFBL_GROUPS, Group.ILLUSTRATIVE]
    rows = []
    for (group, class_id, name), found in sorted(
        kinds.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]), item[0][1])
    ):
        lengths = [event.last.end_s - event.last.start_s for event in found]
        rows.append(
            (
                group.value,
                f"{shown(name, 80)} ({shown(class_id, 20)})",
                str(len(found)),
                length(sum(lengths)),
                length(max(lengths)),
                number(sum(event.last.score for event in found) / len(found)),
            )
        )
    return Table(
        "What was reported",
        columns("region", "class", "#events", "#in all", "#longest", "#mean score"),
        tuple(rows),
        "A score is no probability unless an event says that it is calibrated. Illustrative gestures are told apart "
        "and count as nothing.",
    )


def _events(events: Sequence[ToldEvent]) -> Table:
    listed = list(events)
    note = "A class is a ranked guess; the runners-up are in the journal."
    if len(events) > MOST_EVENTS:
        longest = sorted(events, key=lambda event: event.last.start_s - event.last.end_s)[:MOST_EVENTS]
        listed = sorted(longest, key=lambda event: event.last.start_s)
        note = f"The {MOST_EVENTS:,} longest of {len(events):,} events. {note}"
    return Table(
        count(len(listed), "event") + " one by one",
        columns("#from", "#to", "region", "class", "side", "#score", "speaking"),
        tuple(_event(event) for event in listed),
        note,
    )


def _event(event: ToldEvent) -> tuple[str, ...]:
    told = event.last
    speaking = {True: "yes", False: "no", None: NONE}[told.speaking]
    return (
        clock(told.start_s, tenths=True),
        clock(told.end_s, tenths=True) + ("" if event.closed else " or later"),
        told.group.value,
        f"{shown(told.name, 80)} ({shown(told.class_id, 20)})",
        shown(told.side, 20),
        number(told.score) + (" (calibrated)" if told.calibrated else ""),
        speaking,
    )
