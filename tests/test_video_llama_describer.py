"""The describer `video_llama` at its door: settings it refuses, what it tells, what it answers, how it fails."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from buffers.evidence import Evidence
from configs.errors import ConfigError, ModelUnavailable
from configs.settings import Settings
from monitor.describers.base import Describer, Description, Encoder
from monitor.describers.registry import make_describer
from monitor.describers.video_llama.describer import VideoLlamaDescriber
from monitor.describers.video_llama.files import LICENCE_NOTICE
from monitor.describers.video_llama.language import Decoding, Language
from monitor.describers.video_llama.model import VideoLlama
from monitor.describers.video_llama.prompts import Style
from tests.made_evidence import evidence
from tests.made_evidence import frames as undecodable
from tests.made_language import made_llama, made_model, made_tokenizer, saying, write_language
from tests.made_shown import heard_clips, seen_frames
from tests.made_video_llama import TINY, made_encoders, original_tensors, without_key_bias, write_checkpoints

pytestmark = pytest.mark.model

WINDOW: Final = evidence(shown=seen_frames(range(200, 206)), clips=heard_clips([200, 202, 204]))


def settings(windows: dict[str, Any] | None = None, seed: int | None = None, **own: Any) -> Settings:  # noqa: ANN401 - any setting
    return Settings.model_validate(
        {
            "describer": "video_llama",
            "video_llama": {"folder": "/models/video-llama", **own},
            "windows": windows or {},
            "seed": seed,
        }
    )


def around(model: VideoLlama, asked: Settings | None = None) -> VideoLlamaDescriber:
    return VideoLlamaDescriber(asked or settings(), load=lambda *_: model)


def describes(describer: Describer, *windows: Evidence) -> list[Description]:
    async def ask() -> list[Description]:
        await describer.start()
        try:
            return [await describer.describe(window) for window in windows]
        finally:
            await describer.close()

    return asyncio.run(ask())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole small model as its user has it: the original's files and a language model beside them."""
    write_checkpoints(tmp_path / "model", original_tensors(without_key_bias(made_encoders())))
    write_language(tmp_path / "model" / "llama-2-7b-chat-hf")
    return tmp_path / "model"


def test_the_original_files_of_a_folder_describe_a_window(folder: Path) -> None:
    asked = settings(folder=str(folder), max_tokens=16, alias_below=0.0)
    describer = make_describer(asked)
    assert isinstance(describer, VideoLlamaDescriber)
    assert isinstance(describer, Encoder)
    [found, again] = describes(describer, WINDOW, WINDOW)
    assert found.describer == "video_llama"
    assert found.text
    assert found == again
    assert not found.insufficient


def test_the_style_goes_by_the_names_of_the_files_or_the_setting(folder: Path) -> None:
    def style(**own: Any) -> str:  # noqa: ANN401 - any setting
        async def told() -> str:
            describer = make_describer(settings(folder=str(folder), **own))
            notices = await describer.start()
            await describer.close()
            return "\n".join(notices)

        return asyncio.run(told()).rpartition("in the style of ")[2].partition("\n")[0]

    assert style() == "llama2"
    assert style(prompt="vicuna") == "vicuna"
    (folder / "llama-2-7b-chat-hf").rename(folder / "vicuna-7b")
    assert style() == "vicuna"
    for name in ("VL", "AL"):
        (folder / f"{name}_LLaMA_2_7B_Finetuned.pth").rename(folder / f"{name}_mine.pth")
    (folder / "vicuna-7b").rename(folder / "model")
    with pytest.raises(ConfigError, match=r"set video_llama.prompt to llama2 or vicuna"):
        style()


def test_a_folder_without_a_language_model_is_refused_by_name(folder: Path) -> None:
    (folder / "llama-2-7b-chat-hf" / "config.json").unlink()
    with pytest.raises(ConfigError, match="no language model in"):
        describes(make_describer(settings(folder=str(folder))), WINDOW)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"folder": None}, "needs its model: set video_llama.folder"),
        ({"windows": {"frames": 33}}, "33 frames in a window, .* places for 32: set windows.frames to 32 or less"),
        (
            {"windows": {"clips": 9}, "clips": "refuse"},
            "9 clips in a window, .* places for 8: set windows.clips to 8 or less, or video_llama.clips to average",
        ),
    ],
)
def test_settings_that_the_model_has_no_places_for_are_refused_before_it_is_loaded(
    asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        VideoLlamaDescriber(settings(**asked))


def test_what_a_checkpoint_has_no_places_for_is_refused_when_it_is_loaded() -> None:
    describer = around(made_model(encoders=made_encoders(replace(TINY, max_frames=8))))
    with pytest.raises(ConfigError, match=r"32 frames in a window, .* places for 8"):
        asyncio.run(describer.start())


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.describers.worker.find_spec", lambda _: None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'emotion-monitor\[models\]'"):
        make_describer(settings())


