"""A window's evidence as the parts of a chat message, and a model's answer as the text of a description."""

from __future__ import annotations

import base64
import hashlib
import io
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from buffers.evidence import Cadence, Evidence
from buffers.records import AUDIO_RATE_HZ
from configs.prompts import prompts
from monitor.describers.shown import heard, seen
from monitor.evidence import nfbl_text

Part = dict[str, object]


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
