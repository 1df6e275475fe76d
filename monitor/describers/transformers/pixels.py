"""From JPEGs to the patches that Qwen's and VideoLLaMA3's vision encoders take, without torchvision or Pillow.

Both families share one scheme (the `smart_resize` of Qwen2-VL): an image is stretched to the nearest multiple of a
patch block within a budget of pixels, normalised, and cut into patches in the order in which blocks are merged.
Resizing is PyTorch's bicubic with antialiasing on bytes, which is what the library does through torchvision; through
Pillow it differs by a rounding.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from configs.errors import ModelUnavailable
from monitor.describers.shown import decoded

Images = Sequence[NDArray[np.uint8]]
"""Images uint8[H, W, 3] RGB."""

KEPT_ABOVE: Final = 0.1
"""Least change of a block of pixels, of 255, for which VideoLLaMA3 keeps its token (its video processor's value)."""


@dataclass(frozen=True, slots=True)
class PixelRules:
    """How one model wants its images: sizes in pixels, budgets in pixels per image or per video."""

    patch_px: int
    merge: int
    temporal: int
    least_px: int
    most_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    drop_still: bool = False
    """Whether tokens of blocks that did not change since the frame before are left out (videos only)."""

    @property
    def block_px(self) -> int:
        """Side of the square that becomes one token."""
        return self.patch_px * self.merge


def read_rules(folder: Path, kind: str, usual: PixelRules) -> PixelRules:
    """The rules in a model's folder for `kind` (`image` or `video`); `usual` holds for what is not written there.

    Raises:
        ModelUnavailable: a file of settings in the folder is damaged.
    """
    found: dict[str, Any] = {}
    names = ["preprocessor_config.json", *(["video_preprocessor_config.json"] if kind == "video" else [])]
    for name in names:
        found = _read_json(folder / name) or found
    found = {**found, **_read_json(folder / "processor_config.json").get(f"{kind}_processor", {})}
    try:
        return _rules(found, usual)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelUnavailable(f"the preprocessor settings in {folder} cannot be used: {error}") from None


def decode(jpegs: Sequence[bytes]) -> list[NDArray[np.uint8]]:
    """RGB images of stored frames. Raises `ModelUnavailable` for one that is no image."""
    images = []
    for jpeg in jpegs:
        image = decoded(jpeg)
        if image is None:
            raise ModelUnavailable("a stored frame is no readable JPEG")
        images.append(image)
    return images


def fitted(height_px: int, width_px: int, rules: PixelRules, most_px: int) -> tuple[int, int]:
    """Height and width (px) to stretch an image to: multiples of a block, about its shape, within the budget."""
    block = rules.block_px
    height, width = (max(block, round(side / block) * block) for side in (height_px, width_px))
    if height * width > most_px:
        shrink = math.sqrt(height_px * width_px / most_px)
        height, width = (max(block, math.floor(side / shrink / block) * block) for side in (height_px, width_px))
    elif height * width < rules.least_px:
        grow = math.sqrt(rules.least_px / (height_px * width_px))
        height, width = (math.ceil(side * grow / block) * block for side in (height_px, width_px))
    return height, width


def image_patches(images: Images, rules: PixelRules) -> tuple[torch.Tensor, torch.Tensor]:
    """Every image by itself: patches float32[N, 3 * temporal * patch * patch] and grids int64[M, 3] (1, rows, columns).

    A model whose patches span several frames gets each image repeated so often.
    """
    cut = [_patches(image, fitted(image.shape[0], image.shape[1], rules, rules.most_px), rules) for image in images]
    grids = torch.tensor([[1, rows, columns] for _, rows, columns in cut])
    return torch.cat([patches for patches, _, _ in cut]), grids


def video_patches(images: Images, rules: PixelRules) -> tuple[torch.Tensor, torch.Tensor]:
    """All images as one video: patches float32[N, 3 * patch * patch] and its grid int64[1, 3] (frames, rows, columns).

    The budget of pixels is shared among the frames; all are stretched to the size that the first one gets.
    """
    height, width = images[0].shape[:2]
    size = fitted(height, width, rules, max(1, rules.most_px // len(images)))
    cut = [_patches(image, size, rules) for image in images]
    return torch.cat([patches for patches, _, _ in cut]), torch.tensor([[len(cut), cut[0][1], cut[0][2]]])


def kept_tokens(patches: torch.Tensor, grid: torch.Tensor, rules: PixelRules) -> torch.Tensor:
    """Which tokens of a video are kept, bool[frames, tokens of a frame]: those that changed, and one of each frame."""
    frames, rows, columns = (int(side) for side in grid[0])
    per_frame = rows * columns // rules.merge**2
    kept = torch.ones((frames, per_frame), dtype=torch.bool)
    if rules.drop_still and frames > 1:
        blocks = patches.view(frames, per_frame, -1)
        kept[1:] = (blocks[1:] - blocks[:-1]).abs().mean(dim=-1) * 255 > KEPT_ABOVE
        kept[kept.sum(dim=1) == 0, 0] = True
    return kept


def _patches(image: NDArray[np.uint8], size: tuple[int, int], rules: PixelRules) -> tuple[torch.Tensor, int, int]:
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    if pixels.shape[-2:] != size:
        pixels = torch.nn.functional.interpolate(pixels, size=size, mode="bicubic", antialias=True)
    mean, std = (torch.tensor(values)[:, None, None] for values in (rules.mean, rules.std))
    planes = (pixels[0].float() / 255 - mean) / std
    rows, columns = size[0] // rules.patch_px, size[1] // rules.patch_px
    blocks = planes.reshape(
        3, rows // rules.merge, rules.merge, rules.patch_px, columns // rules.merge, rules.merge, rules.patch_px
    )
    # by block, then by patch inside the block, so that the patches that become one token lie together
    ordered = blocks.permute(1, 4, 2, 5, 0, 3, 6).reshape(rows * columns, 3, 1, rules.patch_px, rules.patch_px)
    return ordered.expand(-1, -1, rules.temporal, -1, -1).reshape(rows * columns, -1), rows, columns


def _rules(found: Mapping[str, Any], usual: PixelRules) -> PixelRules:
    size = found.get("size") or {}
    red, green, blue = found.get("image_mean") or usual.mean
    red_spread, green_spread, blue_spread = found.get("image_std") or usual.std
    rules = replace(
        usual,
        patch_px=int(found.get("patch_size") or usual.patch_px),
        merge=int(found.get("merge_size") or usual.merge),
        temporal=int(found.get("temporal_patch_size") or usual.temporal),
        least_px=int(found.get("min_pixels") or size.get("shortest_edge") or usual.least_px),
        most_px=int(found.get("max_pixels") or size.get("longest_edge") or usual.most_px),
        mean=(float(red), float(green), float(blue)),
        std=(float(red_spread), float(green_spread), float(blue_spread)),
        drop_still=bool(found.get("use_token_compression", usual.drop_still)),
    )
    if min(rules.patch_px, rules.merge, rules.temporal, rules.least_px, rules.most_px, *rules.std) <= 0:
        raise ValueError("a size or a spread is not above 0")
    return rules


def _read_json(path: Path) -> dict[str, Any]:
    """A file of settings, empty where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ModelUnavailable(f"{path} cannot be read: it is no table of settings")
    return found
