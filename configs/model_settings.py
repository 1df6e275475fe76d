"""Settings of the large models: servers that describe and judge, and models that run in this process."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.section import Seconds, Section

Precision = Literal["auto", "bf16", "fp16", "fp32", "int8"]
Price = Annotated[float, Field(ge=0.0, le=1e9)]


class PricedSettings(Section):
    """A model whose tokens cost something."""

    price_in: Price | None
    price_out: Price | None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.price_in is None) != (self.price_out is None):
            msg = "price_in and price_out belong together: give both or neither"
            raise ValueError(msg)
        return self


class MllmSettings(PricedSettings):
    """The multimodal model behind a server that describes (describer `openai`)."""

    url: str | None = None
    """Address of an OpenAI-compatible server, such as http://localhost:8000/v1, or null: no server."""
    model: str | None = None
    """Name of the model as the server lists it; null takes the one it serves, if it is only one."""
    key_env: str = "EMOTION_MONITOR_MLLM_KEY"
    """Environment variable that holds the server's key; without it no key is sent."""
    key_file: str | None = None
    """File that holds the server's key instead."""
    timeout_s: Seconds = 30.0
    """Total wall time for one description, retry included (s)."""
    max_tokens: Annotated[int, Field(ge=16, le=4096)] = 96
    """Most tokens of an answer: its length is most of its cost (count)."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """Sampling temperature; left out where the server refuses it."""
    images: Annotated[int, Field(ge=1, le=512)] = 32
    """Most images sent in one request; a lower limit of the server is learned (count)."""
    audio: Literal["auto", "on", "off"] = "auto"
    """`auto` asks the server at start whether it really hears; `on` sends sound unasked; `off` sends none."""
    thinking: Literal["off", "leave"] = "off"
    """`off` asks the server to answer without thinking aloud: direct answers are better and cheaper here."""
    requests_per_hour: Annotated[int, Field(ge=0)] = 0
    """Budget of requests per hour of media time, retries and probes included (0: no limit)."""
    price_in: Price | None = None
    """Price of a million tokens that are sent, in any currency, or null: what it costs is not told."""
    price_out: Price | None = None
    """Price of a million tokens that are answered."""


class LlmSettings(PricedSettings):
    """The language model behind a server that judges (judge `openai`)."""

    url: str | None = None
    """Address of an OpenAI-compatible server; null takes `mllm.url`, and with it its model and key."""
    model: str | None = None
    """Name of the model as the server lists it; null takes the one it serves, if it is only one."""
    key_env: str = "EMOTION_MONITOR_LLM_KEY"
    """Environment variable that holds the server's key; without it no key is sent."""
    key_file: str | None = None
    """File that holds the server's key instead."""
    timeout_s: Seconds = 10.0
    """Total wall time for one verdict, retry and repair included (s)."""
    max_tokens: Annotated[int, Field(ge=16, le=4096)] = 192
    """Most tokens of an answer (count)."""
    method: Literal["auto", "decisions", "logprobs", "schema", "json", "text"] = "auto"
    """How the answer is asked for; `auto` takes the first of these that the server can do and remembers it."""
    both_orders: bool = False
    """Ask with both orders of the two labels and average: removes a preference for the first, doubles the cost."""
    samples: Annotated[int, Field(ge=1, le=25)] = 1
    """Answers drawn for one verdict; above 1 their agreement makes the probability (self-consistency) (count)."""
    requests_per_hour: Annotated[int, Field(ge=0)] = 0
    """Budget of requests per hour of media time, retries and repairs included (0: no limit)."""
    price_in: Price | None = None
    """Price of a million tokens that are sent; null takes `mllm.price_in` where the model is `mllm`'s too."""
    price_out: Price | None = None
    """Price of a million tokens that are answered; null as above."""


class VideoLlamaSettings(Section):
    """The original audio-visual Video-LLaMA, in this process (describer `video_llama`, extra `models`)."""

    folder: str | None = None
    """Folder with its files: the original checkpoints, or what `models convert` made of them."""
    prompt: Literal["auto", "llama2", "vicuna"] = "auto"
    """Prompt style; `auto` goes by the files' names."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, or `balanced`: the language model over all devices there are."""
    precision: Precision = "auto"
    """Numbers of the weights; `auto` is bf16 on a GPU that has it, else fp16, and fp32 on a CPU; `int8` quantises the
    language model (package bitsandbytes)."""
    clips: Literal["refuse", "average", "pick"] = "average"
    """What becomes of more than 8 clips in a window: an error, the mean of 8 equal bins of time scaled back to length
    20, or 8 of them. The last two deviate from the paper, which cannot have put its 210 clips into 8 places."""
    max_tokens: Annotated[int, Field(ge=16, le=1024)] = 96
    """Most new tokens of an answer (count)."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """0 takes the likeliest token every time; above, tokens are drawn (top-p 0.9), as the original does at 1."""
    alias_below: Annotated[float, Field(ge=0.0, le=1.0)] = 0.004
    """A frame whose thumbnail differs less than this (mean luma, 0-1) from the last encoded one is taken for the same;
    0 encodes every frame."""
    batch: Annotated[int, Field(ge=1, le=64)] = 8
    """Frames encoded together as they arrive (count)."""


class TransformersSettings(Section):
    """A multimodal model that the package transformers has, in this process (describer `transformers`)."""

    folder: str | None = None
    """Folder with the model (config.json, weights, tokenizer): Qwen2.5-Omni, VideoLLaMA3 and their kind."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:1`."""
    precision: Precision = "auto"
    """Numbers of the weights; `auto` is bf16 on a GPU that has it, else fp16, and fp32 on a CPU."""
    max_tokens: Annotated[int, Field(ge=16, le=1024)] = 96
    """Most new tokens of an answer (count)."""


class CassetteSettings(Section):
    """Recorded answers of models, so that a run can be repeated without them. Needs a `seed`."""

    path: str | None = None
    """File with the answers (JSON lines), or null: ask the models."""
    mode: Literal["replay", "record", "fill"] = "replay"
    """`replay` asks no model and abstains on what is not there; `record` begins anew; `fill` asks only what is
    missing and adds it."""
