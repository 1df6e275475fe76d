"""A session as tiers of annotations, as annotation programs have them: on one tier no two overlap. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from buffers.evidence import Cadence
from buffers.records import NFBL_GROUPS, Group, Track
from monitor.export.spans import Placing, Span, judged, labels, lanes
from monitor.records import VerdictRecord
from monitor.session_view import JudgedSpan, SessionView

KINDS: Final = ("verdict", "estimate", "nfbl", "nfbl_blind", "gap", "mark")
"""What becomes tiers, in their order; rationales and descriptions hang on verdicts."""

_MARK_MS: Final = 1000
"""A mark is a moment; so long it can be seen and clicked."""


class Vocabulary(StrEnum):
    """What the annotations of a tier may say."""

    VERDICT = "verdict"
    ESTIMATE = "estimate"
    NFBL = "body language"
    FREE = "free text"


@dataclass(frozen=True, slots=True)
class Note:
    """One annotation; `key` names its entry in the tier's vocabulary, empty where that is free."""

    span: Span
    value: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """Annotations in order of time."""

    name: str
    vocabulary: Vocabulary
    notes: tuple[Note, ...]
    more: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Tiers that say more of each annotation: name, and a text for each, empty where there is nothing to say."""


def tiers(view: SessionView, kinds: Collection[str], placing: Placing) -> tuple[Tier, ...]:
    """The tiers of these kinds. Those of body language are there even where nothing was seen, others are not."""
    return tuple(tier for kind in KINDS if kind in kinds for tier in _TIERS[kind](view, placing))


def _verdicts(view: SessionView, placing: Placing) -> Iterator[Tier]:
    for cadence in Cadence:
        rows = [
            (span, one, verdict)
            for start_s, end_s, one, verdict in judged(view, cadence)
            if (span := placing.span(start_s, end_s))
        ]
        if not rows:
            continue
        name = f"verdict {cadence}"
        more = tuple((f"{name}: {what}", tuple(say(one, verdict) for _, one, verdict in rows)) for what, say in _MORE)
        notes = tuple(Note(span, verdict.label.value, verdict.label.value) for span, _, verdict in rows)
        yield Tier(name, Vocabulary.VERDICT, notes, tuple((name, texts) for name, texts in more if any(texts)))


def _probability(_: JudgedSpan, verdict: VerdictRecord) -> str:
    return "" if verdict.p_positive is None else f"{verdict.p_positive:.3f}"


def _confidence(_: JudgedSpan, verdict: VerdictRecord) -> str:
    return "" if verdict.confidence is None else f"{verdict.confidence:.1f}"


def _window(one: JudgedSpan, _: VerdictRecord) -> str:
    return f"{one.window.start_s:.3f}-{one.window.end_s:.3f}"


def _rationale(_: JudgedSpan, verdict: VerdictRecord) -> str:
    return verdict.rationale


def _description(one: JudgedSpan, _: VerdictRecord) -> str:
    return "" if one.description is None else one.description.text


_MORE: Final[tuple[tuple[str, Callable[[JudgedSpan, VerdictRecord], str]], ...]] = (
    ("p(positive)", _probability),
    ("confidence", _confidence),
    ("window", _window),
    ("rationale", _rationale),
    ("description", _description),
)


def _estimates(view: SessionView, placing: Placing) -> Iterator[Tier]:
    for current, name in ((False, "estimate overall"), (True, "estimate current")):
        notes = [
            Note(span, label.value, label.value)
            for start_s, end_s, label in labels(view, current=current)
            if (span := placing.span(start_s, end_s))
        ]
        if notes:
            yield Tier(name, Vocabulary.ESTIMATE, tuple(notes))


def _events(view: SessionView, placing: Placing) -> Iterator[Tier]:
    for group in Group:
        told = [event.last for event in view.events if event.last.group is group]
        title = f"NFBL {group}" if group in NFBL_GROUPS else f"{group} gestures"
        for side in ("none", *sorted({record.side for record in told} - {"none"})):
            notes = [
                Note(span, record.name, record.class_id)
                for record in told
                if record.side == side and (span := placing.span(record.start_s, record.end_s))
            ]
            name = title if side == "none" else f"{title} {side}"
            empty = [Tier(name, Vocabulary.NFBL, ())] if side == "none" and group in NFBL_GROUPS else []
            yield from _laned(name, Vocabulary.NFBL, notes) if notes else empty


def _blind(view: SessionView, placing: Placing) -> Iterator[Tier]:
    for group in NFBL_GROUPS:
        spans = ((one.start_s, one.end_s, one.reason) for one in view.blind if one.group is group)
        yield from _laned(f"not watched: {group}", Vocabulary.FREE, _free(spans, placing, "not watched"))


def _gaps(view: SessionView, placing: Placing) -> Iterator[Tier]:
    for track, name in ((Track.VIDEO, "no picture"), (Track.AUDIO, "no sound")):
        spans = ((one.start_s, one.end_s, one.reason) for one in view.gaps if one.track is track)
        yield from _laned(name, Vocabulary.FREE, _free(spans, placing, name))


def _marks(view: SessionView, placing: Placing) -> Iterator[Tier]:
    spans = ((one.media_s, one.media_s, one.note) for one in view.marks)
    yield from _laned("mark", Vocabulary.FREE, _free(spans, placing, "mark", least_ms=_MARK_MS))


def _free(spans: Iterable[tuple[float, float, str]], placing: Placing, usual: str, *, least_ms: int = 1) -> list[Note]:
    return [
        Note(span, text or usual)
        for start_s, end_s, text in spans
        if (span := placing.span(start_s, end_s, least_ms=least_ms))
    ]


def _laned(name: str, vocabulary: Vocabulary, notes: list[Note]) -> Iterator[Tier]:
    """As many tiers as it takes: what overlaps what came before goes to the next."""
    notes = sorted(notes, key=lambda note: (note.span.start_ms, note.span.end_ms))
    placed = lanes(note.span for note in notes)
    for lane in range(max(placed, default=-1) + 1):
        own = tuple(note for note, place in zip(notes, placed, strict=True) if place == lane)
        yield Tier(name if lane == 0 else f"{name} {lane + 1}", vocabulary, own)


_TIERS: Final[dict[str, Callable[[SessionView, Placing], Iterator[Tier]]]] = {
    "verdict": _verdicts,
    "estimate": _estimates,
    "nfbl": _events,
    "nfbl_blind": _blind,
    "gap": _gaps,
    "mark": _marks,
}
