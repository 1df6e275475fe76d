"""The describer against a real server: `transformers serve` with tiny random models, made here, spoken to over HTTP.

Their words mean nothing; what is shown is that the product's requests are accepted, and that what the server silently
drops is found out.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from buffers.records import AudioClip, Evidence
from configs.errors import ModelUnavailable
from configs.settings import Settings
from monitor.describers.base import Describer, Description
from monitor.describers.registry import make_describer
from tests.made_evidence import evidence, frames

pytestmark = pytest.mark.model

IMAGE = "<image>"
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}" + IMAGE + "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}assistant:"
)


@dataclass(frozen=True)
class Served:
    """A running server and the names of its two models."""

    url: str
    seeing: str
    blind: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    for package in ("transformers", "fastapi", "uvicorn", "openai"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("served")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_models(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--device", "cpu", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder / "home")},
    )
    assert process.stderr is not None
    said: list[str] = []
    # Read on to the end: a full pipe would stop the server.
    reading = threading.Thread(target=said.extend, args=(process.stderr,))
    try:
        for line in process.stderr:
            said.append(line)
            if "Uvicorn running" in line:
                break
        else:
            pytest.fail(f"the server ended: {''.join(said)}")
        reading.start()
        yield Served(f"http://127.0.0.1:{port}/v1", str(folder / "seeing"), str(folder / "blind"))
    finally:
        process.terminate()
        process.wait()
        if reading.is_alive():
            reading.join()
        process.stderr.close()


def library() -> Any:  # noqa: ANN401 - its own types do not know all of its arguments
    return importlib.import_module("transformers")


def make_models(folder: Path) -> None:
    """A LLaVA and a Llama of about 0.1 M random parameters each, with a tokenizer of single bytes."""
    hf = library()
    hf.set_seed(0)
    tokenizer = byte_tokenizer()
    text = hf.LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=16_384,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        **SMALL,
    )
    vision = hf.CLIPVisionConfig(image_size=56, patch_size=14, projection_dim=32, **SMALL)
    seeing = hf.LlavaConfig(vision_config=vision, text_config=text, image_token_id=4, vision_feature_layer=-1)
    hf.LlavaForConditionalGeneration(seeing).save_pretrained(folder / "seeing")
    hf.LlamaForCausalLM(text).save_pretrained(folder / "blind")
    tokenizer.save_pretrained(folder / "blind")
    size = {"height": 56, "width": 56}
    images = hf.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size=size)
    hf.LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder / "seeing")


def byte_tokenizer() -> Any:  # noqa: ANN401 - as `library`
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    special = ["<unk>", "<s>", "</s>", "<pad>", IMAGE]
    words = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=[], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    tokenizer = library().PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=[IMAGE],
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def describer(served: Served, model: str) -> Describer:
    return make_describer(Settings.model_validate({"mllm": {"url": served.url, "model": model, "timeout_s": 120.0}}))


def window() -> Evidence:
    """Ten coloured pictures and four clips of noise: real JPEGs, since a real server decodes them."""
    noise = np.random.default_rng(0)
    shown = [
        replace(frame, jpeg=cv2.imencode(".jpg", noise.integers(0, 255, (126, 224, 3), dtype=np.uint8))[1].tobytes())
        for frame in frames([200.0 + 3 * place for place in range(10)], list(range(10)))
    ]
    clips = [AudioClip(200.0 + 7 * place, noise.normal(0, 0.1, 32_000).astype(np.float32), 1.0) for place in range(4)]
    return evidence(shown=tuple(shown), clips=tuple(clips))


def test_a_real_server_describes_pictures_and_its_deafness_is_found_out(served: Served) -> None:
    async def go() -> tuple[tuple[str, ...], Description, str]:
        who = describer(served, served.seeing)
        try:
            return await who.start(), await who.describe(window()), who.info.notice
        finally:
            await who.close()

    notices, description, notice = asyncio.run(go())
    assert description.describer == "openai", description.note
    assert description.text
    assert description.text.isprintable()
    assert ["does not hear" in line for line in notices] == [True]
    assert "it sees, but hears nothing" in notice


def test_a_real_server_that_silently_drops_pictures_is_refused(served: Served) -> None:
    async def go() -> None:
        who = describer(served, served.blind)
        try:
            await who.start()
        finally:
            await who.close()

    with pytest.raises(ModelUnavailable, match="ignores images"):
        asyncio.run(go())


def test_a_model_that_a_real_server_does_not_have_leads_to_the_stand_in(served: Served) -> None:
    async def go() -> Description:
        who = describer(served, "nobody/nothing")
        try:
            return await who.describe(window())
        finally:
            await who.close()

    description = asyncio.run(go())
    assert description.describer == "cues"
    assert description.note is not None
    assert description.note.endswith("described by cues instead")
