"""Reads a model's reply as an answer of the schema, tolerantly in form and never in content.

Form: fences, words around the object, single quotes, trailing commas, or no JSON at all but one label and one
confidence in words. Content: whatever is missing, doubled, contradictory or out of range makes the reply unusable;
nothing is filled in and no label is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.judges.base import Label
from monitor.judges.openai.objects import Unusable, find_objects, load_object
from monitor.judges.openai.questions import INSUFFICIENT, MOST_EVIDENCE, QUESTION

LONGEST: Final = 8_000
"""Characters of a reply that is read at all, without its thinking: an answer has some hundred, and a part of a reply
would be a part of the truth."""

_LABELS: Final = {label.value: label for label in (Label.POSITIVE, Label.NEGATIVE)}
_KEYS: Final = frozenset({QUESTION, "confidence", "evidence", INSUFFICIENT})

_THOUGHT: Final = re.compile(r"<(/?)think>", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[^.!?;\n]+(?:\.(?=\d)[^.!?;\n]*)*[.!?;\n]?")
_LABEL: Final = re.compile(r"(?<![\w-])(positive|negative)(?![\w-])", re.IGNORECASE)
_LIKE_A_LABEL: Final = re.compile(r"(?:posit|negat)iv|neutral|mixed|ambivalent|uncertain|unclear", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"\b(?:not|no|non|never|neither|nor|hardly|without|cannot|if|whether)\b|n['\u2019]t\b|\?", re.IGNORECASE
)
_AS_ANSWER: Final = re.compile(
    r"(?:^\W*|\b(?:emotion|emotional|state|label|verdict|answer|sentiment|classification)\b[^.;\n]{0,30}?[\s:=*\"'(])"
    r"(?:positive|negative)(?![\w-])",
    re.IGNORECASE,
)
_TOO_LITTLE: Final = re.compile(r"\binsufficient\b(?!\W{0,4}(?:false|no)\b)", re.IGNORECASE)
_OF_TEN: Final = r"(-?\d+(?:\.\d+)?)(?![.\d]*\d)(?:\s*(?:/|out of)\s*(\d+))?(\s*%)?"
_SCORE: Final = re.compile(
    rf"\b(?:confidence|score)\b(?:\s+(?:score|level|is|of))*[\s:=*_\"'(]*{_OF_TEN}", re.IGNORECASE
)
_FRACTION: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:/|out of)\s*(\d+)", re.IGNORECASE)
_PAPER: Final = re.compile(rf"\W*(?:positive|negative)[\s,;:(*_]+{_OF_TEN}[\s).*_]*", re.IGNORECASE)
_RANGE: Final = re.compile(r"\d\s*(?:-|\u2013|\bto\b)\s*\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered: `label` with the `confidence` it states (0-10), or None where it says insufficient.

    `tolerated` tells that the reply was not exactly what the schema asks for, so that the server does not hold its
    models to it.
    """

    label: Label | None
    confidence: float
    evidence: tuple[str, ...] = ()
    tolerated: bool = False


def read_answer(text: str, *, cut: bool = False) -> Answer:
    """Read a reply; `cut` says that it ended at the length limit, so that only a complete object counts.

    Raises:
        Unusable: it is no answer.
    """
    said = _without_thinking(text)
    if not said:
        raise Unusable("it is empty")
    if len(said) > LONGEST:
        raise Unusable(f"it is longer than {LONGEST} characters")
    found = find_objects(said)
    if found:
        return _one(found, exact=found == [said])
    if cut:
        raise Unusable("it is cut off")
    return _in_words(said)


def _without_thinking(text: str) -> str:
    marks = list(_THOUGHT.finditer(text))
    if not marks:
        return text.strip()
    if not marks[-1].group(1):
        raise Unusable("it ends while thinking")
    return text[marks[-1].end() :].strip()


def _one(found: list[str], *, exact: bool) -> Answer:
    answers: set[Answer] = set()
    for source in found:
        fields, mended = load_object(source)
        # Beside an answer there may be an example or a plan; alone, an object without a label is a wrong answer.
        if QUESTION in fields or len(found) == 1:
            answers.add(_checked(fields, tolerated=mended or not exact or fields.keys() != _KEYS))
    if len(answers) != 1:
        raise Unusable("it holds several answers" if answers else "it holds no answer")
    return answers.pop()


def _checked(fields: Mapping[str, Any], *, tolerated: bool) -> Answer:
    """The answer in these fields; each must be what the schema says it is."""
    if not fields.keys() <= _KEYS:
        raise Unusable("it has keys that the schema does not have")
    emotion, confidence = fields.get(QUESTION), fields.get("confidence")
    evidence, insufficient = fields.get("evidence", []), fields.get(INSUFFICIENT, False)
    if not isinstance(emotion, str) or emotion not in _LABELS:
        raise Unusable(f'"{QUESTION}" is neither "positive" nor "negative"')
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 10:
        raise Unusable('"confidence" is no number from 0 to 10')
    if not isinstance(evidence, list) or not all(isinstance(item, str) for item in evidence):
        raise Unusable('"evidence" is no list of strings')
    if len(evidence) > MOST_EVIDENCE:
        raise Unusable(f'"evidence" has more than {MOST_EVIDENCE} strings')
    if not isinstance(insufficient, bool):
        raise Unusable(f'"{INSUFFICIENT}" is neither true nor false')
    return Answer(None if insufficient else _LABELS[emotion], float(confidence), tuple(evidence), tolerated)


def _in_words(text: str) -> Answer:
    """One label and one confidence, said without JSON: `Emotion: negative, confidence 7/10`, or `Negative, 7`."""
    if _TOO_LITTLE.search(text):
        return Answer(None, 0.0, tolerated=True)
    labels = [match.group().lower() for match in _LABEL.finditer(text)]
    if len(set(labels)) != 1 or len(_LIKE_A_LABEL.findall(text)) != len(labels):
        raise Unusable("it does not name exactly one of the two labels")
    if not _AS_ANSWER.search(text):
        raise Unusable("it does not give a label as its answer")
    if any(_DENIED.search(sentence) for sentence in _SENTENCE.findall(text) if _LABEL.search(sentence)):
        raise Unusable("what it says of the label is denied, asked or conditional")
    return Answer(_LABELS[labels[0]], _stated(text), tolerated=True)


def _stated(text: str) -> float:
    """The one confidence that a text states, on the scale of ten."""
    paper = _PAPER.fullmatch(text)
    given = [paper.groups()] if paper else [match.groups() for match in _SCORE.finditer(text)]
    if not given:
        given = [(*match.groups(), None) for match in _FRACTION.finditer(text)]
    # A number of many digits is no score, and Python refuses to read thousands.
    values = {float(number) if len(number) < 8 else -1.0 for number, _, _ in given}
    if len(values) != 1 or any(of not in {None, "10"} or percent for _, of, percent in given) or _RANGE.search(text):
        raise Unusable("it does not state exactly one confidence from 0 to 10")
    value = values.pop()
    if not 0.0 <= value <= 10.0:
        raise Unusable("the confidence it states is not from 0 to 10")
    return value
