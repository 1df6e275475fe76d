"""Video-LLaMA's encoders give what the original code gave, at every stage, from the original's own files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import Role
from monitor.describers.video_llama.loading import load_encoders
from tests.made_video_llama import Tensors, audio_stages, video_stages, write_checkpoints

pytestmark = pytest.mark.model

ATOL = 2e-5
ATOL_LONG = 5e-5
"""Of vectors that are 20 long."""
LONG = {"imagebind_feature", "audio_plus_position"}
CLIPS_OF_S8 = slice(2, 5)
FRAMES_OF_M32 = slice(5, 13)


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> Path:
    return golden_dir / "video_llama"


@pytest.fixture(scope="module")
def given(golden: Path) -> dict[str, Tensor]:
    return load_file(golden / "inputs.safetensors")


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, Tensor]:
    return load_file(golden / "expected.safetensors")


@pytest.fixture(scope="module", params=["safetensors", "pth"])
def encoders(request: pytest.FixtureRequest, golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoders:
    folder = golden
    if request.param == "pth":
        folder = write_checkpoints(tmp_path_factory.mktemp("original"), with_junk(golden))
        (folder / "config.json").write_text((golden / "config.json").read_text())
    return load_encoders(folder, dtype=torch.float32, device="cpu")


def with_junk(golden: Path) -> Tensors:
    """The golden weights with what else the published files hold."""
    tensors = {
        role: load_file(golden / f"checkpoint_{name}.safetensors")
        for role, name in zip(Role, ("eva_vit", "blip2", "vl", "al", "imagebind"), strict=True)
    }
    tensors[Role.BLIP2] |= {"t5_proj.weight": torch.randn(7, 48), "t5_proj.bias": torch.randn(7)}
    tensors[Role.VISION] |= {"norm.weight": torch.randn(64), "head.weight": torch.randn(9, 64)}
    # A layer more, as the image encoder had before BLIP-2 left it out; config.json says how many are meant.
    tensors[Role.VISION] |= {
        key.replace("blocks.2.", "blocks.3."): torch.randn_like(value)
        for key, value in tensors[Role.VISION].items()
        if key.startswith("blocks.2.")
    }
    tensors[Role.IMAGEBIND] |= {
        "modality_trunks.vision.blocks.0.norm_1.weight": torch.randn(3),
        "modality_preprocessors.text.mask": torch.full((7, 7), -torch.inf),
    }
    tensors[Role.VIDEO] |= {"llama_model.model.layers.0.self_attn.rotary_emb.inv_freq": torch.randn(4)}
    return tensors


@pytest.mark.parametrize("frames", [1, 8, 32])
def test_frames_become_the_tokens_of_the_original_at_every_stage(
    encoders: Encoders, given: dict[str, Tensor], expected: dict[str, Tensor], frames: int
) -> None:
    stages = video_stages(encoders, given[f"frames_m{frames}"][0].transpose(0, 1))
    compare(stages, expected, f"video_m{frames}", inner=frames == 1)


@pytest.mark.parametrize("clips", [1, 3, 8])
def test_clips_become_the_tokens_of_the_original_at_every_stage(
    encoders: Encoders, given: dict[str, Tensor], expected: dict[str, Tensor], clips: int
) -> None:
    stages = audio_stages(encoders, given[f"mel_s{clips}"][0])
    compare(stages, expected, f"audio_s{clips}", inner=clips == 1)
    assert stages["imagebind_feature"].norm(dim=-1).sub(20).abs().max() < 1e-5


def compare(stages: dict[str, Tensor], expected: dict[str, Tensor], prefix: str, *, inner: bool) -> None:
    """Compare each recorded stage, and see that all that should be recorded is."""
    recorded = {
        key.removeprefix(f"{prefix}."): value for key, value in expected.items() if key.startswith(f"{prefix}.")
    }
    assert len(recorded) == (len(stages) if inner else 6 if prefix.startswith("video") else 4)
    for name, value in recorded.items():
        atol = ATOL_LONG if name in LONG else ATOL
        off = float((stages[name] - value).abs().max())
        assert torch.allclose(stages[name], value, atol=atol, rtol=1e-5), f"{name} is off by {off:.1e}"


def test_what_was_kept_of_frames_serves_another_window(
    encoders: Encoders, given: dict[str, Tensor], expected: dict[str, Tensor]
) -> None:
    kept = encoders.encode_frames(given["frames_m32"][0].transpose(0, 1))
    tokens = encoders.video_tokens(kept[FRAMES_OF_M32])
    torch.testing.assert_close(tokens, expected["video_m8.llama_proj"], atol=ATOL, rtol=1e-5)
    tokens = encoders.video_tokens(kept[31:])
    torch.testing.assert_close(tokens, expected["video_m1.llama_proj"], atol=ATOL, rtol=1e-5)


def test_what_was_kept_of_clips_serves_another_window(
    encoders: Encoders, given: dict[str, Tensor], expected: dict[str, Tensor]
) -> None:
    kept = encoders.encode_clips(given["mel_s8"][0])
    tokens = encoders.audio_tokens(kept[CLIPS_OF_S8])
    torch.testing.assert_close(tokens, expected["audio_s3.audio_llama_proj"], atol=ATOL, rtol=1e-5)
    tokens = encoders.audio_tokens(kept[7:])
    torch.testing.assert_close(tokens, expected["audio_s1.audio_llama_proj"], atol=ATOL, rtol=1e-5)


def test_more_frames_than_places_are_refused_before_the_lookup(encoders: Encoders) -> None:
    frames = torch.zeros(33, *encoders.frame_shape)
    with pytest.raises(ValueError, match=r"33 frames given, the checkpoint has places for 32: .*fewer frames"):
        encoders.video_tokens(frames)
    assert encoders.video_tokens(frames[:32]).shape == (1, 8, encoders.language_width)


def test_more_clips_than_places_are_refused_before_the_lookup(encoders: Encoders) -> None:
    clips = torch.zeros(9, *encoders.clip_shape)
    with pytest.raises(ValueError, match=r"9 clips given, the checkpoint has places for 8: .*fewer clips"):
        encoders.audio_tokens(clips)
    assert encoders.audio_tokens(clips[:8]).shape == (1, 4, encoders.language_width)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float16, 5e-3), (torch.bfloat16, 3e-2)])
def test_half_precision_stays_near_the_original(
    golden: Path, given: dict[str, Tensor], expected: dict[str, Tensor], dtype: torch.dtype, limit: float
) -> None:
    half = load_encoders(golden, dtype=dtype, device="cpu")
    for frames in (1, 8, 32):
        tokens = half.video_tokens(half.encode_frames(given[f"frames_m{frames}"][0].transpose(0, 1)))
        assert tokens.dtype == dtype
        assert distance(tokens, expected[f"video_m{frames}.llama_proj"]) < limit
    for clips in (1, 3, 8):
        tokens = half.audio_tokens(half.encode_clips(given[f"mel_s{clips}"][0]))
        assert distance(tokens, expected[f"audio_s{clips}.audio_llama_proj"]) < limit


def distance(found: Tensor, wanted: Tensor) -> float:
    """Relative Frobenius error."""
    return float((found.float() - wanted).norm() / wanted.norm())


def test_the_sizes_are_those_that_the_files_were_made_with(encoders: Encoders, golden: Path) -> None:
    made = json.loads((golden / "config.json").read_text())
    sizes = encoders.sizes
    assert sizes.vision.image_px == made["vit"]["img_size"]
    assert (sizes.vision.layers, sizes.vision.heads) == (made["vit"]["depth"], made["vit"]["num_heads"])
    for mine, name in (
        (sizes.image_qformer, "image_qformer"),
        (sizes.video_qformer, "video_qformer"),
        (sizes.audio_qformer, "audio_qformer"),
    ):
        theirs = made[name]
        assert (mine.layers, mine.mlp, mine.cross_every) == (
            theirs["num_hidden_layers"],
            theirs["intermediate_size"],
            theirs["cross_attention_freq"],
        )
        assert (mine.queries, mine.input_width) == (theirs["num_query_tokens"], theirs["encoder_width"])
    assert sizes.audio.layers == made["imagebind_audio"]["num_blocks"]
    assert (sizes.max_frames, sizes.max_clips) == (made["max_frame_pos"], made["max_audio_pos"])
    assert encoders.language_width == made["llama_hidden_size"]
