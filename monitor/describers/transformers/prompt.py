"""A turn for a chat model as token ids: the frame from the tokenizer's own template, the words never taken for marks.

The template is shown two stand-ins, one for the system's words and one for the user's, and what it writes around them
is the frame. So whatever a window's text says, it cannot end a turn or begin another: words are encoded with special
tokens switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from configs.errors import ModelUnavailable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Piece = str | tuple[int, ...]
"""A part of the user's turn: words, or token ids that stand for media."""

SYSTEM: Final = "\u2402system\u2403"
USER: Final = "\u2402user\u2403"


@dataclass(frozen=True, slots=True)
class Frame:
    """The text before the system's words, between them and the user's, and after, up to where the answer begins.

    `own` says that the tokenizer brought no usable template and ChatML stands in.
    """

    before: str
    between: str
    after: str
    own: bool = False


CHATML: Final = Frame(
    "<|im_start|>system\n", "<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", own=True
)
"""The frame of Qwen's models and those made of them."""


def chat_frame(tokenizer: PreTrainedTokenizerBase) -> Frame:
    """The frame that the tokenizer's template makes, ChatML where it makes none.

    Raises:
        ModelUnavailable: there is neither a template nor ChatML's marks in the vocabulary.
    """
    system = {"role": "system", "content": SYSTEM}
    user = {"role": "user", "content": USER}
    for conversation in ([system, user], [{"role": "user", "content": f"{SYSTEM}\n\n{USER}"}]):
        frame = _framed(tokenizer, conversation)
        if frame is not None:
            return frame
    mark = "<|im_start|>"
    if len(_marks(tokenizer, mark)) != 1:
        raise ModelUnavailable(
            f"the model's tokenizer has no usable chat template and no {mark}: take the folder of a chat model"
        )
    return CHATML


def token_ids(tokenizer: PreTrainedTokenizerBase, frame: Frame, system: str, pieces: Sequence[Piece]) -> list[int]:
    """The whole turn, up to where the answer begins."""
    ids = _marks(tokenizer, frame.before) + _words(tokenizer, system) + _marks(tokenizer, frame.between)
    for piece in pieces:
        ids += _words(tokenizer, piece) if isinstance(piece, str) else piece
    return ids + _marks(tokenizer, frame.after)


def _framed(tokenizer: PreTrainedTokenizerBase, conversation: list[dict[str, str]]) -> Frame | None:
    """What the template writes around the stand-ins; None where they do not come through once each and in order."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        return None
    try:
        text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    except (TemplateError, TypeError, ValueError, KeyError):
        return None
    if (
        not isinstance(text, str)
        or text.count(SYSTEM) != 1
        or text.count(USER) != 1
        or text.index(SYSTEM) > text.index(USER)
    ):
        return None
    before, rest = text.split(SYSTEM)
    between, after = rest.split(USER)
    return Frame(before, between, after)


def _marks(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return _encoded(tokenizer, text, plain=False)


def _words(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return _encoded(tokenizer, text, plain=True)


def _encoded(tokenizer: PreTrainedTokenizerBase, text: str, *, plain: bool) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=plain) if text else []
    return ids
