"""The embedded describer: puts measured cues into the words a multimodal model would use. No model, no network."""

from __future__ import annotations

from typing import Final

from buffers.evidence import Evidence
from monitor.cues import CueReading, GroupReading, Measure, Origin, Reference, read_cues
from monitor.describers.base import Description, ModelInfo

NAME: Final = "cues"

ABOUT: Final = 0.14
"""Doublings up to which a measure is about as usual: within 10 %, less than anyone sees or hears."""

LEAST_DB: Final = 1.0
"""Change of level that is worth a word: about the smallest difference heard in speech (dB)."""

MOST_GROUPS: Final = 3
"""Body regions told with their classes; the rest is a number, so that the text stays short."""


class CuesDescriber:
    """Writes the reading as a short text; it sees no face, hears no words and says so."""

    def __init__(self) -> None:
        """Nothing to load."""
        self._info = ModelInfo(
            name=NAME,
            heuristic=True,
            calibrated=False,
            notice="embedded heuristic: counts and measures against this person's own usual, no model",
            deterministic=True,
        )

    @property
    def info(self) -> ModelInfo:
        """What this describer is."""
        return self._info

    async def start(self) -> tuple[str, ...]:
        """Nothing to load."""
        return ()

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window; insufficient when nothing could be observed."""
        reading = read_cues(evidence)
        return Description(cues_text(reading), NAME, insufficient=reading.blank)

    async def close(self) -> None:
        """Nothing to release."""


def cues_text(reading: CueReading) -> str:
    """The reading in at most 120 words: seen, heard, body language, what it is compared with, what stays unknown."""
    return " ".join((_seen(reading), _heard(reading), _body(reading), _compared(reading.reference), _unknown(reading)))


def _seen(reading: CueReading) -> str:
    if reading.nobody:
        return "No face was found in the picture, so nobody's movement is read."
    if reading.movement.now is None:
        return "Movement could not be read."
    return f"Movement is {_against_usual(reading.movement, 'livelier', 'calmer')}."


def _heard(reading: CueReading) -> str:
    if reading.speech.now is None:
        return "Nothing was heard."
    usual = "" if reading.speech.usual is None else f" (usually {reading.speech.usual:.0%})"
    share = f"Speech fills {reading.speech.now:.0%} of the time{usual}"
    if reading.pitch_spread.now is None:
        return f"{share}."
    return f"{share}; pitch variation is {_against_usual(reading.pitch_spread, 'wider', 'narrower')}{_trend(reading)}."


def _trend(reading: CueReading) -> str:
    change = reading.loudness_trend_db
    if change is None or abs(change) < LEAST_DB:
        return ""
    return f", and loudness {'rises' if change > 0 else 'falls'} by {abs(change):.0f} dB"


def _body(reading: CueReading) -> str:
    if reading.groups is None:
        return "Body language: no detector was watching."
    if not reading.groups:
        return "Body language (detector reports, unverified): none."
    told = [_group(group, reading) for group in reading.groups[:MOST_GROUPS]]
    more = sum(group.events for group in reading.groups[MOST_GROUPS:])
    rest = [f"{more} elsewhere"] if more else []
    return f"Body language (detector reports, unverified): {'; '.join([*told, *rest])}."


def _group(group: GroupReading, reading: CueReading) -> str:
    first = group.classes[0]
    return f"{group.group.value} {group.events}, {_rate(group, reading)}, perhaps {_class_words(first.name)}"


def _rate(group: GroupReading, reading: CueReading) -> str:
    """Rates per minute only against a long reference; otherwise just how many would be usual."""
    if group.usual_events is None:
        return "usual rate unknown"
    if not reading.reference.absolute:
        return f"usually {group.usual_events:.1f}"
    now, usual = (60 * events / group.watched_s for events in (group.events, group.usual_events))
    return f"{now:.1f} a minute against usually {usual:.1f}"


def _class_words(name: str) -> str:
    """At most five words of a class's name: feeds name their own classes, and the text has to stay short."""
    return " ".join(name.lower().split()[:5])[:60]


def _compared(reference: Reference) -> str:
    span = f"{reference.observed_s:.0f} s"
    if reference.origin is Origin.BEFORE:
        return f"Usual means this person's {span} before."
    return (
        f"Usual means only the first {span} of this window{'' if reference.trust == 1 else ', a very weak comparison'}."
    )


def _unknown(reading: CueReading) -> str:
    missing = [
        f"{1 - share:.0%} of the {what}"
        for what, share in (("picture", reading.seen), ("sound", reading.heard))
        if share < 0.995
    ]
    if reading.groups is not None and reading.watched < 0.995:
        missing.append(f"{1 - reading.watched:.0%} of the body language")
    return f"Not observable: {', '.join(['the face', 'the words', *missing])}."


def _against_usual(measure: Measure, more: str, less: str) -> str:
    doublings = measure.doublings
    if doublings is None:
        return "measured, with nothing to compare it with"
    if abs(doublings) <= ABOUT:
        return "about as usual"
    return f"{more if doublings > 0 else less} than usual ({2**doublings:.1f} times)"
