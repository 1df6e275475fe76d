"""`models convert`: the converted folder is the same model, complete or absent, and tells where it came from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import cli
from configs.errors import ConfigError, ModelUnavailable
from monitor.describers.video_llama.convert import convert
from monitor.describers.video_llama.files import CONVERTED, METADATA, SOURCES, Role, find_files, read_metadata
from monitor.describers.video_llama.loading import load_encoders
from tests.made_video_llama import made_encoders, original_tensors, without_key_bias, write_checkpoints

pytestmark = pytest.mark.model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_checkpoints(tmp_path / "files", original_tensors(without_key_bias(made_encoders())))
    place = folder / "llama-2-7b-chat-hf"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 64}))
    (place / "model.safetensors").write_bytes(bytes(1000))
    (place / "tokenizer.model").write_bytes(b"words")
    return folder


def quiet(_: str) -> None:
    """Take a line and say nothing."""


def assert_nothing_left(parent: Path) -> None:
    assert [path.name for path in parent.iterdir()] == ["files"]


def test_the_converted_folder_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    said: list[str] = []
    convert(folder, out, report=said.append)
    before = load_encoders(folder, dtype=torch.float32, device="cpu")
    after = load_encoders(out, dtype=torch.float32, device="cpu")
    assert after.sizes == before.sizes
    for name, tensor in before.state_dict().items():
        assert torch.equal(tensor, after.state_dict()[name]), name
    assert said[-1] == f"{out} is complete: set video_llama.folder to it"
    assert sorted(path.name for path in out.iterdir()) == ["LICENCES.txt", CONVERTED, "llama-2-7b-chat-hf"]


def test_only_what_is_used_is_taken(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "one", report=quiet)
    with safe_open(tmp_path / "one" / CONVERTED, framework="pt") as file:
        keys = set(file.keys())
    assert "video/llama_proj.weight" in keys
    assert not any("position_ids" in key or "optimizer" in key for key in keys)


def test_it_says_where_it_came_from_and_under_which_licences(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    convert(folder, out, report=quiet)
    metadata = read_metadata(out / CONVERTED)
    path = folder / SOURCES[Role.VIDEO].name
    assert metadata["sources"][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(metadata["sources"]) == len(Role)
    for licences in (metadata["licence"], (out / "LICENCES.txt").read_text()):
        assert "non-commercial" in licences
        assert "CC BY-NC-SA 4.0" in licences
    assert {path.name, "llama-2-7b-chat-hf"} <= set(find_files(out).names)


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        convert(folder, tmp_path / name, report=quiet)
    assert (tmp_path / "one" / CONVERTED).read_bytes() == (tmp_path / "two" / CONVERTED).read_bytes()


def test_numbers_in_16_bits_take_half_the_space(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "one", report=quiet)
    convert(folder, tmp_path / "half", half=True, report=quiet)
    whole = load_file(tmp_path / "one" / CONVERTED)
    half = load_file(tmp_path / "half" / CONVERTED)
    assert {tensor.dtype for tensor in half.values()} == {torch.float16}
    assert sum(tensor.nbytes for tensor in half.values()) * 2 == sum(tensor.nbytes for tensor in whole.values())
    assert read_metadata(tmp_path / "half" / CONVERTED)["precision"] == "float16"
    assert load_encoders(tmp_path / "half", dtype=torch.float16, device="cpu").dtype == torch.float16


def test_a_number_too_large_for_16_bits_is_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / SOURCES[Role.VISION].name
    held = torch.load(path, weights_only=True)
    held["cls_token"][..., 0] = 1e6
    torch.save(held, path)
    with pytest.raises(ConfigError, match="cls_token does not fit into 16 bits: convert without --fp16"):
        convert(folder, tmp_path / "half", half=True, report=quiet)
    assert_nothing_left(tmp_path)


def test_the_language_model_is_copied_or_linked_as_asked(folder: Path, tmp_path: Path) -> None:
    (folder / "llama-2-7b-chat-hf" / "pytorch_model.bin").write_bytes(b"the same weights again")
    convert(folder, tmp_path / "copied", report=quiet)
    convert(folder, tmp_path / "linked", link=True, report=quiet)
    copied, linked = (find_files(tmp_path / name).language_folder() for name in ("copied", "linked"))
    assert not copied.is_symlink()
    assert sorted(path.name for path in copied.iterdir()) == ["config.json", "model.safetensors", "tokenizer.model"]
    assert linked.resolve() == (folder / "llama-2-7b-chat-hf").resolve()


def test_a_language_model_among_the_checkpoints_is_copied_without_them(folder: Path, tmp_path: Path) -> None:
    inner = folder / "llama-2-7b-chat-hf"
    for path in inner.iterdir():
        if path.name != "config.json":
            path.rename(folder / path.name)
    both = json.loads((folder / "config.json").read_text()) | json.loads((inner / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(both))
    (inner / "config.json").unlink()
    inner.rmdir()
    convert(folder, tmp_path / "one", report=quiet)
    copied = sorted(path.name for path in (tmp_path / "one" / "language").iterdir())
    assert copied == ["config.json", "model.safetensors", "tokenizer.model"]


def test_without_a_language_model_the_encoders_are_converted_and_it_is_said(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "llama-2-7b-chat-hf").iterdir():
        path.unlink()
    said: list[str] = []
    convert(folder, tmp_path / "one", report=said.append)
    assert any("no language model" in line for line in said)
    assert find_files(tmp_path / "one").language is None


def test_what_is_there_is_never_written_over(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    out.mkdir()
    with pytest.raises(ConfigError, match="already there"):
        convert(folder, out, report=quiet)
    with pytest.raises(ConfigError, match="make it first"):
        convert(folder, tmp_path / "gone" / "one", report=quiet)


def test_a_converted_folder_is_not_converted_again(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "one", report=quiet)
    with pytest.raises(ConfigError, match="is converted already"):
        convert(tmp_path / "one", tmp_path / "two", report=quiet)


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=64 * 2**20 + 1000))
    with pytest.raises(ConfigError, match=r"free, 67\.\d MB are needed: name another disk"):
        convert(folder, tmp_path / "one", report=quiet)
    assert_nothing_left(tmp_path)


def test_nothing_is_left_of_a_conversion_that_fails_or_is_stopped(folder: Path, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        if "copying" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(folder, tmp_path / "one", report=stop)
    assert_nothing_left(tmp_path)

    def vanish(line: str) -> None:
        if "tokenizer.model" in line:
            (folder / "llama-2-7b-chat-hf" / "tokenizer.model").unlink()

    with pytest.raises(ModelUnavailable, match="cannot write"):
        convert(folder, tmp_path / "one", report=vanish)
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"format": "2"}, "was written in format 2, this version reads 1"),
        ({}, "was written in format unknown"),
        ({"format": "1"}, "does not say its sizes"),
        ({"format": "1", "sizes": {}}, "does not say its sizes"),
    ],
)
def test_a_converted_file_of_another_format_is_named(tmp_path: Path, metadata: dict[str, object], said: str) -> None:
    save_file({"vision/cls_token": torch.zeros(1)}, tmp_path / CONVERTED, {METADATA: json.dumps(metadata)})
    with pytest.raises(ConfigError, match=said):
        load_encoders(tmp_path, dtype=torch.float32, device="cpu")


def test_a_converted_file_that_lacks_a_tensor_or_its_end_is_named(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    convert(folder, out, report=quiet)
    path = out / CONVERTED
    metadata, tensors, whole = {METADATA: json.dumps(read_metadata(path))}, load_file(path), path.read_bytes()
    del tensors["audio/audio_query_tokens"]
    save_file(tensors, path, metadata)
    with pytest.raises(ConfigError, match="has no tensor audio_query_tokens"):
        load_encoders(out, dtype=torch.float32, device="cpu")
    path.write_bytes(whole[:-10])
    with pytest.raises(ModelUnavailable, match="cut short"):
        load_encoders(out, dtype=torch.float32, device="cpu")
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(ModelUnavailable, match="no safetensors file"):
        read_metadata(path)
    with pytest.raises(ModelUnavailable, match="cannot read"):
        read_metadata(out / "gone")


def test_the_command_converts_and_shows_the_licence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["models", "convert", str(folder), str(tmp_path / "one"), "--fp16", "--link"]
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    assert "non-commercial" in shown.splitlines()[0]
    assert "is complete" in shown
    assert cli.main(command) == 2
    assert "already there" in capsys.readouterr().err


def test_the_golden_weights_survive_conversion(golden_dir: Path, tmp_path: Path) -> None:
    golden = golden_dir / "video_llama"
    convert(golden, tmp_path / "one", report=quiet)
    expected = load_file(golden / "expected.safetensors")["video_m8.llama_proj"]
    pixels = load_file(golden / "inputs.safetensors")["frames_m8"][0].transpose(0, 1)
    encoders = load_encoders(tmp_path / "one", dtype=torch.float32, device="cpu")
    torch.testing.assert_close(encoders.video_tokens(encoders.encode_frames(pixels)), expected, atol=2e-5, rtol=1e-5)