def test_it_tells_the_licence_once_where_it_runs_and_how_it_departs_from_the_paper() -> None:
    async def told() -> tuple[tuple[str, ...], tuple[str, ...]]:
        describer = around(made_model(), settings(windows={"clips": 15}))
        first, second = await describer.start(), await describer.start()
        await describer.close()
        return first, second

    first, second = asyncio.run(told())
    assert first.count(LICENCE_NOTICE) == 1
    assert "non-commercial" in LICENCE_NOTICE
    assert any("runs on cpu in float32" in line for line in first)
    assert any("for trying out" in line for line in first)
    assert any("15 clips of a window are averaged into the 8" in line and "deviation" in line for line in first)
    assert all("\n" not in line for line in first)
    assert second == ()


def test_it_asks_for_the_grid_and_calls_its_words_unverified() -> None:
    info = around(made_model()).info
    assert info.on_grid
    assert info.deterministic
    assert not info.heuristic
    assert not info.calibrated
    assert "non-commercial" in info.notice
    assert "unverified" in info.notice
    assert info.model == "video-llama"
    assert not around(made_model(), settings(temperature=1.0)).info.deterministic
    assert around(made_model(), settings(temperature=1.0, seed=1)).info.deterministic


def test_equal_fingerprints_mean_the_same_model_asked_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprint(digest: str = "made", *, dtype: torch.dtype = torch.float32, **asked: Any) -> str:  # noqa: ANN401 - any setting
        model = made_model()
        model.digest = digest
        model._encoders.to(dtype)
        describer = around(model, settings(**asked))
        asyncio.run(describer.start())
        return describer.info.fingerprint

    assert around(made_model()).info.fingerprint == ""
    same = {fingerprint(), fingerprint(), fingerprint(batch=2), fingerprint(seed=4)}
    assert len(same) == 1
    others = [
        fingerprint("other"),
        fingerprint(dtype=torch.bfloat16),
        fingerprint(max_tokens=32),
        fingerprint(clips="pick"),
        fingerprint(alias_below=0.0),
        fingerprint(temperature=1.0),
        fingerprint(temperature=1.0, seed=4),
    ]
    monkeypatch.setattr("monitor.describers.video_llama.describer.prompts_digest", lambda _: "other words")
    others.append(fingerprint())
    assert len(same | set(others)) == 1 + len(others)


def test_what_files_hold_and_not_where_they_lie_makes_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    def fingerprint(where: Path) -> str:
        describer = make_describer(settings(folder=str(where)))
        asyncio.run(describer.start())
        return describer.info.fingerprint

    before = fingerprint(folder)
    folder.rename(tmp_path / "elsewhere")
    assert fingerprint(tmp_path / "elsewhere") == before
    torch.manual_seed(0)
    made_llama(seed=9).save_pretrained(tmp_path / "elsewhere" / "llama-2-7b-chat-hf")
    assert fingerprint(tmp_path / "elsewhere") != before


def test_a_window_in_which_nothing_was_seen_or_heard_is_insufficient_without_asking() -> None:
    language, counted = saying("Calm.")
    [found] = describes(around(made_model(language)), evidence())
    assert found.insufficient
    assert counted.said == 0


@pytest.mark.parametrize(
    "window",
    [
        evidence(shown=seen_frames([201.0])),
        evidence(clips=heard_clips([200.0])),
        evidence(shown=seen_frames(range(200, 232)), clips=heard_clips(range(200, 216, 2))),
    ],
    ids=["one frame", "one clip", "all places"],
)
def test_pictures_or_sound_alone_and_all_places_taken_are_described(window: Evidence) -> None:
    language, _ = saying("The person sits still.")
    [found] = describes(around(made_model(language)), window)
    assert found == Description("The person sits still.", "video_llama")


