"""Sessions that keep no sound: what is measured still counts, what is not read is said to be unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from buffers.records import CleanItem, Prosody
from configs.errors import ConfigError, ModelUnavailable
from configs.load import load_settings
from configs.settings import IngestSettings, VoiceMode, VoiceSettings
from streams import pipeline
from streams.channel import ChannelClosed
from streams.clock import VirtualClock
from streams.deidentify import voice as voice_module
from streams.deidentify.voice import VoiceDeidentifier
from streams.ingest import Ingest
from streams.media import RawAudio
from streams.models import cache
from streams.pipeline import open_pipeline
from streams.synthetic import Interview
from tests.sessions import Line, kinds, replay

pytestmark = pytest.mark.unit

FEATURES_ONLY = "voice.mode=features-only"
DROP = "voice.mode=drop"


class AlwaysSpeech:
    """A voice activity that hears speech everywhere."""

    def process(self, samples: object) -> float:
        del samples
        return 1.0

    def reset(self) -> None:
        """Nothing is remembered."""


def verdicts(records: list[Line]) -> list[Line]:
    return [record for record in records if record["kind"] == "verdict"]


def descriptions(records: list[Line]) -> list[str]:
    return [record["text"] for record in records if record["kind"] == "description"]


def test_features_only_never_makes_sound_nor_runs_the_alteration(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        pytest.fail("sound was altered in a mode that keeps none")

    monkeypatch.setattr(voice_module, "McAdams", forbidden)
    monkeypatch.setattr(voice_module, "CleanAudio", forbidden)
    voice = VoiceDeidentifier(VoiceSettings(mode=VoiceMode.FEATURES_ONLY), seed=1, vad=AlwaysSpeech())
    sound = np.sin(np.arange(16_000) * 0.05).astype(np.float32)
    out = voice.push(RawAudio(2.0, sound[:9000])) + voice.push(RawAudio(2.0 + 9000 / 16_000, sound[9000:]))
    out += voice.flush()
    assert not voice.keeps_sound
    assert out.audio == ()
    assert out.prosody[0].t_s == 2.0
    assert out.prosody[-1].end_s == pytest.approx(3.0)


def test_nobody_can_ask_for_a_voice_that_is_dropped() -> None:
    with pytest.raises(ValueError, match="dropped"):
        VoiceDeidentifier(VoiceSettings(mode=VoiceMode.DROP), seed=1, vad=AlwaysSpeech())


def everything_from(opened: pipeline.Pipeline) -> list[CleanItem]:
    """All that a session would get to buffer."""
    ingest = Ingest(opened, clock=VirtualClock(), settings=IngestSettings())
    ingest.start()
    items: list[CleanItem] = []
    try:
        while True:
            items += [item for _, item in ingest.next_batch(60.0).items]
    except ChannelClosed:
        return items
    finally:
        ingest.abort()


@pytest.mark.usefixtures("models")
class TestSession:
    """Whole sessions over a made-up interview."""

    def test_features_only_hears_as_much_as_a_session_that_keeps_sound(
        self, interview: Interview, tmp_path: Path
    ) -> None:
        usual = replay(interview.video, tmp_path / "usual.jsonl", "voice.coefficient=0.7")
        records = replay(interview.video, tmp_path / "features.jsonl", FEATURES_ONLY)
        assert kinds(records).count("verdict") == kinds(usual).count("verdict") >= 1
        for mine, theirs in zip(verdicts(records), verdicts(usual), strict=True):
            assert mine["window"] == theirs["window"]
            assert mine["coverage"]["audio"] == pytest.approx(theirs["coverage"]["audio"], abs=0.02)
        assert descriptions(records) == descriptions(usual)
        assert records[0]["deidentification"]["voice"] == "features-only"
        assert any("sound not kept" in notice for notice in records[0]["notices"])

    def test_dropped_sound_is_unknown_and_not_silence(self, interview: Interview, tmp_path: Path) -> None:
        records = replay(interview.video, tmp_path / "drop.jsonl", DROP)
        assert verdicts(records)
        assert {record["coverage"]["audio"] for record in verdicts(records)} == {0.0}
        assert all("100% of the sound" in text for text in descriptions(records))
        assert records[0]["deidentification"]["voice"] == "drop"
        assert any("sound not read" in notice for notice in records[0]["notices"])
        assert records[-1]["kind"] == "end"

    def test_no_clip_reaches_the_evidence_of_a_session_without_sound(self, interview: Interview) -> None:
        for mode in (FEATURES_ONLY, DROP):
            opened = open_pipeline(str(interview.video), load_settings(None, (mode, "nfbl.source=off"), {}).settings)
            items = everything_from(opened)
            assert {type(item).__name__ for item in items} <= {"CleanFrame", "Prosody", "Gap"}
            assert any(isinstance(item, Prosody) for item in items) == (mode == FEATURES_ONLY)

    def test_dropping_the_sound_needs_no_voice_model(
        self, interview: Interview, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_faces(name: str) -> Path:
            if name == "silero-vad":
                raise ModelUnavailable("asked for a voice model")
            return cache.model_path(name)

        monkeypatch.setattr(pipeline, "model_path", only_faces)
        opened = open_pipeline(str(interview.video), load_settings(None, (DROP, "nfbl.source=off"), {}).settings)
        opened.source.links[0].close()
        opened.close()
        assert opened.voice is None

    def test_dropping_all_there_is_says_what_to_do(self, media_dir: Path) -> None:
        speech = media_dir / "speech" / "whisper_jfk.flac"
        with pytest.raises(ConfigError, match="sound alone"):
            open_pipeline(str(speech), load_settings(None, (DROP, "nfbl.source=off"), {}).settings)

    def test_sound_alone_is_judged_by_its_features(self, media_dir: Path, tmp_path: Path) -> None:
        speech = media_dir / "speech" / "whisper_jfk.flac"
        records = replay(speech, tmp_path / "jfk.jsonl", FEATURES_ONLY)
        assert [record["coverage"]["audio"] for record in verdicts(records)] == [
            pytest.approx(1.0, abs=0.02) for _ in verdicts(records)
        ]
        assert verdicts(records)[-1]["p_positive"] is not None
