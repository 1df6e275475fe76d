"""Writing a chain of convolutions as an ONNX file, by hand: a few protobuf fields, the same bytes on every machine.

Field numbers are those of onnx.proto3 (the ONNX standard, IR version 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_IR_VERSION = 8
_OPSET = 13
"""Both old enough for any runtime in use and young enough to be loaded without conversion."""
_FLOAT, _INTS = 1, 7
"""TensorProto.FLOAT and AttributeProto.INTS."""


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """One layer: weights float64[out, in, rows, columns], bias float64[out], ReLU after it where `rectified`."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    strides: tuple[int, int]
    padding: tuple[int, int]
    rectified: bool


def encode_network(name: str, layers: Sequence[Convolution]) -> bytes:
    """An ONNX file that runs `layers` in a row, from input `x` to output `y`, with free height and width.

    Args:
        name: the graph's name.
        layers: at least one; each takes as many channels as the one before gives. Stored as float32.
    """
    graph: list[bytes] = []
    tensors: list[bytes] = []
    flow = "x"
    for index, layer in enumerate(layers):
        weights, bias = f"weights_{index}", f"bias_{index}"
        tensors += [_field(5, _tensor(weights, layer.weights)), _field(5, _tensor(bias, layer.bias))]
        steps = ["Conv", "Relu"] if layer.rectified else ["Conv"]
        for step in steps:
            last = index == len(layers) - 1 and step == steps[-1]
            out = "y" if last else f"{step.lower()}_{index}"
            conv = step == "Conv"
            inputs = [flow, weights, bias] if conv else [flow]
            attributes = {"pads": layer.padding * 2, "strides": layer.strides} if conv else {}
            graph.append(_field(1, _node(step, inputs, out, attributes)))
            flow = out
    channels_in, channels_out = layers[0].weights.shape[1], layers[-1].weights.shape[0]
    graph += [
        _field(2, name),
        *tensors,
        _field(11, _value("x", (1, channels_in, "height", "width"))),
        _field(12, _value("y", (1, channels_out, "rows", "columns"))),
    ]
    opset = _field(2, _OPSET)
    return b"".join((_field(1, _IR_VERSION), _field(2, "emotion-monitor"), _field(7, graph), _field(8, opset)))


def _node(kind: str, inputs: Iterable[str], output: str, attributes: dict[str, tuple[int, ...]]) -> list[bytes]:
    return [
        *(_field(1, name) for name in inputs),
        _field(2, output),
        _field(4, kind),
        *(
            _field(5, [_field(1, name), *(_field(8, value) for value in values), _field(20, _INTS)])
            for name, values in attributes.items()
        ),
    ]


def _tensor(name: str, values: NDArray[np.float64]) -> list[bytes]:
    dimensions = [_field(1, size) for size in values.shape]
    return [*dimensions, _field(2, _FLOAT), _field(8, name), _field(9, values.astype("<f4").tobytes())]


def _value(name: str, shape: Iterable[int | str]) -> list[bytes]:
    """A named input or output: sizes that are words are free."""
    sizes = [_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape]
    return [_field(1, name), _field(2, _field(1, [_field(1, _FLOAT), _field(2, sizes)]))]


def _field(number: int, value: int | str | bytes | list[bytes]) -> bytes:
    """One protobuf field: a varint, or bytes with their length (text, raw data or a message)."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    payload = value.encode() if isinstance(value, str) else b"".join(value) if isinstance(value, list) else value
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """A non-negative integer, seven bits at a time, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
