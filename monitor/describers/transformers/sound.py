"""From two-second clips to the log-mel features of Whisper's kind that Qwen2.5-Omni hears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from buffers.evidence import AudioClip
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ModelUnavailable

if TYPE_CHECKING:
    from transformers import WhisperFeatureExtractor

SILENCE_AFTER: Final = 1600
"""Zeros after a clip (samples): more than half of a Fourier window of 400, so that the clip's last frames come out as
they do when the library pads it to five minutes, at a hundredth of the work."""


def load_extractor(folder: Path) -> WhisperFeatureExtractor:
    """The folder's feature extractor. Raises `ModelUnavailable` where there is none or it wants another rate."""
    from transformers import WhisperFeatureExtractor

    try:
        extractor: WhisperFeatureExtractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise ModelUnavailable(
            f"the sound settings (preprocessor_config.json) in {folder} cannot be read: {said}"
        ) from None
    if extractor.sampling_rate != AUDIO_RATE_HZ:
        raise ModelUnavailable(
            f"the model in {folder} hears {extractor.sampling_rate} Hz; sound here has {AUDIO_RATE_HZ}"
        )
    return extractor


def features(extractor: WhisperFeatureExtractor, clips: Sequence[AudioClip]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel float32[S, bands, T] and which of the T frames are sound, int64[S, T]."""
    longest = max(len(clip.samples) for clip in clips)
    made = extractor(
        [np.asarray(clip.samples, np.float32) for clip in clips],
        sampling_rate=AUDIO_RATE_HZ,
        padding="max_length",
        max_length=longest + SILENCE_AFTER,
        return_attention_mask=True,
        return_tensors="pt",
    )
    mels, heard = made["input_features"], made["attention_mask"].long()
    frames = int(heard.sum(dim=1).max())
    return mels[:, :, :frames], heard[:, :frames]


def sound_tokens(frames: int) -> int:
    """Tokens that Qwen2.5-Omni makes of so many mel frames: two convolution strides (its audio tower's arithmetic)."""
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1
