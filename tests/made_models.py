"""Tiny multimodal models with random weights, saved as whole folders: they prove the plumbing and understand nothing.

Every builder writes what a real folder has (config, safetensors, tokenizer, preprocessor settings), some 0.2 million
parameters in all, so that the very loading code that reads gigabytes reads these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Qwen2_5OmniProcessor

LINE_END: Final = sorted(ByteLevel.alphabet()).index("\u010a")
"""The id of the byte 10: ByteLevel writes it as the letter U+010A."""

FIRST_SPECIAL: Final = 256
"""The id after the 256 bytes that make up the tiny vocabulary."""

QWEN_SPECIAL: Final = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|AUDIO|>",
    "<|audio_bos|>",
    "<|audio_eos|>",
    "<|vision_bos|>",
    "<|vision_eos|>",
    "<|IMAGE|>",
    "<|VIDEO|>",
)
"""Special tokens of Qwen2.5-Omni, in any order."""

LLAMA3_SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
"""Special tokens of the tiny VideoLLaMA3."""

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>"
    "{% elif part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A template of the usual shape: turns between markers, media where they stand."""


@dataclass(frozen=True)
class Special:
    """Ids of special tokens by their text."""

    texts: tuple[str, ...]

    def __getitem__(self, text: str) -> int:
        return FIRST_SPECIAL + self.texts.index(text)

    @property
    def size(self) -> int:
        """Tokens in the whole vocabulary."""
        return FIRST_SPECIAL + len(self.texts)


def qwen_omni(
    folder: Path, *, template: str | None = CHAT_TEMPLATE, whole: bool = False, seed: int = 0, padded_s: int = 300
) -> Path:
    """A Qwen2.5-Omni thinker; `whole` lays it out as the published folder of the whole model does.

    `padded_s` is the length to which the library's own processor pads every clip (s), to cut it off again.
    """
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    special = Special(QWEN_SPECIAL)
    config = Qwen2_5OmniThinkerConfig(
        text_config=_qwen_text(special),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        audio_config={
            "num_mel_bins": 16,
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "d_model": 16,
            "output_dim": 32,
        },
        audio_token_index=special["<|AUDIO|>"],
        image_token_index=special["<|IMAGE|>"],
        video_token_index=special["<|VIDEO|>"],
        audio_start_token_id=special["<|audio_bos|>"],
        audio_end_token_id=special["<|audio_eos|>"],
    )
    config.vision_start_token_id, config.vision_end_token_id = special["<|vision_bos|>"], special["<|vision_eos|>"]
    torch.manual_seed(seed)
    model = Qwen2_5OmniThinkerForConditionalGeneration(config).eval()
    _end_at(model, special)
    model.save_pretrained(folder)
    _tokenizer(folder, special, template, named=True)
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "Qwen2VLImageProcessor",
            "feature_extractor_type": "WhisperFeatureExtractor",
            "processor_class": "Qwen2_5OmniProcessor",
            "min_pixels": 3136,
            "max_pixels": 12845056,
            "patch_size": 14,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "feature_size": 16,
            "sampling_rate": 16000,
            "hop_length": 160,
            "n_fft": 400,
            "chunk_length": padded_s,
        },
    )
    if whole:
        _as_whole(folder)
    return folder


