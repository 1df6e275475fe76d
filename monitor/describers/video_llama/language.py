"""Video-LLaMA's language model: text and media tokens in, an answer out. A LLaMA, by the package transformers.

To be imported where the extra `models` is installed, and used from the model's own thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    LlamaForCausalLM,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils import logging as transformers_logging

from configs.errors import ConfigError, ModelUnavailable
from monitor.describers.video_llama.prompts import Media, Prompt, Style

POSITIONS: Final = 2000
"""Most positions of prompt and answer together, as in the original, whose LLaMA 1 knows 2048."""

TOP_P: Final = 0.9
"""Where tokens are drawn: the likeliest that hold this share between them, as in the original's demo."""

VICUNA_END: Final = "###"
"""What Vicuna v0 writes where a turn ends. How it splits into tokens depends on what stands before, so text is read."""

_END_TOKENS: Final = 4
"""Tokens in which the end is looked for: each new one brings at least a character, or none that matters."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is chosen: at most `max_tokens`; the likeliest tokens at `temperature` 0, else drawn by `seed`."""

    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None


class Language:
    """A LLaMA with its tokenizer."""

    def __init__(self, model: LlamaForCausalLM, tokenizer: Any, style: Style, decoding: Decoding) -> None:  # noqa: ANN401 - transformers has no one type of tokenizer
        """Take a loaded model; its own ways of generating are replaced by `decoding`."""
        self._model: Any = model.eval()
        self._tokenizer = tokenizer
        self._decoding = decoding
        self.style = style
        ends = model.generation_config.eos_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
        first_end = ends[0] if isinstance(ends, list) else ends
        drawn = decoding.temperature > 0
        # Folders of chat models bring settings of their own, such as sampling, which would be merged in.
        self._model.generation_config = GenerationConfig()
        self._generation = GenerationConfig(
            max_new_tokens=decoding.max_tokens,
            do_sample=drawn,
            **({"temperature": decoding.temperature, "top_p": TOP_P, "top_k": 0} if drawn else {}),
            eos_token_id=ends,
            pad_token_id=first_end,
            bos_token_id=tokenizer.bos_token_id,
        )

    @property
    def width(self) -> int:
        """Width of a token."""
        return int(self._model.config.hidden_size)

    @property
    def room(self) -> int:
        """Positions for a prompt, its media included."""
        return min(POSITIONS, int(self._model.config.max_position_embeddings)) - self._decoding.max_tokens

    def length(self, prompt: Prompt) -> int:
        """Positions that the texts of a prompt take."""
        return sum(len(ids) for ids in self._ids(prompt))

    @torch.inference_mode()
    def answer(self, prompt: Prompt, media: Mapping[Media, Tensor], stop: StoppingCriteriaList) -> str:
        """Generate the answer to a prompt, with `media` as [1, N, width] in its places; what `stop` ends is cut short.

        Nothing is ever cut from the prompt: see `room` and `length`.
        """
        embed = self._model.get_input_embeddings()
        texts = [embed(torch.tensor([ids], dtype=torch.long, device=embed.weight.device)) for ids in self._ids(prompt)]
        pieces = [texts[0]]
        for kind, text in zip(prompt.media, texts[1:], strict=True):
            pieces += [media[kind].to(device=text.device, dtype=text.dtype), text]
        inputs = torch.cat(pieces, dim=1)
        if self._decoding.seed is not None:
            torch.manual_seed(self._decoding.seed)
        ends = [_SaysEnd(self._tokenizer)] if self.style is Style.VICUNA else []
        ids = self._model.generate(
            inputs_embeds=inputs,
            generation_config=self._generation,
            attention_mask=torch.ones(inputs.shape[:2], dtype=torch.long, device=inputs.device),
            stopping_criteria=StoppingCriteriaList([*stop, *ends]),
        )
        return str(self._tokenizer.decode(ids[0], skip_special_tokens=True))

    def _ids(self, prompt: Prompt) -> list[list[int]]:
        """Tokens of each text; the mark of a beginning stands before the first only."""
        found = [list(self._tokenizer.encode(text, add_special_tokens=False)) for text in prompt.texts]
        if self._tokenizer.bos_token_id is not None:
            found[0].insert(0, self._tokenizer.bos_token_id)
        return found


class _SaysEnd(StoppingCriteria):
    """Ends a generation at Vicuna's mark."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - as above
        self._tokenizer = tokenizer

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: object) -> Tensor:
        del scores, kwargs
        said = [VICUNA_END in self._tokenizer.decode(row[-_END_TOKENS:]) for row in input_ids]
        return torch.tensor(said, dtype=torch.bool, device=input_ids.device)


def load_language(
    folder: Path,
    style: Style,
    decoding: Decoding,
    *,
    dtype: torch.dtype,
    device: torch.device,
    spread: bool,
    int8: bool,
) -> Language:
    """Load a LLaMA and its tokenizer from a folder; nothing is fetched.

    Args:
        folder: config.json, weights and tokenizer.
        style: how turns are written.
        decoding: how answers are chosen.
        dtype: numbers of the weights.
        device: where to put them.
        spread: over all GPUs instead (package accelerate).
        int8: quantise them to 8 bits (packages accelerate and bitsandbytes).

    Raises:
        ConfigError: it is no LLaMA, or what is asked for does not go on this device.
        ModelUnavailable: a file is missing or damaged, or a package is not installed.
    """
    _check_kind(folder)
    _check_packages(device, spread=spread, int8=int8)
    transformers_logging.disable_progress_bar()
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "output_loading_info": True}
    if spread or int8:
        options["device_map"] = "balanced" if spread else {"": device}
    if int8:
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    load: Any = LlamaForCausalLM.from_pretrained
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelUnavailable(
            f"the tokenizer in {folder} cannot be loaded ({_first_line(error)}): put the tokenizer.json of "
            "the language model there"
        ) from error
    try:
        model, found = load(folder, **options)
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(
            f"the language model in {folder} cannot be loaded ({_first_line(error)}): copy it again"
        ) from error
    # transformers fills what is missing with random numbers and goes on.
    if missing := sorted(found["missing_keys"]):
        raise ModelUnavailable(f"the language model in {folder} is incomplete: {missing[0]} is missing; copy it again")
    return Language(model if spread or int8 else model.to(device), tokenizer, style, decoding)


def _check_kind(folder: Path) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelUnavailable(f"{folder / 'config.json'} cannot be read: copy the language model again") from error
    if kind != "llama":
        raise ConfigError(
            f"{folder} holds a {kind} model, and Video-LLaMA was trained with LLaMA: put Llama-2-7b-chat-hf or the "
            "checkpoints' Vicuna there"
        )


def _check_packages(device: torch.device, *, spread: bool, int8: bool) -> None:
    if int8 and device.type != "cuda":
        raise ConfigError("video_llama.precision is int8, which needs a CUDA GPU: set it to auto")
    wanted = {"accelerate": spread or int8, "bitsandbytes": int8}
    for package, is_wanted in wanted.items():
        if is_wanted and find_spec(package) is None:
            setting = "video_llama.precision int8" if int8 else "video_llama.device balanced"
            raise ModelUnavailable(f"{setting} needs the package {package}: pip install {package}")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
