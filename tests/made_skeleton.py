"""A tiny made-up skeleton model: a folder with a manifest and an ONNX file that knows when a wrist is up.

The network is one convolution over the whole window, so each output is a weighted sum of all coordinates. Trained on
nothing: a raised right wrist is N3, a raised left one N16, both down is no gesture.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from streams.models.onnx import Convolution, encode_network

JOINTS = ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist")
FRAMES, RATE_HZ = 8, 10.0
CLASSES = ("N3 right", None, "N16")
STEEP = 20.0
"""Logit for each shoulder width that the wrist is above the shoulders."""

Manifest = dict[str, Any]


def made_manifest(sha256: str, **changes: object) -> Manifest:
    """A right manifest; `changes` replace values by dotted keys with double underscores (`input__frames=9`)."""
    manifest: Manifest = {
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
