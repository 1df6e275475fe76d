"""Folders of models that cannot be used: each fault is told in one line before a session starts."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from configs.errors import ConfigError, ModelUnavailable
from configs.settings import Settings
from monitor.describers.transformers.describer import TransformersDescriber
from tests.made_models import qwen_omni

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return qwen_omni(tmp_path_factory.mktemp("tiny-omni"))


def start(folder: Path, **more: object) -> None:
    async def session() -> None:
        describer = TransformersDescriber(
            Settings.model_validate({"transformers": {"folder": str(folder), "device": "cpu", **more}})
        )
        try:
            await describer.start()
        finally:
            await describer.close()

    asyncio.run(session())


def _nowhere(folder: Path) -> None:
    shutil.rmtree(folder)


def _unknown(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "mystery"}')


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _torn_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _torn_weights(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def _lacking_weights(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _other_sizes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 64
    (folder / "config.json").write_text(json.dumps(config))


def _lost_shard(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-2-of-2.safetensors"}}')


def _no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def _no_preprocessor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        (_nowhere, ConfigError, "there is no folder"),
        (_no_config, ConfigError, "no config.json"),
        (_torn_config, ModelUnavailable, "config.json cannot be read"),
        (_unknown, ConfigError, r"type 'mystery'; known are Qwen2.5-Omni \(.*VideoLLaMA3 \(video_llama_3\)"),
        (_no_weights, ModelUnavailable, "holds no weights"),
        (_lost_shard, ModelUnavailable, "model-2-of-2.safetensors is missing"),
        (_torn_weights, ModelUnavailable, "cannot be loaded"),
        (_lacking_weights, ModelUnavailable, "lack 1 tensors"),
        (_other_sizes, ModelUnavailable, "6 tensors have another size"),
        (_no_tokenizer, ModelUnavailable, "cannot be loaded"),
        (_no_preprocessor, ModelUnavailable, "preprocessor_config.json"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(
    qwen: Path, tmp_path: Path, damage: Callable[[Path], None], error: type[Exception], says: str
) -> None:
    folder = Path(shutil.copytree(qwen, tmp_path / "model"))
    damage(folder)
    with pytest.raises(error, match=says) as caught:
        start(folder)
    assert "\n" not in str(caught.value)


def test_eight_bits_are_not_offered(qwen: Path) -> None:
    with pytest.raises(ConfigError, match="int8 is not offered"):
        start(qwen, precision="int8")
