"""A window's evidence as the parts of a chat message, and a model's answer as the text of a description."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ, AudioClip, Cadence, Evidence, MaskState, StoredFrame
from configs.prompts import prompts
from monitor.evidence import nfbl_text
from monitor.remote.parse import one_line

Part = dict[str, object]

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

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server is sent: at most `images` pictures and `clips` clips, with stable ids or low detail or not."""

    images: int
    clips: int
    uuids: bool = False
    low_detail: bool = False


def messages(evidence: Evidence, shown: Shown) -> list[Part]:
    """The messages for one window, beginning with what never changes, so that servers can reuse what they computed.

    Rules; then the instruction, pictures with their times, clips with theirs, body language as text, the question.
    """
    words = prompts("describe")
    window = evidence.window
    pictures, clips = seen(evidence, shown.images), heard(evidence, shown.clips)
    content: list[Part] = [text_part(words["instruction"].format(seconds=f"{window.length_s:.0f}"))]
    for frame in pictures:
        content += [text_part(f"t={frame.t_s - window.start_s:.1f}s"), picture_part(frame.jpeg, shown)]
    if not pictures:
        content.append(text_part(words["no_pictures"]))
    for clip in clips:
        start_s = clip.t_s - window.start_s
        seconds = len(clip.samples) / AUDIO_RATE_HZ
        content += [text_part(f"t={start_s:.1f}s, {seconds:.0f} s of sound"), sound_part(clip.samples)]
    if not clips:
        content.append(text_part(words["no_sound"]))
    content.append(text_part(nfbl_text(evidence)))
    question = "question_global" if window.cadence is Cadence.GLOBAL else "question_local"
    content.append(text_part(words[question]))
    return [{"role": "system", "content": words["system"]}, {"role": "user", "content": content}]


def seen(evidence: Evidence, most: int) -> Sequence[StoredFrame]:
    """At most `most` pictures that show anything, spread evenly over those there are."""
    return spread([frame for frame in evidence.frames if frame.state is not MaskState.WHOLE_FRAME], most)


def heard(evidence: Evidence, most: int) -> Sequence[AudioClip]:
    """At most `most` clips that hold any sound, spread evenly over those there are."""
    return spread([clip for clip in evidence.clips if clip.coverage > 0], most)


def spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most `most` of the items: the middle one of each of `most` equal parts."""
    if len(items) <= most:
        return items
    return [items[(2 * place + 1) * len(items) // (2 * most)] for place in range(most)]


def text_part(text: str) -> Part:
    """A text part."""
    return {"type": "text", "text": text}


def picture_part(jpeg: bytes, shown: Shown) -> Part:
    """An image part: the JPEG as it is stored, in a data URL. Its id is a hash of its content alone."""
    image: dict[str, str] = {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"}
    if shown.low_detail:
        image["detail"] = "low"
    part: Part = {"type": "image_url", "image_url": image}
    if shown.uuids:
        part["uuid"] = hashlib.sha256(jpeg).hexdigest()[:32]
    return part


def sound_part(samples: NDArray[np.float32]) -> Part:
    """An audio part: float32[n] at `AUDIO_RATE_HZ`, clipped to +-1, as a mono 16-bit WAV file."""
    whole = np.rint(np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32767.0).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(AUDIO_RATE_HZ)
        written.writeframes(whole.tobytes())
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


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
