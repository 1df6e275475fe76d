"""Each file is found by its published name, and what is missing, swapped, cut or foreign is said in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from configs.errors import ConfigError, ModelUnavailable, MonitorError
from monitor.describers.video_llama.checkpoint import open_checkpoint
from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import SOURCES, Role, find_files
from monitor.describers.video_llama.loading import load_encoders
from tests.made_video_llama import (
    TINY,
    Tensors,
    made_encoders,
    original_tensors,
    without_key_bias,
    write_checkpoints,
    write_safetensors,
)

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def made() -> Encoders:
    return without_key_bias(made_encoders())


@pytest.fixture
def tensors(made: Encoders) -> Tensors:
    return original_tensors(made)


@pytest.fixture
def folder(tmp_path: Path, tensors: Tensors) -> Path:
    return write_checkpoints(tmp_path / "files", tensors)


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Encoders:
    return load_encoders(folder, dtype=dtype, device="cpu")


def refused(folder: Path, kind: type[MonitorError]) -> str:
    """What is said, which must be one line that names the folder."""
    with pytest.raises(kind) as caught:
        load(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert str(folder) in said
    return said


def assert_same(one: Encoders, other: Encoders) -> None:
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("write", [write_checkpoints, write_safetensors])
def test_what_is_loaded_is_what_was_written(
    tmp_path: Path, made: Encoders, tensors: Tensors, write: Callable[[Path, Tensors], Path]
) -> None:
    loaded = load(write(tmp_path / "files", tensors))
    assert_same(loaded, made)
    assert loaded.sizes == TINY
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not loaded.training


def test_other_numbers_in_memory_are_those_asked_for(folder: Path) -> None:
    half = load(folder, torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert half.encode_clips(torch.randn(1, 1, 128, 204)).float().norm() == pytest.approx(20, abs=0.05)


def test_the_model_stays_as_it_was_loaded_when_its_file_is_written_to(folder: Path) -> None:
    loaded = load(folder)
    before = loaded.video_projection.weight.clone()
    path = folder / SOURCES[Role.VIDEO].name
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert torch.equal(loaded.video_projection.weight, before)


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (Role.VIDEO, "VL_LLaMA_2_13B_Pretrained.pth"),
        (Role.VIDEO, "finetune-vicuna7b-v2.pth"),
        (Role.VIDEO, "pretrained-vicuna7b.pth"),
        (Role.AUDIO, "AL_LLaMA_2_13B_Finetuned.pth"),
        (Role.AUDIO, "finetune_vicuna7b_audiobranch.pth"),
        (Role.AUDIO, "finetune-vicuna7b_audiobranch.pth"),
    ],
)
def test_every_published_name_is_known(folder: Path, made: Encoders, role: Role, name: str) -> None:
    (folder / SOURCES[role].name).rename(folder / name)
    assert find_files(folder).checkpoints[role].name == name
    assert_same(load(folder), made)


def test_imagebind_may_lie_in_a_folder_of_its_own(folder: Path, made: Encoders) -> None:
    path = folder / "imagebind_huge.pth"
    path.rename(folder / "aside")
    path.mkdir()
    (folder / "aside").rename(path / "imagebind_huge.pth")
    assert_same(load(folder), made)


@pytest.mark.parametrize("role", list(Role))
def test_a_missing_file_is_named_with_where_it_comes_from(folder: Path, role: Role) -> None:
    (folder / SOURCES[role].name).unlink()
    said = refused(folder, ConfigError)
    assert SOURCES[role].name in said
    assert SOURCES[role].origin in said


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    assert "is no folder" in refused(tmp_path / "nowhere", ConfigError)
    file = tmp_path / "file"
    file.touch()
    assert "video_llama.folder" in refused(file, ConfigError)


def test_two_files_for_one_thing_are_both_named(folder: Path) -> None:
    (folder / "VL_LLaMA_2_7B_Pretrained.pth").touch()
    said = refused(folder, ConfigError)
    assert "VL_LLaMA_2_7B_Finetuned.pth and VL_LLaMA_2_7B_Pretrained.pth" in said


def test_swapped_branches_are_told_by_what_is_in_them(folder: Path) -> None:
    video, audio = folder / SOURCES[Role.VIDEO].name, folder / SOURCES[Role.AUDIO].name
    video.rename(folder / "aside")
    audio.rename(video)
    (folder / "aside").rename(audio)
    said = refused(folder, ConfigError)
    assert "VL_LLaMA_2_7B_Finetuned.pth holds Video-LLaMA's audio branch" in said
    assert "swap the names" in said


def test_a_file_of_something_else_is_told_by_what_it_lacks(folder: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, folder / SOURCES[Role.IMAGEBIND].name)
    assert "imagebind_huge.pth is not ImageBind: it has no tensor modality_" in refused(folder, ConfigError)


def write_one(folder: Path, role: Role, held: dict[str, Tensor]) -> None:
    torch.save({"model": held}, folder / SOURCES[role].name)


def test_a_tensor_that_is_missing_is_named(folder: Path, tensors: Tensors) -> None:
    del tensors[Role.VISION]["blocks.1.attn.v_bias"]
    write_one(folder, Role.VISION, tensors[Role.VISION])
    assert "eva_vit_g.pth has no tensor blocks.1.attn.v_bias" in refused(folder, ConfigError)


@pytest.mark.parametrize(
    ("role", "key", "shape", "said"),
    [
        (Role.BLIP2, "ln_vision.weight", (31,), "ln_vision.weight is [31], expected [32]"),
        (Role.AUDIO, "audio_llama_proj.weight", (80, 24), "audio_llama_proj.weight is [80, 24], expected [64, 24]"),
        (Role.VIDEO, "video_frame_position_embedding.weight", (32, 25), "is [32, 25], expected [32, 24]"),
        (Role.VISION, "pos_embed", (1, 7, 32), "pos_embed is [1, 7, 32], expected [1, 5, 32]"),
        (Role.VISION, "patch_embed.proj.weight", (32,), "patch_embed.proj.weight is [32], expected 4 dimensions"),
        (Role.IMAGEBIND, "modality_heads.audio.2.weight", (21, 16), "_embedding.weight is [8, 20], expected [8, 21]"),
        (Role.BLIP2, "Qformer.bert.encoder.layer.0.crossattention.self.key.weight", (24, 33), "is [24, 33], expected"),
    ],
)
def test_a_tensor_of_another_size_is_named_with_both_shapes(
    folder: Path, tensors: Tensors, role: Role, key: str, shape: tuple[int, ...], said: str
) -> None:
    tensors[role][key] = torch.zeros(shape)
    write_one(folder, role, tensors[role])
    assert said in refused(folder, ConfigError)


def test_unusual_widths_need_the_number_of_heads(folder: Path) -> None:
    (folder / "config.json").unlink()
    said = refused(folder, ConfigError)
    assert "as no published checkpoint is" in said
    assert "config.json" in said


@pytest.mark.parametrize("text", ["{", "[1]", '{"vit": {"num_heads": 5}}', '{"vit": {"num_heads": "x"}}'])
def test_a_config_that_says_nothing_usable_is_named(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert "config.json" in refused(folder, ConfigError)


class Opener:
    """What a hostile file would have run."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return open, ("/nowhere/at/all",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_holds_code_is_not_run(folder: Path, zipped: bool) -> None:
    path = folder / SOURCES[Role.VIDEO].name
    torch.save({"model": {"video_query_tokens": Opener()}}, path, _use_new_zipfile_serialization=zipped)
    assert "VL_LLaMA_2_7B_Finetuned.pth holds code" in refused(folder, ModelUnavailable)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("write", [write_checkpoints, write_safetensors])
