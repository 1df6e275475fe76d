"""A session as the contents of a report: what has to be known first, then section by section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buffers.records import Group
from monitor.records import EndReason
from monitor.report.body import body_section
from monitor.report.judged import estimate_section, track_words, windows_fact, windows_section
from monitor.report.making import health_section, making_section
from monitor.report.observed import happened_section, observed_section, observed_words
from monitor.report.parts import Contents
from monitor.report.rates import group_rates
from monitor.report.share import shareable
from monitor.report.wording import clock, count, length, shown
from monitor.session_view import SessionView

_RESEARCH: Final = (
    "Research software. It is no measure of what a person feels, no diagnosis and no test of truthfulness, and it must "
    "not be used on workers, candidates or students (EU AI Act, Art. 5(1)(f))."
)

_ENDS: Final = {
    EndReason.ENDED: "The source came to its end",
    EndReason.INTERRUPTED: "The session was ended by a person",
    EndReason.LOST: "The source was lost for good",
    EndReason.FAILED: "The session failed",
}

_OWN: Final = (
    "This report is for the operator's machine. There is no picture and no sound in it, but it names the source, and "
    "holds the note of consent, what the models wrote, which may repeat what somebody said, and what the program had "
    "to say, which may name files. Before you pass it on, make it again with --share, which leaves these out; the "
    "answers and times are still personal data."
)

_SHARED: Final = (
    "Made to be passed on: names, addresses, the note of consent, notices, the notes of marks and the models' words "
    "were left out. There is no picture and no sound in it. The answers and times are still personal data."
)


def contents(view: SessionView, *, running: bool, share: bool = False) -> Contents:
    """The report of a session.

    Args:
        view: the session, to where its journal goes.
        running: whether somebody still writes the journal.
        share: leave out what may not leave the machine.
    """
    view = shareable(view) if share else view
    rates = group_rates(view)
    name = "a session" if share else shown(view.head.source, 200)
    sections = (
        estimate_section(view),
        body_section(view, rates),
        windows_section(view, words=not share),
        observed_section(view),
        happened_section(view),
        health_section(view),
        making_section(view, words=not share),
    )
    return Contents(
        title=f"Report of {name}",
        state=_state(view, running=running),
        running=view.end is None,
        warnings=tuple(_warnings(view)),
        privacy=_SHARED if share else _OWN,
        glance=tuple(_glance(view)),
        sections=tuple(section for section in sections if section is not None),
    )


def _state(view: SessionView, *, running: bool) -> str:
    at = clock(view.end_s)
    if view.end is not None:
        return f"{_ENDS[view.end.reason]} at {at}."
    if running:
        return f"This session has not ended: the report goes as far as {at}, line {view.seq:,} of its journal."
    return (
        f"This session ended without an end record: it was killed, or its machine stopped. The report goes as far as "
        f"{at}, line {view.seq:,} of its journal."
    )


def _warnings(view: SessionView) -> Iterator[str]:
    head, verdicts = view.head, view.verdicts
    if head.describer.heuristic or head.judge.heuristic:
        which = [name for name, info in (("describer", head.describer), ("judge", head.judge)) if info.heuristic]
        yield (
            f"Heuristic: the {' and the '.join(which)} of this session follow{'s' if len(which) == 1 else ''} simple "
            "rules, without a model. Such answers are weak cues at best."
        )
    if not (head.judge.calibrated and all(one.calibrated for one in verdicts)):
        yield (
            "Uncalibrated: nobody has measured how often this judge is right. Its probabilities are read as weak "
            "evidence, and p 0.7 does not mean that 7 of 10 such answers are right."
        )
    yield (
        "One recording at a time says little: the published method is right in about 54 of 100 cases after a fifth of "
        "a recording."
    )
    yield _RESEARCH


def _glance(view: SessionView) -> Iterator[tuple[str, str]]:
    last = view.estimates[-1] if view.estimates else None
    yield "Overall", "no estimate" if last is None else track_words(last.overall)
    yield "Current, at the end", "no estimate" if last is None else track_words(last.current)
    yield "Length", length(view.end_s)
    yield "Judged", windows_fact(view)
    events = [one for one in view.events if one.last.group is not Group.ILLUSTRATIVE]
    yield "Body language", count(len(events), "event")
    yield "Observed", observed_words(view)
