"""Cues over a recording (WebVTT): verdicts along the top, body language along the bottom."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from buffers.evidence import Cadence
from monitor.export.spans import Placing, Span, judged, labels
from monitor.records import NfblRecord, VerdictRecord
from monitor.session_view import SessionView

KINDS: Final = ("verdict", "nfbl", "estimate", "gap", "mark")
"""What can be shown, in the order in which cues of one moment are laid out."""

USUAL: Final = ("verdict", "nfbl")
"""What is shown unless something else is asked for: more would cover the picture."""

_TOP: Final = "line:0 position:2% align:start size:96%"
_BOTTOM: Final = "line:-1 position:2% align:start size:96%"
"""Where cues stand. Those of one moment are put beneath, or above, each other by the player."""

_MARK_MS: Final = 2000
"""A mark is a moment; so long it can be read."""

_CADENCES: Final = {Cadence.LOCAL: "Verdict", Cadence.GLOBAL: "Verdict on the session so far"}


@dataclass(frozen=True, slots=True)
class _Cue:
    span: Span
    name: str
    settings: str
    text: str


def webvtt(view: SessionView, kinds: Collection[str], placing: Placing) -> Iterator[bytes]:
    """The file, cue by cue, in the order of their beginnings."""
    yield f"WEBVTT\n\nNOTE\n{_text(_note(view))}\n".encode()
    cues = [cue for kind in KINDS if kind in kinds for cue in _CUES[kind](view, placing)]
    cues.sort(key=lambda cue: cue.span.start_ms)
    for cue in cues:
        times = f"{_time(cue.span.start_ms)} --> {_time(cue.span.end_ms)}"
        yield f"\n{_text(cue.name)}\n{times} {cue.settings}\n{_text(cue.text)}\n".encode()


def _note(view: SessionView) -> str:
    judge = view.head.judge
    care = [word for word, true in (("heuristic", judge.heuristic), ("uncalibrated", not judge.calibrated)) if true]
    told = f"session {view.session}, judged by {judge.name}" + (f" ({', '.join(care)})" if care else "")
    return f"emotion-monitor {view.head.version}: {told}. For research only."


def _verdicts(view: SessionView, placing: Placing) -> Iterator[_Cue]:
    for cadence, title in _CADENCES.items():
        for start_s, end_s, one, verdict in judged(view, cadence):
            if span := placing.span(start_s, end_s):
                yield _Cue(span, f"verdict {one.window.id}", _TOP, f"{title}: {_answer(verdict)}")


def _answer(verdict: VerdictRecord) -> str:
    if verdict.p_positive is None:
        return "abstains"
    sure = "" if verdict.calibrated else ", uncalibrated"
    return f"{verdict.label}, p(positive) {verdict.p_positive:.3f}{sure}"


def _events(view: SessionView, placing: Placing) -> Iterator[_Cue]:
    for event in view.events:
        if span := placing.span(event.last.start_s, event.last.end_s):
            yield _Cue(span, f"nfbl {event.last.id}", _BOTTOM, f"{event.last.group}: {_movement(event.last)}")


def _movement(record: NfblRecord) -> str:
    return record.name if record.side == "none" else f"{record.name} ({record.side})"


def _estimates(view: SessionView, placing: Placing) -> Iterator[_Cue]:
    for current, track in ((False, "overall"), (True, "current")):
        for number, (start_s, end_s, label) in enumerate(labels(view, current=current), 1):
            if span := placing.span(start_s, end_s):
                yield _Cue(span, f"estimate {track} {number}", _TOP, f"Estimate, {track}: {label}")


def _gaps(view: SessionView, placing: Placing) -> Iterator[_Cue]:
    for number, gap in enumerate(view.gaps, 1):
        if span := placing.span(gap.start_s, gap.end_s):
            what = {"video": "No picture", "audio": "No sound"}[gap.track]
            yield _Cue(span, f"gap {number}", _BOTTOM, f"{what}{f': {gap.reason}' if gap.reason else ''}")


def _marks(view: SessionView, placing: Placing) -> Iterator[_Cue]:
    for number, mark in enumerate(view.marks, 1):
        if span := placing.span(mark.media_s, mark.media_s, least_ms=_MARK_MS):
            yield _Cue(span, f"mark {number}", _TOP, f"Mark{f': {mark.note}' if mark.note else ''}")


_CUES: Final[dict[str, Callable[[SessionView, Placing], Iterator[_Cue]]]] = {
    "verdict": _verdicts,
    "nfbl": _events,
    "estimate": _estimates,
    "gap": _gaps,
    "mark": _marks,
}


def _text(text: str) -> str:
    """Text that ends no cue and begins no tag: one line, and the characters that mean something escaped."""
    plain = re.sub(r"\s+", " ", "".join(letter for letter in text if letter.isprintable() or letter.isspace())).strip()
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(time_ms: int) -> str:
    """`HH:MM:SS.mmm`, hours as many as there are."""
    seconds, ms = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