def test_a_file_that_is_cut_short_is_named(
    tmp_path: Path, tensors: Tensors, share: float, write: Callable[[Path, Tensors], Path]
) -> None:
    folder = write(tmp_path / "files", tensors)
    path = find_files(folder).checkpoints[Role.IMAGEBIND]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert f"{path.name} is no checkpoint or is cut short" in refused(folder, ModelUnavailable)


@pytest.mark.parametrize(
    "content",
    [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
        b"<!doctype html><title>404</title>",
        pickle.dumps([1, 2]),
        pickle.dumps({"a": 1})[:-1],
        bytes(range(256)),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(folder: Path, content: bytes) -> None:
    path = folder / SOURCES[Role.BLIP2].name
    path.write_bytes(content)
    assert path.name in refused(folder, ModelUnavailable)


def test_a_checkpoint_of_the_oldest_kind_is_read(folder: Path, made: Encoders, tensors: Tensors) -> None:
    torch.save(tensors[Role.VISION], folder / SOURCES[Role.VISION].name, _use_new_zipfile_serialization=False)
    assert_same(load(folder), made)


def test_a_checkpoint_without_tensors_by_name_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(ModelUnavailable, match="no tensors by name"):
        open_checkpoint(tmp_path / "list.pth")
    with pytest.raises(ModelUnavailable, match="cannot read"):
        open_checkpoint(tmp_path / "gone.pth")


def language(folder: Path, width: int, name: str = "llama-2-7b-chat-hf") -> Path:
    place = folder / name
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": width}))
    return place


def test_the_language_model_is_found_and_its_width_must_fit(folder: Path, made: Encoders) -> None:
    with pytest.raises(ConfigError, match="no language model in"):
        find_files(folder).language_folder()
    place = language(folder, 64)
    assert find_files(folder).language_folder() == place
    assert_same(load(folder), made)
    (place / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 5120}))
    said = refused(folder, ConfigError)
    assert "speak to a language model that is 64 wide, llama-2-7b-chat-hf is 5120" in said


def test_two_language_models_are_both_named(folder: Path) -> None:
    language(folder, 64)
    language(folder, 64, "vicuna-7b")
    assert "llama-2-7b-chat-hf and vicuna-7b" in refused(folder, ConfigError)


def test_names_tell_the_variant(folder: Path) -> None:
    language(folder, 64, "vicuna-7b")
    assert {"VL_LLaMA_2_7B_Finetuned.pth", "vicuna-7b"} <= set(find_files(folder).names)
