"""How fast this machine de-identifies: made-up media through real detectors, masks and voices, and out come numbers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ModelUnavailable
from configs.settings import Settings, VoiceMode
from streams.clock import monotonic_s
from streams.media import RawAudio, RawFrame
from streams.models.cache import model_path
from streams.pipeline import face_deidentifier, voice_deidentifier
from streams.sources.sound import BLOCK_S
from streams.speechlike import LIVELY, Utterance, speak

RATE_HZ: Final = 30.0
SIZE: Final = (1280, 720)
"""What a session is to keep up with."""

_WARM_UP: Final = 5
"""Frames before the first one that counts: networks allocate, and no look-back is over yet."""

_FRAMES: Final = (20, 120)
"""Fewest and most frames that count: more than the look-back, so that some are masked and released."""

_VOICE_S: Final = 3.0
"""Length of the sound; its first second is not counted (s)."""


@dataclass(frozen=True, slots=True)
class FaceSpeed:
    """What face de-identification took: median wall time of a frame (ms), and what became of `frames` frames."""

    frame_ms: float
    frames: int
    faces: int
    failures: int

    @property
    def factor(self) -> float:
        """How many times faster than 30 frames a second."""
        return 1000.0 / RATE_HZ / self.frame_ms


def face_speed(settings: Settings, *, for_s: float = 1.5) -> FaceSpeed:
    """Mask 720p pictures, for about `for_s` seconds of wall time.

    Raises:
        DeidentificationFailed: there is no detector.
    """
    faces = face_deidentifier(settings)
    picture = _picture()
    took_s: list[float] = []
    began_s = monotonic_s()
    try:
        for index in range(_WARM_UP + _FRAMES[1]):
            frame = RawFrame(index / RATE_HZ, index, _moved(picture, index))
            start_s = monotonic_s()
            faces.push(frame)
            took_s.append(monotonic_s() - start_s)
            spent_s = monotonic_s() - began_s
            # A detector that takes seconds for a frame is known well enough by two.
            if spent_s > for_s and (index >= _WARM_UP + _FRAMES[0] or (index >= 1 and spent_s > 2.0 * for_s)):
                break
        counts = faces.counts
    finally:
        faces.close()
    counted = took_s[_WARM_UP:] or took_s[1:]
    return FaceSpeed(1e3 * statistics.median(counted), len(took_s), counts.faces, counts.detector_failures)


def voice_factor(settings: Settings) -> float | None:
    """How many times faster than real time the voice is altered; None where no sound is read at all.

    Raises:
        ModelUnavailable: the voice activity model is missing.
    """
    if settings.voice.mode is VoiceMode.DROP:
        return None
    voice = voice_deidentifier(settings)
    sound = speak((Utterance(0.0, _VOICE_S, LIVELY),), _VOICE_S, np.random.default_rng(1))
    block = round(BLOCK_S * AUDIO_RATE_HZ)
    start_s = counted_s = 0.0
    for at in range(0, len(sound), block):
        if not counted_s and at >= AUDIO_RATE_HZ:
            start_s, counted_s = monotonic_s(), (len(sound) - at) / AUDIO_RATE_HZ
        voice.push(RawAudio(at / AUDIO_RATE_HZ, sound[at : at + block]))
    return counted_s / (monotonic_s() - start_s)


def _picture() -> Picture:
    """Somebody in front of a wall where the demo's portrait is there, else the wall with noise."""
    width, height = SIZE
    wall = np.linspace(150, 210, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 3), np.float32)
    noise = np.random.default_rng(1).normal(0.0, 4.0, wall.shape)
    image = np.clip(wall + noise, 0, 255).astype(np.uint8)
    try:
        portrait = cv2.imread(str(model_path("portrait")), cv2.IMREAD_COLOR)
    except ModelUnavailable:
        portrait = None
    if portrait is not None:
        person = cv2.resize(portrait, (height, height), interpolation=cv2.INTER_AREA)
        left = (width - height) // 2
        image[:, left : left + height] = person
    return Picture.from_rgb(np.ascontiguousarray(image[..., ::-1]))


def _moved(picture: Picture, index: int) -> Picture:
    """The picture shifted by a few pixels, for nobody sits quite still."""
    shift = 2 * (index % 4)
    return Picture(
        np.roll(picture.y, shift, axis=1),
        np.roll(picture.u, shift // 2, axis=1),
        np.roll(picture.v, shift // 2, axis=1),
    )
