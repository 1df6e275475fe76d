"""Tensors made without torchvision are those the library itself makes, wherever it can make them here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from configs.errors import ModelUnavailable
from monitor.describers.transformers.families import LLAMA3_VIDEOS, QWEN_IMAGES
from monitor.describers.transformers.pixels import (
    decode,
    fitted,
    image_patches,
    kept_tokens,
    read_rules,
    video_patches,
)
from monitor.describers.transformers.sound import features, load_extractor, sound_tokens
from tests.made_models import qwen_omni
from tests.made_shown import heard_clips, jpeg

pytestmark = pytest.mark.model


def images(*sizes: tuple[int, int]) -> list[NDArray[np.uint8]]:
    return decode([jpeg(place, width_px=width, height_px=height) for place, (height, width) in enumerate(sizes)])


def test_patches_equal_those_of_the_librarys_image_processor_where_nothing_is_resized() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    shown = images((84, 112), (252, 448), (140, 140))
    theirs = Qwen2VLImageProcessorPil()(shown, return_tensors="pt")
    patches, grids = image_patches(shown, QWEN_IMAGES)
    assert torch.equal(grids, theirs["image_grid_thw"])
    torch.testing.assert_close(patches, theirs["pixel_values"], atol=1e-5, rtol=0)


def test_resized_images_differ_from_pillows_by_a_rounding_only() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    shown = images((250, 447), (33, 50), (300, 120))
    theirs = Qwen2VLImageProcessorPil()(shown, return_tensors="pt")
    patches, grids = image_patches(shown, QWEN_IMAGES)
    assert torch.equal(grids, theirs["image_grid_thw"])
    levels = (patches - theirs["pixel_values"]).abs() * 0.27 * 255
    assert levels.max() <= 2.5
    assert levels.mean() < 0.2


def test_a_video_is_its_frames_as_images_with_their_share_of_the_budget() -> None:
    from transformers.models.video_llama_3.image_processing_pil_video_llama_3 import VideoLlama3ImageProcessorPil

    rules = replace(LLAMA3_VIDEOS, least_px=28 * 28, most_px=4 * 112 * 84)
    shown = images(*[(84, 112)] * 4)
    share = {"shortest_edge": 28 * 28, "longest_edge": 112 * 84}
    theirs = VideoLlama3ImageProcessorPil(size=share, merge_size=2)(shown, return_tensors="pt")
    patches, grid = video_patches(shown, rules)
    assert grid.tolist() == [[4, 6, 8]]
    torch.testing.assert_close(patches, theirs["pixel_values"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("height_px", "width_px", "most_px"), [(252, 448, 10**6), (10, 10, 10**6), (1080, 1920, 10**5), (30, 500, 20_000)]
)
def test_sizes_are_those_of_the_library(height_px: int, width_px: int, most_px: int) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    theirs = smart_resize(height_px, width_px, 28, QWEN_IMAGES.least_px, most_px)
    assert fitted(height_px, width_px, QWEN_IMAGES, most_px) == theirs


def test_frames_of_several_sizes_become_one_video() -> None:
    patches, grid = video_patches(images((84, 112), (112, 84)), LLAMA3_VIDEOS)
    assert len(patches) == grid.prod()


def test_of_a_still_scene_one_token_of_each_frame_is_kept() -> None:
    shown = images((84, 112)) * 3
    patches, grid = video_patches(shown, LLAMA3_VIDEOS)
    per_frame = int(grid[0, 1] * grid[0, 2]) // 4
    assert kept_tokens(patches, grid, LLAMA3_VIDEOS).sum(dim=1).tolist() == [per_frame, 1, 1]
    assert bool(kept_tokens(patches, grid, replace(LLAMA3_VIDEOS, drop_still=False)).all())


def test_of_a_change_in_one_corner_that_corner_is_kept() -> None:
    shown = images((84, 112)) * 2
    shown[1] = shown[1].copy()
    shown[1][:20, :20] = 0
    rules = replace(LLAMA3_VIDEOS, most_px=2 * 84 * 112, least_px=28 * 28)
    patches, grid = video_patches(shown, rules)
    assert kept_tokens(patches, grid, rules)[1].nonzero().tolist() == [[0]]


def test_clips_sound_as_the_library_makes_them_of_five_minutes_of_padding(tmp_path: Path) -> None:
    extractor = load_extractor(qwen_omni(tmp_path))
    clips = heard_clips([0.0, 2.0])
    mels, heard = features(extractor, clips)
    theirs = extractor(
        [clip.samples for clip in clips],
        sampling_rate=16_000,
        padding="max_length",
        return_attention_mask=True,
        return_tensors="pt",
    )
    assert mels.shape == (2, 16, 200)
    assert heard.sum(dim=1).tolist() == theirs["attention_mask"].sum(dim=1).tolist() == [200, 200]
    torch.testing.assert_close(mels, theirs["input_features"][:, :, :200], atol=1e-5, rtol=0)


def test_two_seconds_are_fifty_tokens() -> None:
    assert sound_tokens(200) == 50


def test_rules_come_from_the_folder_whatever_file_they_are_in(tmp_path: Path) -> None:
    write = {"preprocessor_config.json": {"min_pixels": 5000, "max_pixels": 70_000, "image_mean": [0.1, 0.2, 0.3]}}
    write["processor_config.json"] = {"image_processor": {"size": {"longest_edge": 60_000}, "max_pixels": 60_000}}
    for name, settings in write.items():
        (tmp_path / name).write_text(json.dumps(settings))
    rules = read_rules(tmp_path, "image", QWEN_IMAGES)
    assert (rules.least_px, rules.most_px, rules.mean) == (5000, 60_000, (0.1, 0.2, 0.3))


@pytest.mark.parametrize("text", ["{", "[]", '{"patch_size": -1}', '{"image_mean": [1]}', '{"image_std": [0, 1, 1]}'])
def test_damaged_rules_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ModelUnavailable, match=tmp_path.name):
        read_rules(tmp_path, "image", QWEN_IMAGES)


def test_what_is_no_jpeg_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="no readable JPEG"):
        decode([b"not an image"])
