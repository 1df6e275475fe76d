"""A made-up interview for the demonstration and for tests: a photograph that moves, sound that only resembles speech.

Nobody is interviewed and nothing is said. The person of the portrait shows no emotion that could be judged; what
the file exercises is the machine: a face to track and mask, a voice to alter, gestures and a turn half-way.
Equal seeds give equal files (with the same codecs). The caller removes the folder.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from configs.errors import ModelUnavailable, MonitorError
from streams.speechlike import Samples, plan_utterances, speak

Image = NDArray[np.uint8]
_Reals = NDArray[np.float64]

WIDTH_PX: Final = 640
HEIGHT_PX: Final = 360
FRAME_RATE_HZ: Final = 25

FACE_CENTRE: Final = (0.44, 0.24)
"""Where the face is in the portrait, in shares of its width and height. Source: the photograph the cache fetches."""

FACE_HALF: Final = (0.15, 0.20)
"""Half axes of the head in the portrait, likewise."""

TARGETS: Final = {
    "N10": (0.02, 0.15),
    "N34": (0.02, 0.05),
    "N7": (0.09, 0.08),
    "N3": (0.12, -0.13),
    "N11": (0.07, 0.22),
}
"""NFBL classes that are drawn (jaw, nose, facial parts, head, neck) and where the hand goes, in shares of the
portrait's side from the centre of the face; x is mirrored for the left hand."""

RISE_S: Final = 0.35
"""How long the hand takes to come up, and to go down again (s)."""

EVENTS_PER_MIN: Final = (6.0, 10.0)
"""Rate of gestures before and after the turn (1/min): eight on average."""

LABEL: Final = "synthetic - nobody is interviewed"
"""Burnt into every frame, so that a still cannot be mistaken for a recording."""


@dataclass(frozen=True, slots=True)
class Interview:
    """The files of a made-up interview, and when its mood turns (s)."""

    video: Path
    nfbl: Path
    turn_s: float


@dataclass(frozen=True, slots=True)
class Gesture:
    """A hand at the head during [start_s, end_s): class id of the taxonomy and side `left` or `right`."""

    start_s: float
    end_s: float
    class_id: str
    side: str


@dataclass(frozen=True, slots=True, eq=False)
class _Cutout:
    """The person of the portrait, premultiplied by its opacity: uint8[N, N, 3] BGR and uint8[N, N]."""

    colour: Image
    opacity: Image


@dataclass(frozen=True, slots=True, eq=False)
class _Script:
    """What happens when: gestures, movement float64[frames, 4] (see `_sway`) and sound."""

    gestures: tuple[Gesture, ...]
    motions: _Reals
    sound: Samples


