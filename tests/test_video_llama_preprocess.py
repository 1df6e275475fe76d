"""Pixels and spectrograms are those that the original's loaders make, within what their own rounding allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from monitor.describers.video_llama.kaldi import log_mel
from monitor.describers.video_llama.preprocess import IMAGE_MEAN, IMAGE_STD, clips_to_mel, frames_to_pixels

pytestmark = pytest.mark.model

ATOL = 3e-4
ATOL_CHIRP = 3e-3
"""The bins that a pure tone leaves empty are noise of the original's 32-bit transform."""
SIZES = ["landscape_640x360", "portrait_180x320"]


def load(path: Path) -> dict[str, NDArray[np.float32]]:
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


@pytest.fixture(scope="module")
def frames(golden_dir: Path) -> dict[str, NDArray[np.float32]]:
    return load(golden_dir / "preprocess" / "frames.npz")


@pytest.fixture(scope="module")
def clips(golden_dir: Path) -> dict[str, NDArray[np.float32]]:
    return load(golden_dir / "preprocess" / "mel_clips.npz")


@pytest.fixture(scope="module")
def several(golden_dir: Path) -> dict[str, NDArray[np.float32]]:
    return load(golden_dir / "preprocess" / "mel_multi.npz")


def images(found: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    return list(found.astype(np.uint8))


def samples(found: NDArray[np.float32]) -> NDArray[np.float32]:
    return (found / 32768).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_from_the_square_on_pixels_are_exact(frames: dict[str, NDArray[np.float32]], size: str) -> None:
    pixels = frames_to_pixels(images(frames[f"{size}__decord224_uint8"])).numpy()
    np.testing.assert_allclose(pixels, frames[f"{size}__normalised_f32"].swapaxes(0, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_stretched_as_the_original_decoder_does(frames: dict[str, NDArray[np.float32]], size: str) -> None:
    pixels = frames_to_pixels(images(frames[f"{size}__native_uint8"])).numpy()
    off = np.abs(pixels - frames[f"{size}__normalised_f32"].swapaxes(0, 1))
    levels = off * np.array(IMAGE_STD)[:, None, None] * 255
    assert off.mean() <= 0.024
    assert levels.mean() <= 1.6
    assert np.percentile(levels, 99) <= 6


def test_fine_stripes_become_grey_and_not_other_stripes() -> None:
    striped = np.zeros((448, 896, 3), np.uint8)
    striped[:, ::2] = 255
    pixels = frames_to_pixels([striped])[0].numpy() * np.array(IMAGE_STD)[:, None, None]
    grey = pixels + np.array(IMAGE_MEAN)[:, None, None]
    assert np.abs(grey[:, :, 4:-4] - 0.5).max() < 0.02


def test_images_of_several_sizes_go_together_and_none_is_none() -> None:
    mixed = [np.full((90, 160, 3), 10, np.uint8), np.full((224, 224, 3), 10, np.uint8), np.zeros((7, 5, 3), np.uint8)]
    pixels = frames_to_pixels(mixed)
    assert pixels.shape == (3, 3, 224, 224)
    torch.testing.assert_close(pixels[0], pixels[1])
    assert frames_to_pixels([]).shape == (0, 3, 224, 224)
    assert frames_to_pixels(mixed, size=28).shape == (3, 3, 28, 28)


def test_a_frame_is_the_same_alone_and_among_others() -> None:
    random = np.random.default_rng(3)
    many = [random.integers(0, 255, (90, 160, 3), np.uint8) for _ in range(3)]
    assert torch.equal(frames_to_pixels(many)[1:2], frames_to_pixels(many[1:2]))


@pytest.mark.parametrize(
    ("name", "atol"),
    [
        ("speech_d", ATOL),
        ("speech_e", ATOL),
        ("chirp", ATOL_CHIRP),
        ("silence", ATOL),
        ("speech_d_dc", ATOL),
        ("short_1p5s", ATOL),
        ("long_2p2s", ATOL),
    ],
)
def test_a_clip_becomes_the_spectrogram_of_the_original(
    clips: dict[str, NDArray[np.float32]], name: str, atol: float
) -> None:
    mel = clips_to_mel([samples(clips[f"{name}__waveform_int16"])]).numpy()
    off = np.abs(mel[0] - clips[f"{name}__normalised_f32"])
    assert off.max() <= atol
    assert off.mean() <= 1e-4


@pytest.mark.parametrize("name", ["speech_d", "chirp"])
def test_logarithms_equal_the_original_run_in_64_bits(clips: dict[str, NDArray[np.float32]], name: str) -> None:
    found = log_mel(samples(clips[f"{name}__waveform_int16"]))
    exact = clips[f"{name}__logmel_f64run"][0, :, : len(found)].T
    np.testing.assert_allclose(found, exact, atol=5e-4, rtol=0)


@pytest.mark.parametrize(("name", "variant"), [("speech_f_9p79s", "S8"), ("speech_g_4p49s", "S8")])
def test_each_clip_is_computed_alone_even_where_clips_overlap(
    several: dict[str, NDArray[np.float32]], name: str, variant: str
) -> None:
    whole = samples(several[f"{name}__waveform_int16"])
    spans = zip(several[f"{name}__{variant}__start_sample"], several[f"{name}__{variant}__end_sample"], strict=True)
    mel = clips_to_mel([whole[int(start) : int(end)] for start, end in spans]).numpy()
    np.testing.assert_allclose(mel, several[f"{name}__{variant}__independent_f32"][0], atol=ATOL, rtol=0)


def test_clips_that_do_not_overlap_are_as_in_the_original(several: dict[str, NDArray[np.float32]]) -> None:
    whole = samples(several["speech_f_9p79s__waveform_int16"])
    starts = [int(start) for start in several["speech_f_9p79s__S3__start_sample"]]
    mel = clips_to_mel([whole[start : start + 32_000] for start in starts]).numpy()
    np.testing.assert_allclose(mel, several["speech_f_9p79s__S3__original_f32"][0], atol=ATOL, rtol=0)


def test_what_a_short_clip_lacks_is_filled_and_nothing_fails() -> None:
    mel = clips_to_mel([np.zeros(0, np.float32), np.ones(399, np.float32), np.zeros(32_000, np.float32)])
    assert mel.shape == (3, 1, 128, 204)
    filled = 4.268 / 9.138
    assert torch.allclose(mel[:2], torch.tensor(filled))
    assert torch.allclose(mel[2, :, :, 198:], torch.tensor(filled))
    assert torch.allclose(mel[2, :, :, :198], torch.tensor(-1.27756), atol=1e-5)
    assert clips_to_mel([]).shape == (0, 1, 128, 204)
