"""More clips than Video-LLaMA has places for: the mean of equal bins of time, or the clips nearest to even places.

The released checkpoints know 8 places for clips. EALD-MLLM speaks of a clip every two seconds, about 210 in seven
minutes, which cannot have entered one call; both ways here are this project's own and deviate from that wording.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from buffers.records import CLIP_S


def average_clips(
    vectors: NDArray[np.float32], times_s: Sequence[float], start_s: float, end_s: float, places: int
) -> NDArray[np.float32]:
    """The mean vector of each of `places` equal bins of [start_s, end_s), scaled back to the length that vectors have.

    Args:
        vectors: float32[S, width], one per clip, all of one length (20 in the released checkpoints).
        times_s: S starts of clips; a clip belongs to the bin that holds its middle.
        start_s: start of the window.
        end_s: end of the window.
        places: bins (count).

    Returns:
        float32[B, width] with B <= places, in order of time: a bin without a clip is left out, since nothing stands
        for "not heard". What is no more than `places` is returned as it is.
    """
    if len(vectors) <= places:
        return vectors
    middles = np.asarray(times_s, np.float64) + CLIP_S / 2
    bins = np.clip(((middles - start_s) / (end_s - start_s) * places).astype(np.int64), 0, places - 1)
    length = float(np.linalg.norm(vectors, axis=1).mean())
    means = np.stack([vectors[bins == place].mean(axis=0) for place in np.unique(bins)])
    # Vectors that point apart have a short mean; one of no direction at all stays as it is instead of becoming noise.
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means * np.divide(length, norms, out=np.ones_like(norms), where=norms > 0), np.float32)


def pick_clips(
    vectors: NDArray[np.float32], times_s: Sequence[float], start_s: float, end_s: float, places: int
) -> NDArray[np.float32]:
    """`places` of the vectors, those nearest to the middles of equal bins of [start_s, end_s), each at most once.

    Arguments and result are as of `average_clips`, but no vector is changed.
    """
    if len(vectors) <= places:
        return vectors
    middles = np.asarray(times_s, np.float64) + CLIP_S / 2
    taken: list[int] = []
    for place in range(places):
        wanted_s = start_s + (place + 0.5) * (end_s - start_s) / places
        # Each place leaves enough clips for the places after it, so that all are filled, in order of time.
        first = taken[-1] + 1 if taken else 0
        last = len(middles) - (places - place) + 1
        taken.append(first + int(np.abs(middles[first:last] - wanted_s).argmin()))
    return vectors[taken]
