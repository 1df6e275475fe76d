"""The audit from the command line: recordings of every kind, mistakes of its user, and packages that are not there."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

import cli
from buffers.records import AUDIO_RATE_HZ
from streams.audit import run as running
from streams.audit.voices import speakers
from streams.speechlike import LIVELY, Utterance, speak
from tests.clips import Moving, Tone, write

pytestmark = pytest.mark.unit

Audited = Callable[..., tuple[int, str, str]]
"""Runs the command; gives exit code, standard output and standard error."""


@pytest.fixture
def audited(capsys: pytest.CaptureFixture[str]) -> Audited:
    def command(*words: object) -> tuple[int, str, str]:
        code = cli.main(["audit", *map(str, words)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "a.mp4", Moving(frames=6), Tone(codec="aac"))


@pytest.fixture
def silent_copy(tmp_path: Path) -> Path:
    return write(tmp_path / "b.mp4", Moving(frames=6))


def said(path: Path, seed: int = 1, seconds: float = 3.0, cut_s: float = 0.0) -> Path:
    """A made voice; another seed is another voice. `cut_s` is missing at the end."""
    sound = speak((Utterance(0.1, seconds - 0.1, LIVELY),), seconds, np.random.default_rng(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = len(sound) - round(cut_s * AUDIO_RATE_HZ)
    wavfile.write(path, AUDIO_RATE_HZ, np.round(sound[:kept] * 20000).astype(np.int16))
    return path


def annotated(path: Path, boxes: object) -> Path:
    path.write_text(json.dumps({"boxes": boxes}))
    return path


def one_line(err: str) -> str:
    assert "Traceback" not in err
    (line,) = err.strip().splitlines()
    return line


# --- sound alone, and pictures or sound that were dropped


def test_sound_alone_is_compared_in_table_json_and_page(tmp_path: Path, audited: Audited) -> None:
    original, output = said(tmp_path / "a.wav"), said(tmp_path / "b.wav", seed=2)
    found, page = tmp_path / "found.json", tmp_path / "page.html"
    code, out, _ = audited(original, output, "--json", found, "--html", page)
    assert code == 0
    assert "neither file has pictures" in out
    assert "3.000 s in, 3.000 s out" in out
    assert "original voice                     no" in out
    assert out.rstrip().splitlines()[-1].startswith("PASSED")
    answer = json.loads(found.read_text())
    assert (answer["verdict"], answer["pictures"]) == ("passed", None)
    assert answer["voice"]["source_duration_s"] == pytest.approx(3.0)
    html = page.read_text()
    assert "neither file has pictures" in html
    assert str(tmp_path) not in html


def test_the_original_voice_fails_sound_alone_also_when_encoded_anew(tmp_path: Path, audited: Audited) -> None:
    original = said(tmp_path / "a.wav")
    copy = tmp_path / "b.wav"
    rate_hz, samples = wavfile.read(original)
    wavfile.write(copy, rate_hz, (samples // 2).astype(np.int16))
    code, out, _ = audited(original, copy)
    assert code == 1
    assert "FAILED: the original sound is in the output" in out


def test_sound_that_lost_its_end_fails(tmp_path: Path, audited: Audited) -> None:
    code, out, _ = audited(said(tmp_path / "a.wav"), said(tmp_path / "b.wav", seed=2, cut_s=1.0))
    assert code == 1
    assert "the sound is 1.00 s shorter" in out


def test_dropped_pictures_are_a_fact(tmp_path: Path, clip: Path, audited: Audited) -> None:
    code, out, _ = audited(clip, said(tmp_path / "b.wav", seconds=1.0))
    assert code == 0
    assert "the pictures were dropped, so no face is left to see" in out


def test_dropped_sound_is_a_fact(clip: Path, silent_copy: Path, audited: Audited) -> None:
    _, out, _ = audited(clip, silent_copy)
    assert "not measured: the sound was dropped" in out


def test_pictures_that_nothing_can_be_compared_with_fail(tmp_path: Path, clip: Path, audited: Audited) -> None:
    code, out, _ = audited(said(tmp_path / "b.wav", seconds=1.0), clip)
    assert code == 1
    assert "name the original first" in " ".join(out.split())


# --- mistakes


def test_one_file_named_twice_is_told(tmp_path: Path, clip: Path, audited: Audited) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for other in (clip, link):
        code, out, err = audited(clip, other)
        assert (code, out) == (2, "")
        assert "a.mp4: is named twice; name the original first" in one_line(err)


def test_a_file_that_is_not_there_or_is_none_is_named(tmp_path: Path, clip: Path, audited: Audited) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    text = tmp_path / "text.mp4"
    text.write_text("no recording")
    for bad, code, says in (
        (tmp_path / "none.mp4", 2, "none.mp4: no such file; check the path"),
        (tmp_path, 2, "is a folder; name one recording"),
        (empty, 1, "empty.mp4: is empty"),
        (text, 1, "text.mp4: "),
    ):
        for pair in ((clip, bad), (bad, clip)):
            found, _, err = audited(*pair)
            assert (found, says in one_line(err)) == (code, True)


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ({"0": [70, 10, 90, 30]}, "frame 0 is outside of a.mp4's 64x48 px"),
        ({"0": [0, 0, 20, 20], "5": [[0, 0, 9, 9], [10, 60, 30, 90]]}, "frame 5 is outside"),
        ({"0": [0, 0, 20, 20], "6": [0, 0, 20, 20]}, "frame 6 is beyond the 6 frames of a.mp4"),
    ],
)
def test_boxes_of_another_recording_are_told(
    tmp_path: Path, clip: Path, silent_copy: Path, audited: Audited, boxes: object, says: str
) -> None:
    code, out, err = audited(clip, silent_copy, "--boxes", annotated(tmp_path / "boxes.json", boxes))
    assert (code, out) == (2, "")
    line = one_line(err)
    assert says in line
    assert line.startswith("emotion-monitor: boxes.json: ")
    assert "name the boxes of this recording" in line


def test_a_box_that_reaches_over_the_edge_is_of_this_recording(
    tmp_path: Path, clip: Path, silent_copy: Path, audited: Audited
) -> None:
    boxes = annotated(tmp_path / "boxes.json", {"5": [-10, -10, 30, 30]})
    _, out, _ = audited(clip, silent_copy, "--boxes", boxes)
    assert "1 of 1 (longest run 1 frame" in out


def test_boxes_for_sound_alone_are_refused(tmp_path: Path, audited: Audited) -> None:
    boxes = annotated(tmp_path / "boxes.json", {"0": [0, 0, 20, 20]})
    code, _, err = audited(said(tmp_path / "a.wav"), said(tmp_path / "b.wav", 2), "--boxes", boxes)
    assert code == 2
    assert "a.wav has no pictures that faces could be in; leave --boxes out" in one_line(err)


def test_a_folder_without_speakers_is_told_before_anything_is_compared(
    tmp_path: Path, clip: Path, silent_copy: Path, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(running, "compare_pictures")
    (tmp_path / "empty").mkdir()
    code, out, err = audited(clip, silent_copy, "--speakers", tmp_path / "empty")
    assert (code, out) == (2, "")
    assert "empty: holds recordings of no speaker" in one_line(err)
    assert "name one that holds one folder of recordings for each speaker" in err


def test_a_page_that_cannot_be_written_is_one_line(
    tmp_path: Path, clip: Path, silent_copy: Path, audited: Audited
) -> None:
    code, _, err = audited(clip, silent_copy, "--html", tmp_path / "none" / "page.html")
    assert code != 0
    assert "page.html" in one_line(err)


# --- what is not installed


def test_without_packages_each_line_says_what_to_install(
    tmp_path: Path, clip: Path, silent_copy: Path, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("dlib", "mediapipe", "sklearn", "sklearn.mixture"):
        monkeypatch.setitem(sys.modules, package, None)
    for speaker in ("ann", "bob"):
        for number in (1, 2):
            said(tmp_path / "speakers" / speaker / f"{number}.wav")
    page = tmp_path / "page.html"
    _, out, err = audited(clip, silent_copy, "--speakers", tmp_path / "speakers", "--html", page)
    told = " ".join(out.split())
    assert err == ""
    assert "same person not measured: recognising faces needs the dlib package: pip install" in told
    assert "dlib HOG not looked: dlib HOG needs the dlib package: pip install" in told
    assert "BlazeFace not looked: " in told
    assert "not tried: recognising speakers needs scikit-learn: pip install" in told
    assert "needs scikit-learn" in page.read_text()


# --- time


def test_recognising_speakers_tells_how_far_it_is_and_can_be_ended(
    tmp_path: Path, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, float | None]] = []
    whole = speakers.reidentify

    def watched(*words: object, **options: object) -> object:
        reach = options.pop("reach")
        assert callable(reach)

        def note(done_s: float, all_s: float | None) -> None:
            told.append((done_s, all_s))
            if interrupt:
                signal.raise_signal(signal.SIGINT)
            reach(done_s, all_s)

        return whole(*words, **options, reach=note)  # type: ignore[arg-type]

    monkeypatch.setattr(speakers, "reidentify", watched)
    for number, speaker in enumerate(("ann", "bob")):
        for again in (1, 2):
            said(tmp_path / "speakers" / speaker / f"{again}.wav", seed=10 * number + again)
    words = (said(tmp_path / "a.wav"), said(tmp_path / "b.wav", 2), "--speakers", tmp_path / "speakers")
    interrupt = False
    code, out, _ = audited(*words)
    assert code == 0
    assert "WEAK ATTACKER" in out
    assert told == sorted(told)
    assert told[-1][0] == pytest.approx(told[-1][1])
    assert told[-1][1] == pytest.approx(12.0)
    told.clear()
    interrupt = True
    assert audited(*words)[0] == 130
    assert len(told) == 1
