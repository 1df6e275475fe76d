"""A job has time: it reads sound in long blocks, and nobody can tell from what it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from buffers.records import AUDIO_RATE_HZ
from configs.load import load_settings
from streams.deidentify.voice import VoiceDeidentifier, VoiceOutput
from streams.media import RawAudio, RawFrame
from streams.recording import job
from streams.recording.batch import planned
from streams.sources.file import FileSource
from streams.sources.sound import BLOCK_S
from streams.synthetic import Interview
from tests.clips import Moving, Tone, write

pytestmark = [pytest.mark.media, pytest.mark.usefixtures("models")]

SETTINGS = load_settings(None, ("seed=5",), {}).settings


def rewritten(source: Path, target: Path) -> Path:
    (one,) = planned([str(source), str(target)])
    job.rewrite(one, SETTINGS, lambda _reached_s, _end_s: None)
    return target


def played(path: Path) -> tuple[list[float], bytes, bytes]:
    """Times of the frames, their pixels, and the sound."""
    source = FileSource(path)
    items = list(source.items())
    source.close()
    frames = [item for item in items if isinstance(item, RawFrame)]
    sound = [item.samples for item in items if isinstance(item, RawAudio)]
    pixels = b"".join(frame.picture.y.tobytes() for frame in frames)
    return [frame.t_s for frame in frames], pixels, np.concatenate(sound).tobytes()


def test_a_job_alters_long_blocks(interview: Interview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    push = VoiceDeidentifier.push

    def spy(self: VoiceDeidentifier, audio: RawAudio) -> VoiceOutput:
        lengths.append(len(audio.samples))
        return push(self, audio)

    monkeypatch.setattr(VoiceDeidentifier, "push", spy)
    rewritten(interview.video, tmp_path / "out.wav")
    assert set(lengths[:-1]) == {AUDIO_RATE_HZ}


def test_the_length_of_blocks_changes_no_byte_of_sound(
    interview: Interview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = rewritten(interview.video, tmp_path / "long.wav")
    monkeypatch.setattr(job, "SOUND_BLOCK_S", BLOCK_S)
    short = rewritten(interview.video, tmp_path / "short.wav")
    assert long.read_bytes() == short.read_bytes()


@pytest.mark.parametrize(("suffix", "audio_start_s"), [(".mp4", 0.0), (".mkv", 0.3)])
def test_the_length_of_blocks_changes_nothing_of_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, audio_start_s: float
) -> None:
    clip = write(tmp_path / f"clip{suffix}", Moving(frames=60), Tone(start_s=audio_start_s, seconds=2.7, codec="aac"))
    long = played(rewritten(clip, tmp_path / f"long{suffix}"))
    monkeypatch.setattr(job, "SOUND_BLOCK_S", BLOCK_S)
    assert long == played(rewritten(clip, tmp_path / f"short{suffix}"))
