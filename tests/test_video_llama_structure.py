"""At real size the encoders have exactly the tensors of the original; at a small one they behave as their text says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monitor.describers.video_llama.checkpoint import Checkpoint
from monitor.describers.video_llama.encoders import Encoders
from monitor.describers.video_llama.files import Role
from monitor.describers.video_llama.infer import infer_sizes
from monitor.describers.video_llama.keys import UNUSED, origin, original_shapes
from monitor.describers.video_llama.sizes import REAL_7B, Sizes
from tests.made_video_llama import TINY, made_encoders

pytestmark = pytest.mark.model


def shapes(sizes: Sizes) -> dict[Role, dict[str, tuple[int, ...]]]:
    with torch.device("meta"):
        encoders = Encoders(sizes)
    return original_shapes({name: tuple(tensor.shape) for name, tensor in encoders.state_dict().items()})


def test_at_real_size_the_tensors_are_those_of_the_original(golden_dir: Path) -> None:
    listed = json.loads((golden_dir / "video_llama" / "full_size_keys.json").read_text())
    found = shapes(REAL_7B)
    for role, theirs in zip(Role, listed.values(), strict=True):
        ours = found[role] | ({UNUSED[role]: (1, 512)} if role in UNUSED else {})
        assert ours == {key: tuple(shape) for key, shape in theirs.items()}, role


def test_the_size_of_each_part_is_the_published_one() -> None:
    millions = {
        role: sum(torch.Size(shape).numel() for shape in held.values()) / 1e6 for role, held in shapes(REAL_7B).items()
    }
    assert millions[Role.VISION] == pytest.approx(986, abs=1)
    assert millions[Role.BLIP2] == pytest.approx(105.2, abs=0.1)
    assert millions[Role.VIDEO] == pytest.approx(22.10, abs=0.01)
    assert millions[Role.AUDIO] == pytest.approx(22.86, abs=0.01)
    assert millions[Role.IMAGEBIND] == pytest.approx(86.2, abs=0.1)


@pytest.mark.parametrize("language_width", [4096, 5120])
def test_the_published_sizes_are_told_by_the_shapes_alone(tmp_path: Path, language_width: int) -> None:
    wanted = replace(REAL_7B, language_width=language_width)
    assert infer_sizes(shapes_only(tmp_path, shapes(wanted))) == wanted


def test_the_layer_that_blip2_left_out_stays_out(tmp_path: Path) -> None:
    held = shapes(REAL_7B)
    held[Role.VISION] |= {
        key.replace("blocks.38.", "blocks.39."): shape
        for key, shape in held[Role.VISION].items()
        if key.startswith("blocks.38.")
    }
    assert infer_sizes(shapes_only(tmp_path, held)) == REAL_7B


def shapes_only(folder: Path, held: dict[Role, dict[str, tuple[int, ...]]]) -> dict[Role, Checkpoint]:
    def read(key: str) -> torch.Tensor:
        raise AssertionError(key)

    return {role: Checkpoint(folder / role, tensors, read) for role, tensors in held.items()}


def test_another_language_model_changes_the_last_layer_alone() -> None:
    small, large = shapes(REAL_7B), shapes(replace(REAL_7B, language_width=5120))
    differing = {(role, key) for role, held in small.items() for key in held if held[key] != large[role][key]}
    assert {key for _, key in differing} == {
        "llama_proj.weight",
        "llama_proj.bias",
        "audio_llama_proj.weight",
        "audio_llama_proj.bias",
    }


def test_a_name_that_is_none_of_ours_leads_nowhere() -> None:
    with pytest.raises(KeyError):
        origin("vision.encoder")


def test_what_each_half_gives_has_the_shape_it_names() -> None:
    encoders = made_encoders()
    frames = encoders.encode_frames(torch.randn(3, 3, encoders.image_px, encoders.image_px))
    clips = encoders.encode_clips(torch.randn(2, 1, 128, 204))
    assert frames.shape == (3, *encoders.frame_shape)
    assert clips.shape == (2, *encoders.clip_shape)
    assert encoders.video_tokens(frames).shape == (1, TINY.video_qformer.queries, encoders.language_width)
    assert encoders.audio_tokens(clips).shape == (1, TINY.audio_qformer.queries, encoders.language_width)
    assert (encoders.max_frames, encoders.max_clips) == (32, 8)
    assert (encoders.dtype, encoders.device) == (torch.float32, torch.device("cpu"))


def test_every_clip_is_twenty_long_whatever_it_holds() -> None:
    clips = made_encoders().encode_clips(torch.stack([torch.zeros(1, 128, 204), 5 * torch.randn(1, 128, 204)]))
    torch.testing.assert_close(clips.norm(dim=-1), torch.tensor([20.0, 20.0]))


def test_a_length_beyond_a_hundred_is_cut() -> None:
    encoders = made_encoders()
    encoders.audio_trunk.log_scale.data.fill_(7.0)
    torch.testing.assert_close(encoders.encode_clips(torch.randn(1, 1, 128, 204)).norm(), torch.tensor(100.0))


def test_a_frame_is_encoded_the_same_alone_and_in_a_batch() -> None:
    encoders = made_encoders()
    pixels = torch.randn(8, 3, 28, 28)
    torch.testing.assert_close(encoders.encode_frames(pixels)[3:4], encoders.encode_frames(pixels[3:4]))


def test_the_order_of_frames_and_clips_matters_only_in_the_second_half() -> None:
    encoders = made_encoders()
    frames = encoders.encode_frames(torch.randn(4, 3, 28, 28))
    clips = encoders.encode_clips(torch.randn(3, 1, 128, 204))
    assert not torch.allclose(encoders.video_tokens(frames), encoders.video_tokens(frames.flip(0)), atol=1e-3)
    assert not torch.allclose(encoders.audio_tokens(clips), encoders.audio_tokens(clips.flip(0)), atol=1e-3)


@pytest.mark.parametrize("count", [0, 33])
def test_a_window_of_no_frames_or_too_many_is_refused(count: int) -> None:
    encoders = made_encoders()
    with pytest.raises(ValueError, match=r"no frame given|33 frames given, the checkpoint has places for 32"):
        encoders.video_tokens(torch.zeros(count, *encoders.frame_shape))


@pytest.mark.parametrize("count", [0, 9])
def test_a_window_of_no_clips_or_too_many_is_refused(count: int) -> None:
    encoders = made_encoders()
    with pytest.raises(ValueError, match=r"no clip given|9 clips given, the checkpoint has places for 8"):
        encoders.audio_tokens(torch.zeros(count, *encoders.clip_shape))
