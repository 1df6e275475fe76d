"""Starts `transformers serve` for a tiny Qwen2.5-Omni without torchvision and soundfile: `serve_tiny.py FOLDER`.

The server is the library's own, route for route. Two of its parts are put in by hand, because what they import is not
to be installed for a test: the model's processor (all of the library's but for videos), and the decoder of WAV files.
"""

from __future__ import annotations

import io
import sys
import wave
from pathlib import Path

import numpy as np
import transformers
from numpy.typing import NDArray
from transformers import audio_utils
from transformers.cli.serve import Serve

from tests.made_models import qwen_processor


def read_wav(source: str | bytes, sampling_rate: int) -> NDArray[np.float32]:
    """Mono 16-bit WAV at the rate that is asked for, float32[n]; nothing else is sent here."""
    assert isinstance(source, bytes)
    with wave.open(io.BytesIO(source)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (sampling_rate, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return (samples / 32768).astype(np.float32)


class TinyProcessor:
    """In the place of `AutoProcessor`."""

    @staticmethod
    def from_pretrained(folder: str, **_options: object) -> object:
        """The processor of the tiny model."""
        return qwen_processor(Path(folder))


if __name__ == "__main__":
    vars(audio_utils)["_load_audio_soundfile"] = read_wav
    vars(transformers)["AutoProcessor"] = TinyProcessor
    Serve(force_model=sys.argv[1], device="cpu", host="127.0.0.1", port=0)
