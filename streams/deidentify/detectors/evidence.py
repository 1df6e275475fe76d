"""Which boxes of an added detector are believed: only such as it is sure of, for nobody contradicts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from configs.settings import DetectorName
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.mmod import score_of

SURE_SCORES: Mapping[DetectorName, float] = {
    DetectorName.CENTERFACE: 0.5,
    DetectorName.CENTERFACE_LARGE: 0.5,
    # dlib reports from a confidence of 0 up; from 0.2 up it added no false box to any clip (policy A2).
    DetectorName.MMOD: score_of(0.2),
    DetectorName.DLIB: score_of(0.2),
    # Put on the common scale so that 0.5 is BlazeFace's own 0.6: below, cartoons have faces (policy A2).
    DetectorName.BLAZEFACE: 0.5,
}
"""Least score on the common scale (0-1) of a box that counts as added evidence."""


def confident(detections: Iterable[Detection], detector: DetectorName) -> list[Detection]:
    """The boxes that `detector` is sure of, in their order."""
    return [item for item in detections if item.score >= SURE_SCORES[detector]]
