"""Face detectors by name. Their libraries are imported by the factory that needs them, never before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from configs.settings import DetectorName
from streams.deidentify.detectors.base import Detection, FaceDetector
from streams.models.cache import model_path

__all__ = ["DETECTORS", "Detection", "FaceDetector"]


def _centerface() -> FaceDetector:
    from streams.deidentify.detectors.centerface import CenterFace

    return CenterFace(model_path("centerface"))


def _centerface_large() -> FaceDetector:
    from streams.deidentify.detectors.centerface import CenterFaceLarge

    return CenterFaceLarge(model_path("centerface"))


def _mmod() -> FaceDetector:
    from streams.deidentify.detectors.mmod import Mmod

    return Mmod(model_path("mmod"))


def _dlib() -> FaceDetector:
    from streams.deidentify.detectors.dlib_cnn import DlibCnn

    return DlibCnn(model_path("mmod-dat"))


def _blazeface() -> FaceDetector:
    from streams.deidentify.detectors.blazeface import BlazeFace

    return BlazeFace(model_path("blazeface-short"), model_path("blazeface-full"))


DETECTORS: Mapping[DetectorName, Callable[[], FaceDetector]] = {
    DetectorName.CENTERFACE: _centerface,
    DetectorName.CENTERFACE_LARGE: _centerface_large,
    DetectorName.MMOD: _mmod,
    DetectorName.DLIB: _dlib,
    DetectorName.BLAZEFACE: _blazeface,
}
"""Factories; each raises `ModelUnavailable` where its model file or package is missing."""
