"""Whether this machine keeps up: made-up media through the configured masks and voice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from configs.errors import DeidentificationFailed, ModelUnavailable
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

LEAST_FACTOR: Final = 1.3
"""How much faster than real time it must be, for body language, models and outputs want their share too."""

_FETCH: Final = "emotion-monitor models fetch core"

_findings = Findings("de-identification")


def _faces(asked: Asked) -> Iterator[Check]:
    from streams.selftest import face_speed

    faces = asked.settings.faces
    name = "faces, 720p"
    try:
        speed = face_speed(asked.settings)
    except DeidentificationFailed as error:
        yield _findings.fail(name, str(error))
        return
    seen = "the portrait's face is masked" if speed.faces else "no face was shown"
    how = f"{faces.detector}, {faces.mask}"
    found = f"{how}: {speed.frame_ms:.1f} ms a frame, {speed.factor:.2g} x 30 a second; {seen}"
    if speed.failures:
        found += f"; the detector gave no answer for {speed.failures} of {speed.frames} frames"
        yield _findings.fail(name, found, "these frames would be masked whole: --set faces.detector=centerface")
    elif speed.factor < LEAST_FACTOR:
        lighter = "end other programs, or a smaller picture: --set camera.size=640x360"
        if faces.detector != "centerface":
            lighter = "a faster detector: --set faces.detector=centerface"
        yield _findings.warn(name, f"{found}: live, frames will be dropped", lighter)
    else:
        yield _findings.ok(name, found)


def _voice(asked: Asked) -> Iterator[Check]:
    from streams.selftest import voice_factor

    mode = asked.settings.voice.mode
    try:
        factor = voice_factor(asked.settings)
    except ModelUnavailable as error:
        yield _findings.fail("voice", str(error), _FETCH)
        return
    if factor is None:
        yield _findings.skip("voice", "voice.mode is drop: no sound is read")
    elif factor < LEAST_FACTOR:
        yield _findings.warn("voice", f"{mode}: {factor:.1f} x real time", "end other programs")
    else:
        yield _findings.ok("voice", f"{mode}: {factor:.0f} x real time")


SECTION: Final = Section(
    "de-identification",
    __name__,
    (
        Probe("faces, 720p", _faces, limit_s=12.0, remedy="pip install --force-reinstall onnxruntime"),
        Probe("voice", _voice, limit_s=8.0, remedy="pip install --force-reinstall onnxruntime"),
    ),
)
