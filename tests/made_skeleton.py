"""A tiny made-up skeleton model: a folder with a manifest and an ONNX file that knows when a wrist is up.

The network is one convolution over the whole window, so each output is a weighted sum of all coordinates. Trained on
nothing: a raised right wrist is N3, a raised left one N16, both down is no gesture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from streams.models.onnx import Convolution, encode_network
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Points
from streams.nfbl.skeletons.manifest import Manifest
from streams.nfbl.skeletons.model import SkeletonModel
from tests.made_body import made_body, made_features

JOINTS = ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist")
FRAMES, RATE_HZ = 8, 10.0
CLASSES = ("N3 right", None, "N16")
UP, DOWN = (330.0, 90.0), (250.0, 320.0)
"""A wrist at the head and one at rest, in pixels of the made body's picture."""

STEEP = 20.0
"""Logit for each shoulder width that the wrist is above the shoulders."""

Parsed = dict[str, Any]


def made_manifest(sha256: str, **changes: object) -> Parsed:
    """A right manifest; `changes` replace values by dotted keys with double underscores (`input__frames=9`)."""
    manifest: Parsed = {
        "name": "tiny",
        "version": "1",
        "licence": "CC0-1.0",
        "source": "made up for tests, trained on nothing",
        "model": {"file": "model.onnx", "sha256": sha256},
        "input": {
            "name": "x",
            "layout": "NCTV",
            "confidence": True,
            "rate_hz": RATE_HZ,
            "frames": FRAMES,
            "stride_s": 0.2,
            "centre": "mid-shoulders",
            "scale": "shoulder-width",
        },
        "joints": list(JOINTS),
        "output": {"name": "y", "values": "logits", "labels": "single", "classes": list(CLASSES)},
    }
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = manifest
        for section in sections:
            place = place[section]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return manifest


def made_network(*, bias: tuple[float, ...] = (0.0, 6.0, 0.0), frames: int = FRAMES) -> bytes:
    """The network as ONNX: input x (1, 3, T, V), output y (1, 3, 1, 1) with logits."""
    weights: NDArray[np.float64] = np.zeros((len(CLASSES), 3, frames, len(JOINTS)))
    weights[0, 1, :, JOINTS.index("right_wrist")] = -STEEP / frames
    weights[2, 1, :, JOINTS.index("left_wrist")] = -STEEP / frames
    layer = Convolution(weights, np.array(bias), strides=(1, 1), padding=(0, 0), rectified=False)
    return encode_network("tiny", [layer])


def made_model(folder: Path, network: bytes | None = None, /, **changes: object) -> Path:
    """Write a model's folder and return it; `changes` as for `made_manifest`."""
    folder.mkdir(parents=True, exist_ok=True)
    content = made_network() if network is None else network
    (folder / "model.onnx").write_bytes(content)
    manifest = made_manifest(hashlib.sha256(content).hexdigest(), **changes)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    return folder


def fake_model(numbers: NDArray[np.float32] | Exception, **changes: object) -> SkeletonModel:
    """A model with a right manifest that answers with these numbers, or fails with this after its trial run."""
    runs = 0

    def run(_: Points) -> NDArray[np.float32]:
        nonlocal runs
        runs += 1
        if isinstance(numbers, Exception):
            if runs > 1:
                raise numbers
            return np.zeros(3, np.float32)
        return numbers

    return SkeletonModel(Manifest.model_validate(made_manifest("0" * 64, **changes)), run)


def tick(t_s: float, *, up: float = 1.0, looked_at: bool = True) -> Features:
    """A tick with the left wrist down and the right one raised by this share of the way."""
    right = (DOWN[0] + up * (UP[0] - DOWN[0]), DOWN[1] + up * (UP[1] - DOWN[1]))
    return made_features(made_body(t_s, wrists=((390.0, 320.0), right), looked_at=looked_at))


def ticks(end_s: float, *, up_from_s: float = 0.0, rate_hz: float = RATE_HZ) -> Iterator[Features]:
    """Ticks from 0 to `end_s`, with the right wrist up from a time on."""
    for number in range(round(end_s * rate_hz) + 1):
        yield tick(number / rate_hz, up=float(number / rate_hz >= up_from_s))
