"""A model's answer as the text of a description: its words alone, and whether they describe anything."""

from __future__ import annotations

import re
from typing import Final

from monitor.remote.parse import one_line

MOST_CHARACTERS: Final = 1500
"""Characters of a description: several times what is asked for; what is longer is no description."""

SENTENCE: Final = re.compile(r"^.*[.!?](?=\s|$)", re.DOTALL)
THOUGHT: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
THOUGHT_END: Final = re.compile(r"\A.*</think>", re.DOTALL | re.IGNORECASE)
NOTHING: Final = re.compile(r"\W*(?i:insufficient)\W*\Z|\W*INSUFFICIENT\b")
DECLINED: Final = re.compile(
    r"\A\W*(?:(?:i am|i['\u2019]?m)\s+)?(?:(?:very\s+)?sorry\b.{0,40}?)?"
    r"\bi(?:\s+|['\u2019])(?:can['\u2019]?t|cannot|can not|won['\u2019]?t|(?:am|m)\s+(?:unable|not able)\s+to)\s+"
    r"(?:assist|help|comply|fulfil|do that|process|provide)",
    re.IGNORECASE | re.DOTALL,
)
"""How models begin when they decline in plain words: a heuristic, since servers seldom mark a refusal as one."""


def plain_answer(text: str, *, cut_off: bool) -> str:
    """A model's answer on one line without its thoughts; where it was cut off, up to its last whole sentence."""
    answer = one_line(THOUGHT_END.sub("", THOUGHT.sub(" ", text)), MOST_CHARACTERS)
    whole = SENTENCE.match(answer) if cut_off else None
    return answer if whole is None else whole.group()


def says_nothing(answer: str) -> bool:
    """Whether the answer is the agreed word for evidence that shows nothing of the person."""
    return NOTHING.match(answer) is not None


def declines(answer: str) -> bool:
    """Whether the answer reads like a refusal (heuristic)."""
    return DECLINED.match(answer) is not None
