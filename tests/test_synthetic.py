"""The made-up interview is what it says: sound with speech and pauses, a film of the asked length, gestures."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ModelUnavailable
from streams.deidentify.detectors.centerface import CenterFace
from streams.deidentify.vad import CHUNK, SileroVad
from streams.models.cache import model_path
from streams.speechlike import Utterance, plan_utterances, speak
from streams.synthetic import FRAME_RATE_HZ, HEIGHT_PX, TARGETS, WIDTH_PX, make_interview, plan_gestures

pytestmark = pytest.mark.media


def fetched(name: str) -> Path:
    """A fetched model file; skips where it was not fetched."""
    try:
        return model_path(name)
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """An oval on a wall, where the face of the real portrait is."""
    image = np.full((256, 256, 3), 190, np.uint8)
    cv2.ellipse(image, (112, 62), (36, 48), 0, 0, 360, (120, 150, 210), -1)
    cv2.rectangle(image, (30, 130), (220, 256), (30, 60, 200), -1)
    path = tmp_path / "portrait.png"
    assert cv2.imwrite(str(path), image)
    return path


def loudness(sound: NDArray[np.float32], spans: list[tuple[float, float]]) -> float:
    parts = [sound[round(a * AUDIO_RATE_HZ) : round(b * AUDIO_RATE_HZ)] for a, b in spans]
    return float(np.sqrt(np.mean(np.square(np.concatenate(parts)))))


def pauses(utterances: tuple[Utterance, ...]) -> list[tuple[float, float]]:
    return [(a.end_s, b.start_s) for a, b in pairwise(utterances)]


def test_the_voice_is_loud_in_utterances_and_quiet_in_pauses() -> None:
    rng = np.random.default_rng(3)
    utterances = plan_utterances(20.0, 10.0, rng)
    sound = speak(utterances, 20.0, rng)
    assert len(sound) == 20 * AUDIO_RATE_HZ
    assert float(np.max(np.abs(sound))) < 0.7
    assert loudness(sound, [(u.start_s, u.end_s) for u in utterances]) > 20 * loudness(sound, pauses(utterances))


def test_after_the_turn_pauses_are_longer() -> None:
    utterances = plan_utterances(120.0, 60.0, np.random.default_rng(0))
    before = [end - start for start, end in pauses(utterances) if end < 60.0]
    after = [end - start for start, end in pauses(utterances) if start > 66.0]
    assert max(before) <= 1.0 < min(after)


def test_gestures_are_apart_within_the_film_and_more_frequent_after_the_turn() -> None:
    gestures = plan_gestures(120.0, 60.0, np.random.default_rng(5))
    assert all(a.end_s < b.start_s for a, b in pairwise(gestures))
    assert all(0.0 <= g.start_s < g.end_s < 120.0 and g.class_id in TARGETS for g in gestures)
    first = sum(g.start_s < 60.0 for g in gestures)
    assert first < len(gestures) - first


def test_the_film_has_picture_and_sound_of_the_asked_length(tmp_path: Path, portrait: Path) -> None:
    interview = make_interview(tmp_path / "new", portrait=portrait, seconds=4.0)
    with av.open(str(interview.video)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(interview.video)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert (frames[0].width, frames[0].height) == (WIDTH_PX, HEIGHT_PX)
    assert [frame.time for frame in frames] == pytest.approx([n / FRAME_RATE_HZ for n in range(4 * FRAME_RATE_HZ)])
    assert samples / AUDIO_RATE_HZ == pytest.approx(4.0, abs=0.15)  # codecs round up to whole blocks
    assert interview.turn_s == 2.0


def test_the_gesture_track_is_a_feed_that_can_be_replayed(tmp_path: Path, portrait: Path) -> None:
    interview = make_interview(tmp_path / "new", portrait=portrait, seconds=6.0)
    with interview.nfbl.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert list(rows[0]) == ["start_s", "end_s", "class", "side"]
    assert all(float(row["start_s"]) < float(row["end_s"]) and row["side"] in {"left", "right"} for row in rows)


def test_equal_seeds_make_equal_files_and_others_do_not(tmp_path: Path, portrait: Path) -> None:
    first, again, other = (
        make_interview(tmp_path / name, portrait=portrait, seconds=4.0, seed=seed).video.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first != other


def test_a_voice_activity_detector_hears_speech_in_utterances_only() -> None:
    rng = np.random.default_rng(7)
    utterances = plan_utterances(30.0, 15.0, rng)
    sound = speak(utterances, 30.0, rng)
    vad = SileroVad(fetched("silero-vad"))
    chunks = range(0, len(sound) - CHUNK, CHUNK)
    probabilities = np.array([vad.process(sound[at : at + CHUNK]) for at in chunks])
    times_s = (np.array(chunks) + CHUNK / 2) / AUDIO_RATE_HZ
    spoken = np.any([(u.start_s + 0.1 < times_s) & (times_s < u.end_s - 0.1) for u in utterances], axis=0)
    # The detector lets go of a voice a little late.
    quiet = ~np.any([(u.start_s - 0.1 < times_s) & (times_s < u.end_s + 0.3) for u in utterances], axis=0)
    assert np.mean(probabilities[spoken] > 0.5) > 0.9
    assert np.mean(probabilities[quiet] > 0.5) < 0.1


def test_a_face_detector_finds_one_face_in_every_frame_also_behind_a_hand(tmp_path: Path) -> None:
    detector = CenterFace(fetched("centerface"))
    interview = make_interview(tmp_path, portrait=fetched("portrait"), seconds=12.0)
    with av.open(str(interview.video)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 10 == 0:
                found = detector.detect(Picture.from_rgb(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
                assert [face.score > 0.5 for face in found].count(True) == 1, f"frame {index}"


def test_too_short_an_interview_and_a_missing_portrait_are_refused(tmp_path: Path, portrait: Path) -> None:
    with pytest.raises(ValueError, match="at least 4 seconds"):
        make_interview(tmp_path, portrait=portrait, seconds=1.0)
    with pytest.raises(ModelUnavailable, match="models fetch"):
        make_interview(tmp_path, portrait=tmp_path / "absent.png")