def video_llama3(folder: Path, *, template: str | None = CHAT_TEMPLATE, seed: int = 0) -> Path:
    """A VideoLLaMA3: vision only."""
    from transformers import VideoLlama3Config, VideoLlama3ForConditionalGeneration

    special = Special(LLAMA3_SPECIAL)
    config = VideoLlama3Config(
        text_config=_text(special, model_type="qwen2"),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 14,
        },
        image_token_id=special["<image>"],
        video_token_id=special["<video>"],
    )
    torch.manual_seed(seed)
    model = VideoLlama3ForConditionalGeneration(config).eval()
    _end_at(model, special)
    model.save_pretrained(folder)
    _tokenizer(folder, special, template)
    _write(
        folder / "video_preprocessor_config.json",
        {
            "video_processor_type": "VideoLlama3VideoProcessor",
            "size": {"shortest_edge": 28 * 28 * 4, "longest_edge": 28 * 28 * 256},
            "patch_size": 14,
            "temporal_patch_size": 1,
            "merge_size": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
    )
    return folder


def llava(folder: Path, *, seed: int = 0) -> Path:
    """A LLaVA for a server: CLIP and LLaMA, images only."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    special = Special(("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"))
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
        ),
        text_config=LlamaConfig(**_text(special)),
        image_token_index=special["<image>"],
        vision_feature_layer=-1,
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(config).eval()
    _end_at(model, special)
    model.save_pretrained(folder)
    template = CHAT_TEMPLATE.replace("<|vision_bos|><|IMAGE|><|vision_eos|>", "<image>").replace(
        "<|audio_bos|><|AUDIO|><|audio_eos|>", ""
    )
    _tokenizer(folder, special, template)
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "size": {"shortest_edge": 56},
            "crop_size": {"height": 56, "width": 56},
        },
    )
    _write(
        folder / "processor_config.json",
        {
            "processor_class": "LlavaProcessor",
            "image_token": "<image>",
            "patch_size": 14,
            "num_additional_image_tokens": 1,
            "vision_feature_select_strategy": "default",
        },
    )
    return folder


def llama(folder: Path, *, seed: int = 0) -> Path:
    """A language model for a server that judges: text only, and nonsense as its answer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    special = Special(("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**_text(special))).eval()
    _end_at(model, special)
    model.save_pretrained(folder)
    _tokenizer(folder, special, CHAT_TEMPLATE)
    return folder


def parrot(folder: Path, says: Sequence[str]) -> Path:
    """A language model that answers everything with the same pieces of text: each is a token that calls the next.

    Its layers add nothing, so what comes next hangs on the last token alone, and a prompt ends with a line end.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    special = Special(("<|endoftext|>", "<|im_start|>", "<|im_end|>", *says))
    config = LlamaConfig(**_text(special))
    model = LlamaForCausalLM(config).eval()
    _end_at(model, special)
    chain = [LINE_END, *(special[piece] for piece in says), special["<|im_end|>"]]
    assert len(chain) < config.hidden_size
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedded, called = model.model.embed_tokens.weight, model.lm_head.weight
        embedded.zero_()
        called.zero_()
        embedded[:, -1] = 1.0
        for place, (token, following) in enumerate(pairwise(chain)):
            embedded[token] = 0.0
            embedded[token, place] = 1.0
            called[following, place] = 1.0
    model.save_pretrained(folder)
    _tokenizer(folder, special, CHAT_TEMPLATE, plain=says)
    return folder


def qwen_processor(folder: Path) -> Qwen2_5OmniProcessor:
    """The library's own processor of a saved Qwen2.5-Omni but for videos, which it makes with torchvision only."""
    from transformers import AutoTokenizer, Qwen2_5OmniProcessor, WhisperFeatureExtractor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    class WithoutVideo(Qwen2_5OmniProcessor):
        def check_argument_for_proper_class(self, argument_name: str, argument: object) -> None:
            """Any will do: the check itself needs torchvision."""

    tokenizer = AutoTokenizer.from_pretrained(folder)
    made: Callable[..., Qwen2_5OmniProcessor] = WithoutVideo
    return made(
        image_processor=Qwen2VLImageProcessorPil.from_pretrained(folder),
        feature_extractor=WhisperFeatureExtractor.from_pretrained(folder),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )


def _text(special: Special, **more: object) -> dict[str, Any]:
    """Settings of a tiny language model."""
    return {
        "vocab_size": special.size,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8192,
        "bos_token_id": None,
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
        **more,
    }


def _qwen_text(special: Special) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    return _text(special, tie_word_embeddings=False, rope_parameters=rope)


def _end_at(model: PreTrainedModel, special: Special) -> None:
    model.generation_config.eos_token_id = special["<|im_end|>"]
    model.generation_config.pad_token_id = special["<|endoftext|>"]
    model.generation_config.bos_token_id = None


def _tokenizer(
    folder: Path, special: Special, template: str | None, *, named: bool = False, plain: Sequence[str] = ()
) -> None:
    """A byte tokenizer: every byte is a token, after them the special ones.

    `named` adds Qwen's names for some, `plain` are tokens that are written out like any word.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    for text in special.texts:
        backend.add_tokens([AddedToken(text, special=text not in plain, normalized=False)])
    names = (
        {
            "image_token": "<|IMAGE|>",
            "audio_token": "<|AUDIO|>",
            "video_token": "<|VIDEO|>",
            "vision_bos_token": "<|vision_bos|>",
            "vision_eos_token": "<|vision_eos|>",
            "audio_bos_token": "<|audio_bos|>",
            "audio_eos_token": "<|audio_eos|>",
        }
        if named
        else {}
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        **({"extra_special_tokens": names} if names else {}),
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def _as_whole(folder: Path) -> None:
    """Rename a saved thinker's tensors and settings to those of the published whole model, with a scrap of a talker."""
    tensors = load_file(folder / "model.safetensors")
    published = {
        "thinker."
        + name.replace("model.language_model.", "model.")
        .replace("model.visual.", "visual.")
        .replace("model.audio_tower.", "audio_tower."): tensor
        for name, tensor in tensors.items()
    }
    published["talker.model.norm.weight"] = torch.ones(4)
    save_file(published, folder / "model.safetensors", metadata={"format": "pt"})
    thinker = json.loads((folder / "config.json").read_text())
    _write(
        folder / "config.json",
        {
            "architectures": ["Qwen2_5OmniForConditionalGeneration"],
            "model_type": "qwen2_5_omni",
            "thinker_config": thinker,
        },
    )


def _write(path: Path, settings: dict[str, Any]) -> None:
    path.write_text(json.dumps(settings, indent=2))
