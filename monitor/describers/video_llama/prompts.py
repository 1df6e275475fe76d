"""What Video-LLaMA is asked, and what is taken of its answer: plain text on both sides, no tensor.

The words are in configs/prompts/video_llama.yaml. What detectors and feeds report is data in them: it can neither end
the turn nor stand for media, and it is what gives way when the question grows too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from buffers.evidence import Evidence
from configs.prompts import prompts
from monitor.evidence import nfbl_text

MOST_CHARACTERS: Final = 1500
"""Most of an answer that is kept; what a judge is given to read is capped there too."""

_MEDIA: Final = "<ImageHere>"
"""Where the prompts have media."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters and those that turn the direction of text, but for tab and line end."""

_ROLE: Final = re.compile(r"(human|assistant|system|user)\s*:", re.IGNORECASE)
_TURN: Final = re.compile(r"#{2,}|\[/?INST\]|<</?SYS>>|</?s>|(?:^|\n)\s*(?:human|assistant)\s*:", re.IGNORECASE)


class Style(StrEnum):
    """The language model that a checkpoint was trained with decides how a turn is written."""

    LLAMA2 = "llama2"
    """Ends with the end-of-sequence token."""
    VICUNA = "vicuna"
    """Vicuna v0 on LLaMA 1: ends with `###`."""


class Media(StrEnum):
    """What stands between two texts of a prompt."""

    SOUND = "sound"
    PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Texts with media between them: `texts` is one longer than `media`."""

    texts: tuple[str, ...]
    media: tuple[Media, ...]


def write_prompt(evidence: Evidence, style: Style, fits: Callable[[Prompt], bool]) -> Prompt:
    """The question about a window with frames, clips or both; ValueError for a window with neither.

    Where `fits` says that it is too long, the body language's last lines are left out one by one, and the prompt says
    how many; the media never are. What does not fit without any of them is returned all the same.
    """
    lines = neutral(nfbl_text(evidence)).splitlines()
    prompt = _write(evidence, style, lines)
    kept = len(lines)
    while kept and not fits(prompt):
        kept -= 1
        prompt = _write(evidence, style, [*lines[:kept], f"- {len(lines) - kept} more lines were left out"])
    return prompt


def bare_prompt(evidence: Evidence, style: Style) -> Prompt:
    """The shortest prompt that `write_prompt` falls back to."""
    return write_prompt(evidence, style, lambda _prompt: False)


def neutral(text: str) -> str:
    """Text of others without what has a meaning in a prompt: markers of turns, of media, control characters."""
    text = _CONTROL.sub(" ", text).replace("#", " ").translate(str.maketrans("<>[]{}", "()()()"))
    return _ROLE.sub(r"\1,", text)


def clean_answer(text: str) -> str:
    """The first paragraph of an answer, up to where the model begins to speak for somebody else; may be empty."""
    turn = _TURN.search(text := text.strip())
    text = text if turn is None else text[: turn.start()]
    paragraph = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    return " ".join(_CONTROL.sub(" ", paragraph).split())[:MOST_CHARACTERS].rstrip()


def _write(evidence: Evidence, style: Style, lines: list[str]) -> Prompt:
    words = prompts("video_llama")
    frames, clips = evidence.frames, evidence.clips
    media = tuple(kind for kind, found in ((Media.SOUND, clips), (Media.PICTURES, frames)) if found)
    if not media:
        raise ValueError("a window without frames and clips has nothing to ask about")
    scene = "sound_and_pictures" if len(media) == 2 else media[0].value
    times = ", ".join(f"{frame.t_s - evidence.window.start_s:.1f}" for frame in frames)
    question = words["question"].format(nfbl="\n".join(lines), what=words[f"of_{scene}"])
    ask = words[scene].format(frames=len(frames), times=times, question=question)
    return Prompt(tuple(words[style.value].format(ask=ask).split(_MEDIA)), media)
