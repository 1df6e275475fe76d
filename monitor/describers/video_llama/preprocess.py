"""What Video-LLaMA's encoders are fed: pixels as its loader makes them, mel spectrograms as ImageBind's does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from monitor.describers.video_llama.kaldi import log_mel
from monitor.describers.video_llama.sizes import MEL_BINS, MEL_FRAMES

IMAGE_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's, per channel of RGB in 0-1."""

MEL_MEAN: Final = -4.268
MEL_STD: Final = 9.138
"""ImageBind's, taken over AudioSet."""

VERSION: Final = "1"
"""Changes whenever the same media would give other numbers: embeddings made before are then another model's."""


def frames_to_pixels(images: Sequence[NDArray[np.uint8]], size: int = 224) -> Tensor:
    """Stretch images to a square and normalise them.

    The aspect ratio is lost and nothing is cropped, as in the original. The filter widens when it shrinks, which
    is what the original's decoder does (FFmpeg's bilinear scaler); without that, fine stripes turn into other ones.

    Args:
        images: uint8[H, W, 3] RGB, of any sizes.
        size: Height and width of the result (px).

    Returns:
        float32[M, 3, size, size].
    """
    if not images:
        return torch.empty(0, 3, size, size)
    squares = torch.cat([_square(image, size) for image in images])
    mean = torch.tensor(IMAGE_MEAN).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD).view(3, 1, 1)
    return (squares.float() / 255 - mean) / std


def clips_to_mel(samples: Sequence[NDArray[np.float32]]) -> Tensor:
    """Turn clips of 2 s into normalised log-mel spectrograms, each clip alone.

    The original takes the mean off each clip in place, so that clips which overlap change one another; here a clip's
    result depends on that clip only, or it could not be kept. A clip shorter than 2 s is filled up with the value 0
    before normalising, as in the original, which the model sees as loud: give whole clips.

    Args:
        samples: float32[N] in -1..1 at 16 kHz, mono.

    Returns:
        float32[S, 1, 128, 204].
    """
    mel = np.zeros((len(samples), 1, MEL_BINS, MEL_FRAMES))
    for clip, one in zip(mel[:, 0], samples, strict=True):
        found = log_mel(one)[:MEL_FRAMES]
        clip[:, : len(found)] = found.T
    return torch.from_numpy(((mel - MEL_MEAN) / MEL_STD).astype(np.float32))


def _square(image: NDArray[np.uint8], size: int) -> Tensor:
    """Image to uint8[1, 3, size, size]: rounded to bytes, as a decoder's scaler does."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    if pixels.shape[-2:] == (size, size):
        return pixels
    return interpolate(pixels, (size, size), mode="bilinear", antialias=True)
