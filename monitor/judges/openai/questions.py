"""What the judge is asked: the rules, the data between marks, the schema of the answer. Nothing is sent from here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Final

from buffers.evidence import Cadence, Evidence
from configs.prompts import prompts
from monitor.describers.base import Description
from monitor.evidence import nfbl_text
from monitor.judges.base import MOST_REMEMBERED, Label, Memory, MemoryLine
from monitor.judges.openai.blocks import Block, harmless, harmless_json, harmless_lines, mark_of, marked

Json = Mapping[str, Any]  # What goes over the wire: the one place where its nature is a dict.

Order = tuple[Label, Label]

ORDERS: Final[tuple[Order, Order]] = ((Label.POSITIVE, Label.NEGATIVE), (Label.NEGATIVE, Label.POSITIVE))
"""The two orders in which the labels can be named; the paper's first."""

DESCRIPTION_CHARACTERS: Final = 1_500
"""Of the description: more than a describer's 96 tokens make. Source: research on prompt injection, as a cap."""

NFBL_CHARACTERS: Final = 2_000
"""Of the body-language text: some 25 reports; its rates come first and are always told."""

MOST_EVIDENCE: Final = 3
"""Reasons that an answer may name."""

MOST_REPLY: Final = 1_000
"""Characters of a faulty reply that are shown to the model again."""

QUESTION: Final = "emotion"
"""Name of the question in the Decisions API, and key of the label in an answer."""

INSUFFICIENT: Final = "insufficient"
"""Third choice in the Decisions API, and a key of an answer: there is too little to judge by."""


@dataclass(frozen=True, slots=True)
class Question:
    """One window put into words, without the rules: `kind` is the prompt of its cadence."""

    kind: str
    start_s: float
    end_s: float
    blocks: tuple[Block, ...]

    @property
    def mark(self) -> str:
        """The mark between which its data stand."""
        return mark_of(self.blocks)


def question_of(description: Description, evidence: Evidence, memory: Memory) -> Question:
    """Put one window into words; the memory only where the whole session is judged."""
    window = evidence.window
    whole = window.cadence is Cadence.GLOBAL
    blocks = [
        Block("description", (harmless(description.text, DESCRIPTION_CHARACTERS),)),
        Block("body-language", harmless_lines(nfbl_text(evidence), NFBL_CHARACTERS)),
        Block("coverage", (_coverage(evidence),)),
        *([Block("earlier-windows", _remembered(memory))] if whole and memory.windows else []),
    ]
    return Question(f"question_{window.cadence.value}", window.start_s, window.end_s, tuple(blocks))


def messages(question: Question, order: Order) -> list[Json]:
    """The rules as the system's message, always the same so that servers can cache it; data and task as the user's."""
    return [
        {"role": "system", "content": f"{_filled('system', order)}\n\n{_filled('format', order)}"},
        {"role": "user", "content": _asked(question)},
    ]


def repair(asked: list[Json], reply: str, problem: str, order: Order) -> list[Json]:
    """The same conversation with the faulty reply and what was wrong with it."""
    wanted = json.dumps(schema(order), separators=(",", ":"))
    again = Template(prompts("judge")["repair"]).substitute(problem=problem, schema=wanted)
    return [
        *asked,
        {"role": "assistant", "content": harmless_json(reply, MOST_REPLY) or "(nothing)"},
        {"role": "user", "content": again},
    ]


def schema(order: Order) -> Json:
    """The JSON schema of an answer; the label comes first, so that its probability rests on nothing but the data."""
    return {
        "type": "object",
        "properties": {
            QUESTION: {"type": "string", "enum": [label.value for label in order]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 10},
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_EVIDENCE},
            INSUFFICIENT: {"type": "boolean"},
        },
        "required": [QUESTION, "confidence", "evidence", INSUFFICIENT],
        "additionalProperties": False,
    }


def schema_format(order: Order) -> Json:
    """The schema as `response_format` wants it."""
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema(order)}}


def decision(question: Question, order: Order, model: str) -> Json:
    """The body of `POST /decisions`: one question with the labels as choices, and too little as a third."""
    choices = [*(label.value for label in order), INSUFFICIENT]
    return {
        "model": model,
        "input": marked(question.blocks, question.mark),
        "questions": [
            {
                "type": "choice",
                "name": QUESTION,
                "instructions": f"{_filled('system', order)}\n\n{_task(question)}",
                "choices": [{"value": choice, "description": prompts("judge")[choice]} for choice in choices],
            }
        ],
    }


def _filled(key: str, order: Order) -> str:
    first, second = order
    return Template(prompts("judge")[key]).substitute(first=first.value, second=second.value)


def _task(question: Question) -> str:
    template = Template(prompts("judge")[question.kind])
    return template.substitute(mark=question.mark, start=f"{question.start_s:.0f}", end=f"{question.end_s:.0f}")


def _asked(question: Question) -> str:
    # The task comes last: models follow best what they read last, and data should not be that.
    return f"{marked(question.blocks, question.mark)}\n\n{_task(question)}"


def _coverage(evidence: Evidence) -> str:
    cover = evidence.coverage
    return (
        f"seen {cover.video:.0%}, heard {cover.audio:.0%}, watched for body language {cover.nfbl:.0%} of"
        f" {evidence.window.length_s:.0f} s"
    )


def _remembered(memory: Memory) -> tuple[str, ...]:
    totals = ", ".join(f"{group.value} {events}" for group, events in memory.events) or "none"
    return (
        *(_line(line) for line in memory.lines),
        f"since the session began: {memory.windows} windows described; body-language reports: {totals}",
    )


def _line(line: MemoryLine) -> str:
    speech = "unknown" if line.speech is None else f"{line.speech:.0%}"
    judged = "abstained" if line.p_positive is None else f"positive with probability {line.p_positive:.2f}"
    figures = f"body-language reports {line.events}, speech {speech}, judged {judged}"
    return f"{line.start_s:.0f}-{line.end_s:.0f} s: {harmless(line.text, MOST_REMEMBERED)} ({figures})"