def test_an_answer_is_cleaned_and_no_answer_is_none() -> None:
    language, _ = saying("Calm.\n\nMore.###Human: x", Style.VICUNA)
    [found] = describes(around(made_model(language)), WINDOW)
    assert found.text == "Calm."
    language, _ = saying("###", Style.VICUNA)
    with pytest.raises(ModelUnavailable, match="said nothing"):
        describes(around(made_model(language)), WINDOW)


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (evidence(shown=seen_frames(range(200, 233))), "33 frames in a window"),
        (evidence(clips=heard_clips(range(200, 218, 2))), "9 clips in a window"),
        (evidence(shown=undecodable([201.0], [3])), "no JPEG that can be decoded"),
    ],
)
def test_evidence_it_cannot_take_is_said_and_the_next_window_goes_on(window: Evidence, says: str) -> None:
    async def ask() -> str:
        language, _ = saying("Calm.")
        describer = around(made_model(language), settings(clips="refuse"))
        await describer.start()
        with pytest.raises(ModelUnavailable, match=says):
            await describer.describe(window)
        language._model.lm_head.say("Calm.")
        text = (await describer.describe(WINDOW)).text
        await describer.close()
        return text

    assert asyncio.run(ask()) == "Calm."


def raising(error: BaseException) -> Callable[[int], None]:
    def each(_: int) -> None:
        raise error

    return each


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"), "ran out of memory: set "),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory: set "),
        (MemoryError(), "ran out of memory: set "),
        (RuntimeError("CUDA error: device-side assert\ntriggered"), "failed: CUDA error: device-side assert$"),
    ],
)
def test_a_failure_of_the_machine_is_one_line(error: BaseException, says: str) -> None:
    language, _ = saying("Calm.", each=raising(error))
    with pytest.raises(ModelUnavailable, match=says):
        describes(around(made_model(language)), WINDOW)


def test_a_model_for_another_language_model_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="width 64, and this one has 32"):
        made_model(Language(made_llama(32), made_tokenizer(), Style.LLAMA2, Decoding(16)))


def test_a_question_without_room_says_which_setting_to_lower() -> None:
    language, _ = saying("Calm.", max_tokens=1900)
    with pytest.raises(ModelUnavailable, match=r"lower video_llama.max_tokens"):
        describes(around(made_model(language)), WINDOW)


def test_before_it_has_started_it_says_so() -> None:
    with pytest.raises(ModelUnavailable, match="not loaded"):
        asyncio.run(around(made_model()).describe(WINDOW))


def test_a_deadline_in_the_middle_of_an_answer_does_not_block_the_next_window() -> None:
    async def late() -> tuple[int, str]:
        begun, go_on = threading.Event(), threading.Event()

        def each(said: int) -> None:
            if said == 2 and not begun.is_set():
                begun.set()
                go_on.wait(60)

        language, counted = saying("on and on " * 50, each=each, max_tokens=400)
        describer = around(made_model(language))
        await describer.start()
        waiting = asyncio.create_task(describer.describe(WINDOW))
        assert await asyncio.to_thread(begun.wait, 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        async with asyncio.timeout(60):
            said = await describer._worker.run(lambda: counted.said)
            counted.say("Calm.")
            text = (await describer.describe(WINDOW)).text
        await describer.close()
        return said, text

    said, text = asyncio.run(late())
    assert said <= 4
    assert text == "Calm."


def test_giving_up_while_encoding_keeps_what_was_done_and_the_rest_is_done_later() -> None:
    async def give_up() -> None:
        begun, go_on = threading.Event(), threading.Event()
        model = made_model(saying("Calm.")[0], batch=2)
        encode = model.encode_frames
        batches: list[int] = []

        def slowly(jpegs: Sequence[bytes]) -> Any:  # noqa: ANN401 - as the real one
            batches.append(len(jpegs))
            if len(batches) == 2:
                begun.set()
                go_on.wait(60)
            return encode(jpegs)

        model.encode_frames = slowly  # type: ignore[method-assign]
        describer = around(model, settings(batch=2, alias_below=0.0))
        await describer.start()
        waiting = asyncio.create_task(describer.encode(WINDOW.frames, WINDOW.clips))
        assert await asyncio.to_thread(begun.wait, 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        assert describer.frames.encoded == 2
        assert (await describer.describe(WINDOW)).text == "Calm."
        assert describer.frames.encoded == 6
        await describer.close()

    asyncio.run(give_up())


def test_loading_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "emotion_monitor"):
        asyncio.run(around(made_model()).start())
    assert "is being loaded from /models/video-llama" in caplog.text