def make_interview(
    folder: Path, *, portrait: Path, seconds: float = 60.0, seed: int = 7, rate_hz: int = FRAME_RATE_HZ
) -> Interview:
    """Write `interview.mp4` and `interview.csv` into `folder` (made if absent) and return their paths.

    `portrait` is a photograph of one person, head and shoulders, square; `rate_hz` are frames a second. ValueError for
    less than 4 seconds, ModelUnavailable when the portrait cannot be read, MonitorError when this build of FFmpeg has
    no encoder.
    """
    if seconds < 4.0:
        msg = f"an interview needs at least 4 seconds, not {seconds:g}"
        raise ValueError(msg)
    picture = cv2.imread(str(portrait), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelUnavailable(f"portrait {portrait} is no readable picture: run `emotion-monitor models fetch`")
    rng = np.random.default_rng(seed)
    turn_s = seconds / 2
    gestures = plan_gestures(seconds, turn_s, rng)
    sound = speak(plan_utterances(seconds, turn_s, rng), seconds, rng)
    folder.mkdir(parents=True, exist_ok=True)
    interview = Interview(folder / "interview.mp4", folder / "interview.csv", turn_s)
    _write_gestures(interview.nfbl, gestures)
    _write_film(
        interview.video,
        _cut_out(np.asarray(picture, np.uint8)),
        _Script(gestures, _sway(seconds, rate_hz, rng), sound),
        rate_hz,
    )
    return interview


def plan_gestures(seconds: float, turn_s: float, rng: np.random.Generator) -> tuple[Gesture, ...]:
    """Gestures that never overlap, at `EVENTS_PER_MIN`, rarer before `turn_s` than after it."""
    gestures: list[Gesture] = []
    start_s = 1.5
    while True:
        period_s = 60.0 / EVENTS_PER_MIN[start_s >= turn_s]
        end_s = start_s + rng.uniform(1.2, 0.5 * period_s)
        if end_s > seconds - RISE_S:
            return tuple(gestures)
        class_id = str(rng.choice(list(TARGETS)))
        gestures.append(Gesture(round(start_s, 2), round(end_s, 2), class_id, str(rng.choice(["left", "right"]))))
        start_s += period_s * rng.uniform(0.85, 1.15)


def _write_gestures(path: Path, gestures: tuple[Gesture, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["start_s", "end_s", "class", "side"])
        writer.writerows([gesture.start_s, gesture.end_s, gesture.class_id, gesture.side] for gesture in gestures)


def _cut_out(picture: Image) -> _Cutout:
    """Part the person from the background (GrabCut, Rother et al. 2004), with a soft edge."""
    side = HEIGHT_PX
    picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    small = cv2.resize(picture, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    mask = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    n = len(small)
    shoulders = np.array(
        [
            (0.0, 1.0),
            (0.02, 0.75),
            (0.1, 0.5),
            (0.24, 0.31),
            (0.52, 0.3),
            (0.6, 0.4),
            (0.7, 0.5),
            (1.0, 0.75),
            (1.0, 1.0),
        ]
    )
    cv2.fillPoly(mask, [(shoulders * n).astype(np.int32)], cv2.GC_PR_FGD)
    # What is certain at the foot keeps a dark helmet or sleeve from being taken for the background's black.
    chest = np.array([(0.12, 1.0), (0.2, 0.6), (0.6, 0.6), (0.9, 0.8), (0.93, 1.0)])
    cv2.fillPoly(mask, [(chest * n).astype(np.int32)], cv2.GC_FGD)
    centre = (round(FACE_CENTRE[0] * n), round(FACE_CENTRE[1] * n))
    axes = (round(FACE_HALF[0] * n * 1.1), round(FACE_HALF[1] * n * 1.02))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, centre, (axes[0] * 2 // 3, axes[1] * 3 // 4), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    person = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    soft = cv2.GaussianBlur(cv2.resize(person, (side, side)), (0, 0), 1.6)
    cut = cv2.multiply(picture, cv2.merge([soft] * 3), scale=1 / 255)
    return _Cutout(np.asarray(cut, np.uint8), np.asarray(soft, np.uint8))


def _room() -> Image:
    """A plain wall with light from the left and a table edge: uint8[360, 640, 3] BGR."""
    light = np.linspace(1.05, 0.8, WIDTH_PX)[None, :, None] * np.linspace(1.0, 0.88, HEIGHT_PX)[:, None, None]
    wall = np.array([168.0, 176.0, 178.0]) * light
    wall[round(0.93 * HEIGHT_PX) :] *= 0.55
    return np.clip(wall, 0, 255).astype(np.uint8)


def _sway(seconds: float, rate_hz: int, rng: np.random.Generator) -> _Reals:
    """How the person moves, slowly: float64[frames, 4] of shift x and y (px), lean (degrees) and zoom."""
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    amplitudes = np.array([9.0, 3.0, 1.6, 0.02])
    phases = rng.uniform(0.0, 2.0 * np.pi, (3, 4))
    rates_hz = np.array([0.07, 0.19, 0.31])[:, None] * rng.uniform(0.8, 1.2, (3, 4))
    waves = np.sin(2.0 * np.pi * rates_hz[:, None, :] * t_s[None, :, None] + phases[:, None, :])
    motion = np.asarray(amplitudes * np.tensordot([0.6, 0.3, 0.1], waves, axes=1), np.float64)
    for nod_s in rng.uniform(1.0, seconds - 1.0, max(1, round(seconds / 12))):
        since = t_s - nod_s
        motion[:, 1] += np.where((since > 0) & (since < 0.9), 7.0 * np.sin(2 * np.pi * since / 0.45) ** 2, 0.0)
    return motion


def _reach(gestures: tuple[Gesture, ...], t_s: float) -> tuple[Gesture, float] | None:
    """The gesture under way at `t_s` and how far its hand has come up (0-1, eased), None when at rest."""
    for gesture in gestures:
        if gesture.start_s <= t_s < gesture.end_s:
            raised = min(1.0, (t_s - gesture.start_s) / RISE_S, (gesture.end_s - t_s) / RISE_S)
            return gesture, raised * raised * (3.0 - 2.0 * raised)
    return None


def _draw_arm(image: Image, face: tuple[float, float], gesture: Gesture, raised: float, t_s: float) -> None:
    """Draw sleeve, forearm and a hand on its way from below the picture to the head."""
    x, y = TARGETS[gesture.class_id]
    mirror = 1.0 if gesture.side == "right" else -1.0
    rub = 2.5 * np.sin(2.0 * np.pi * 1.6 * t_s) * raised
    hand = np.array([face[0] + mirror * (x + 0.02) * HEIGHT_PX, face[1] + y * HEIGHT_PX + rub])
    rest = np.array([face[0] + mirror * 0.42 * HEIGHT_PX, HEIGHT_PX + 60.0])
    elbow = np.array([face[0] + mirror * 0.40 * HEIGHT_PX, HEIGHT_PX + 10.0 - 40.0 * raised])
    hand = rest + raised * (hand - rest)
    wrist = hand + 0.16 * (elbow - hand)
    skin, shade, sleeve = (150, 178, 224), (118, 146, 196), (44, 84, 214)
    _stroke(image, elbow, (elbow[0] + mirror * 20.0, HEIGHT_PX + 60.0), sleeve, 46)
    _stroke(image, elbow, wrist, sleeve, 36)
    _stroke(image, wrist, hand, skin, 22)
    along = (hand - wrist) / max(1e-6, float(np.hypot(*(hand - wrist))))
    across = np.array([-along[1], along[0]])
    for finger in range(4):
        knuckle = hand + across * (finger - 1.5) * 6.0
        _stroke(image, knuckle, knuckle + along * (15.0 - 2.0 * abs(finger - 1.5)), shade if finger % 2 else skin, 6)
    _stroke(image, hand - along * 4.0, hand - along * 4.0 - mirror * across * 13.0 + along * 9.0, skin, 7)


def _stroke(
    image: Image,
    start: _Reals | tuple[float, float],
    end: _Reals | tuple[float, float],
    bgr: tuple[int, int, int],
    px: int,
) -> None:
    a, b = ((round(float(p[0]) * 8), round(float(p[1]) * 8)) for p in (start, end))
    cv2.line(image, a, b, bgr, px, cv2.LINE_AA, shift=3)


def _compose(room: Image, cutout: _Cutout, motion: _Reals, reach: tuple[Gesture, float] | None, t_s: float) -> Image:
    """One frame, uint8[360, 640, 3] BGR."""
    shift_x, shift_y, lean, zoom = (float(value) for value in motion)
    side = len(cutout.opacity)
    pivot = (FACE_CENTRE[0] * side, float(side))
    matrix = cv2.getRotationMatrix2D(pivot, lean, 0.97 + zoom)
    # The pivot goes to the middle of the lower edge; 8 px deeper, so that no nod lifts the person off it.
    matrix[:, 2] += np.array([WIDTH_PX / 2 - pivot[0] + shift_x, HEIGHT_PX + 8.0 - pivot[1] + shift_y])
    size = (WIDTH_PX, HEIGHT_PX)
    person = cv2.warpAffine(cutout.colour, matrix, size)
    hole = cv2.bitwise_not(cv2.warpAffine(cutout.opacity, matrix, size))
    image = np.asarray(cv2.add(cv2.multiply(room, cv2.merge([hole] * 3), scale=1 / 255), person), np.uint8)
    if reach is not None:
        face = matrix @ np.array([FACE_CENTRE[0] * side, FACE_CENTRE[1] * side, 1.0])
        _draw_arm(image, (float(face[0]), float(face[1])), reach[0], reach[1], t_s)
    cv2.putText(image, LABEL, (8, HEIGHT_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (235, 235, 235), 1, cv2.LINE_AA)
    return image


def _write_film(path: Path, cutout: _Cutout, script: _Script, rate_hz: int) -> None:
    """Encode picture and sound, interleaved second by second; bit-exact flags keep dates and versions out."""
    room = _room()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream(_video_codec(), rate=rate_hz)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        video.codec_context.thread_count = 1
        if video.codec_context.name == "libx264":
            video.codec_context.options = {"preset": "ultrafast", "crf": "26"}
        else:
            video.bit_rate = 2_000_000
        audio = container.add_stream("aac", rate=AUDIO_RATE_HZ, layout="mono")
        audio.bit_rate = 64_000
        for index, motion in enumerate(script.motions):
            if index % rate_hz == 0:
                start = index // rate_hz * AUDIO_RATE_HZ
                block = av.AudioFrame.from_ndarray(script.sound[None, start : start + AUDIO_RATE_HZ], "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = AUDIO_RATE_HZ, start, Fraction(1, AUDIO_RATE_HZ)
                container.mux(audio.encode(block))
            t_s = index / rate_hz
            image = _compose(room, cutout, motion, _reach(script.gestures, t_s), t_s)
            i420 = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate_hz)
            container.mux(video.encode(frame))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))


def _video_codec() -> str:
    """The first video encoder of this build that every player reads."""
    for name in ("libx264", "mpeg4"):
        if name in av.codec.codecs_available:
            return name
    raise MonitorError("this build of FFmpeg can write neither H.264 nor MPEG-4: reinstall the package av")
