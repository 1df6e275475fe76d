"""dlib's face CNN, read from its own file format and written as ONNX, without dlib and without the onnx package.

The network is the MMOD detector of King (arXiv 1502.00046; the file ships as `mmod_human_face_detector.dat`): six
convolutions with batch normalisation and ReLU, and a seventh that gives one score for each place. Batch normalisation
is folded into the convolutions, as dlib itself does when it runs the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streams.models.onnx import Convolution, encode_network

_CONVOLUTION, _NORMALISATION = b"con_4", b"bn_con2"
"""Names under which dlib's file announces the two kinds of layer that have weights."""


class _Reader:
    """A cursor over dlib's serialisation: self-sizing integers, raw little-endian floats in tensors."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def integer(self) -> int:
        """A control byte (sign in the top bit, length in the low four) and the little-endian magnitude."""
        control = self._data[self.position]
        end = self.position + 1 + (control & 0x0F)
        magnitude = int.from_bytes(self._data[self.position + 1 : end], "little")
        self.position = end
        return -magnitude if control & 0x80 else magnitude

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def number(self) -> float:
        """A float stored outside tensors: mantissa, then the power of two."""
        mantissa, exponent = self.integers(2)
        return float(mantissa * 2.0**exponent)

    def tensor(self) -> NDArray[np.float64]:
        """All values of a tensor in order, float64[n]; the header is a version and four sizes."""
        _, *sizes = self.integers(5)
        count = int(np.prod(sizes))
        values = np.frombuffer(self._data, "<f4", count, self.position).astype(np.float64)
        self.position += values.size * 4
        return values


@dataclass(frozen=True, slots=True)
class _Normalisation:
    """Batch normalisation as it runs: x * scale + shift, each float64[channels]."""

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


def mmod_to_onnx(data: bytes) -> bytes:
    """Convert dlib's `mmod_human_face_detector.dat` to an ONNX network of any height and width.

    The network takes `x`, float32[1, 3, H, W] RGB with dlib's means subtracted and divided by 256, and gives `y`,
    float32[1, 1, h, w]: scores above 0 are faces. It is the bare network: pyramid, padding and suppression of
    overlapping boxes are the detector's.

    Raises:
        ValueError: the data do not hold such a network.
    """
    layers = [layer for layer in _folded(data) if layer is not None]
    if not layers or layers[0].weights.shape[1] != 3 or layers[-1].weights.shape[0] != 1:
        raise ValueError("the file holds no dlib network from three colour planes to one plane of scores")
    return encode_network("mmod_human_face_detector", layers)


def _folded(data: bytes) -> Iterator[Convolution | None]:
    """Convolutions in the order in which they run, each with the normalisation that follows it folded in."""
    last: Convolution | None = None
    for layer in _layers(data):
        if isinstance(layer, Convolution):
            yield last
            last = layer
        elif last is None:
            raise ValueError("a normalisation comes before any convolution")
        else:
            scale = layer.scale[:, None, None, None]
            last = replace(
                last, weights=last.weights * scale, bias=last.bias * layer.scale + layer.shift, rectified=True
            )
    yield last


def _layers(data: bytes) -> Iterator[Convolution | _Normalisation]:
    """Layers in file order, which is the order in which they run: dlib writes what is below a layer first."""
    position = 0
    while found := [
        (at, name)
        for name in (_CONVOLUTION, _NORMALISATION)
        # Before its letters a name has its length, itself a dlib integer.
        if (at := data.find(bytes((1, len(name))) + name, position)) >= 0
    ]:
        at, name = min(found)
        reader = _Reader(data, at + 2 + len(name))
        yield _convolution(reader) if name == _CONVOLUTION else _normalisation(reader)
        position = reader.position


def _convolution(reader: _Reader) -> Convolution:
    values = reader.tensor()
    filters, rows, columns, stride_y, stride_x, padding_y, padding_x = reader.integers(7)
    weights, bias = values[:-filters], values[-filters:]
    return Convolution(
        weights=weights.reshape(filters, -1, rows, columns),
        bias=bias,
        strides=(stride_y, stride_x),
        padding=(padding_y, padding_x),
        rectified=False,
    )


def _normalisation(reader: _Reader) -> _Normalisation:
    gamma, beta = np.split(reader.tensor(), 2)
    # Where gamma and beta lie in their tensor, which is known: five numbers each.
    reader.integers(10)
    # The last batch's means and inverse deviations are of training; the running ones are of use.
    _, _, means, variances = (reader.tensor() for _ in range(4))
    # Update count and window, then four learning rates; what follows keeps the square root from zero.
    reader.integers(2)
    *_, epsilon = (reader.number() for _ in range(5))
    scale = gamma / np.sqrt(variances + epsilon)
    return _Normalisation(scale, beta - means * scale)
