"""From ticks at any times to a window of the form that a skeleton model declares. Pure: arrays in, arrays out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.nfbl.landmarks import Points
from streams.nfbl.skeletons.manifest import Centre, InputPart, Layout, Scale, Span

Mask = NDArray[np.bool_]
Times = NDArray[np.float64]

GAP_S: Final = 0.3
"""A joint that was not seen for longer is not interpolated: a hand crosses the body in that time."""

_SLACK_S: Final = 1e-6
"""Sample times are sums of floats: what lies so near is the same time."""


def resampled(points: Points, t_s: Times, mask: Mask, at_s: Times) -> tuple[Points, Mask]:
    """Joints float32[S, J, C] seen at `t_s` at other times: float32[T, J, C], and which could be told, bool[T, J].

    Linear between two sightings no more than `GAP_S` apart; nothing is made up before the first or after the last.
    """
    values = np.zeros((at_s.size, *points.shape[1:]), np.float32)
    seen = np.zeros((at_s.size, points.shape[1]), np.bool_)
    for joint in range(points.shape[1]):
        kept = np.flatnonzero(mask[:, joint])
        if kept.size == 0:
            continue
        times, track = t_s[kept], points[kept, joint]
        right = np.clip(np.searchsorted(times, at_s), 0, times.size - 1)
        left = np.maximum(right - 1, 0)
        gap = times[right] - times[left]
        share = np.clip((at_s - times[left]) / np.maximum(gap, _SLACK_S), 0, 1)
        on_left = np.abs(at_s - times[left]) <= _SLACK_S
        on_right = np.abs(at_s - times[right]) <= _SLACK_S
        weight = np.where(on_right, 1, np.where(on_left, 0, share)).astype(np.float32)[:, None]
        between = (at_s > times[left]) & (at_s < times[right]) & (gap <= GAP_S + _SLACK_S)
        seen[:, joint] = between | on_left | on_right
        values[:, joint] = track[left] * (1 - weight) + track[right] * weight
    return np.where(seen[:, :, None], values, np.float32(0)), seen


def normalised(
    values: Points, seen: Mask, form: InputPart, *, anchors: list[int], size_px: tuple[int, int]
) -> Points | None:
    """A window float32[T, J, 3] moved and scaled as declared, missing joints zero; None where the anchors are missing.

    Args:
        values: (x, y in pixels, score).
        seen: bool[T, J].
        form: what the manifest declares.
        anchors: places of left shoulder, right shoulder and nose among the joints.
        size_px: width and height of the frames.
    """
    left, right, nose = anchors
    both = seen[:, left] & seen[:, right]
    size: Points = np.array(size_px, np.float32)
    if form.scale is Scale.SHOULDER_WIDTH:
        apart = np.linalg.norm(values[both, left, :2] - values[both, right, :2], axis=1)
        width = float(np.median(apart)) if apart.size else 0.0
        if width < 1.0:
            return None
        scale: Points = np.full(2, width, np.float32)
    else:
        parts = {Scale.PICTURE: 1.0, Scale.HALF_PICTURE: 2.0}
        scale = size / np.float32(parts[form.scale]) if form.scale in parts else np.ones(2, np.float32)
    centre: Points
    if form.centre in {Centre.MID_SHOULDERS, Centre.NOSE}:
        there = both if form.centre is Centre.MID_SHOULDERS else seen[:, nose]
        middle = (values[:, left, :2] + values[:, right, :2]) / 2
        track = middle if form.centre is Centre.MID_SHOULDERS else values[:, nose, :2]
        if not there.any():
            return None
        centre = np.median(track[there], axis=0)[None].astype(np.float32)
        if form.centre_over is Span.FRAME:
            centre = np.where(there[:, None], track, centre).astype(np.float32)
    else:
        centre = (size / np.float32(2) if form.centre is Centre.PICTURE else np.zeros(2, np.float32))[None]
    placed = np.concatenate([(values[:, :, :2] - centre[:, None]) / scale, values[:, :, 2:]], axis=2)
    return np.where(seen[:, :, None], placed, 0).astype(np.float32)


def laid_out(window: Points, layout: Layout, people: int) -> Points:
    """A window float32[T, V, C] with its axes in the declared order, a batch of one; people but the first are zero."""
    if layout is Layout.NTVC:
        return np.ascontiguousarray(window[None])
    if layout is Layout.NMTVC:
        return np.concatenate([window[None, None], np.zeros((1, people - 1, *window.shape), np.float32)], axis=1)
    channels_first = np.ascontiguousarray(window.transpose(2, 0, 1)[None])
    if layout is Layout.NCTV:
        return channels_first
    empty = np.zeros((*channels_first.shape, people - 1), np.float32)
    return np.concatenate([channels_first[..., None], empty], axis=-1)
