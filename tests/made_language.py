"""A tiny LLaMA with random numbers for Video-LLaMA's tests: as a folder, or in memory saying what it is told to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from configs.prompts import prompts
from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.language import Decoding, Language
from monitor.describers.video_llama.model import VideoLlama
from monitor.describers.video_llama.prompts import Style
from tests.made_video_llama import TINY, made_encoders

BOS, EOS = "<s>", "</s>"


@cache
def made_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and a few hundred pieces of the words that the prompts are written in."""
    return PreTrainedTokenizerFast(tokenizer_object=_backend(), bos_token=BOS, eos_token=EOS)


def endless_tokenizer() -> PreTrainedTokenizerFast:
    """The same without a mark of an end: an answer is as long as it may be."""
    return PreTrainedTokenizerFast(tokenizer_object=_backend(), bos_token=BOS)


def _backend() -> Tokenizer:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(BOS, special=True), AddedToken(EOS, special=True)],
        show_progress=False,
    )
    backend.train_from_iterator(prompts("video_llama").values(), trainer)
    return backend


def made_llama(width: int = TINY.language_width, *, seed: int = 3) -> LlamaForCausalLM:
    """Two layers of random numbers, large enough that its greedy answer depends on what it is given."""
    tokenizer = made_tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=2048,
            initializer_range=0.4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.requires_grad_(requires_grad=False)
    return model


def write_language(folder: Path, width: int = TINY.language_width) -> Path:
    """The folder of a language model, as it would be copied from somewhere."""
    made_llama(width).save_pretrained(folder)
    made_tokenizer().save_pretrained(folder)
    return folder


def made_language(
    style: Style = Style.LLAMA2, *, max_tokens: int = 16, temperature: float = 0.0, seed: int | None = None
) -> Language:
    """A language model that says something random, always the same."""
    return Language(made_llama(), made_tokenizer(), style, Decoding(max_tokens, temperature, seed))


def made_model(language: Language | None = None, *, batch: int = 4, encoders: Encoders | None = None) -> VideoLlama:
    """A whole tiny Video-LLaMA in memory."""
    return VideoLlama(encoders or made_encoders(), language or made_language(), batch=batch, digest="made")


class Says(nn.Module):
    """Takes the place of a language model's last layer: it says a text, token by token, and then the end.

    `each` is called before every token with the count of those said, in the model's thread.
    """

    def __init__(self, text: str, each: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self._each = each
        self.say(text)

    def say(self, text: str) -> None:
        """Begin anew with this text."""
        tokenizer = made_tokenizer()
        self._ids = [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]
        self._size = len(tokenizer)
        self.said = 0

    def forward(self, hidden: Tensor) -> Tensor:
        self._each(self.said)
        logits = torch.zeros(*hidden.shape[:-1], self._size)
        logits[..., self._ids[min(self.said, len(self._ids) - 1)]] = 1.0
        self.said += 1
        return logits


def saying(
    text: str,
    style: Style = Style.LLAMA2,
    *,
    max_tokens: int = 64,
    each: Callable[[int], None] = lambda _: None,
) -> tuple[Language, Says]:
    """A language model that answers with this text, and what counts its tokens."""
    model = made_llama()
    model.lm_head = says = Says(text, each)
    return Language(model, made_tokenizer(), style, Decoding(max_tokens)), says


def digesting(style: Style = Style.LLAMA2) -> Language:
    """A language model that answers with a digest of every number it was given: equal answers, equal input."""
    language, says = saying("", style, max_tokens=128)

    def hear(_: nn.Module, __: object, given: Mapping[str, Tensor | None]) -> None:
        embeds = given.get("inputs_embeds")
        if embeds is not None and embeds.shape[1] > 1:
            says.say(hashlib.sha256(embeds.numpy().tobytes()).hexdigest())

    language._model.model.register_forward_pre_hook(hear, with_kwargs=True)
    return language
