"""What is built from archives: ONNX out of dlib's format, task bundles out of networks without metadata."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.models.bundle import pack, with_normalisation
from streams.models.catalogue import Normalisation
from streams.models.flatbuffer import Node, Number, Refs, Table, Values, View, text, write
from streams.models.mmod import mmod_to_onnx

pytestmark = pytest.mark.unit

Array = NDArray[np.float64]
EPSILON_MANTISSA, EPSILON_EXPONENT = 7378697629483821, -66  # 1e-4, as dlib writes it


def dlib_integer(value: int) -> bytes:
    size = (abs(value).bit_length() + 7) // 8 or 1
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def dlib_integers(*values: int) -> bytes:
    return b"".join(map(dlib_integer, values))


def dlib_tensor(values: Array) -> bytes:
    return dlib_integers(2, values.size, 1, 1, 1) + values.astype("<f4").tobytes()


def dlib_name(name: str) -> bytes:
    return dlib_integer(len(name)) + name.encode()


def dlib_convolution(weights: Array, bias: Array, stride: int, padding: int) -> bytes:
    filters, _, rows, columns = weights.shape
    shape = dlib_integers(filters, rows, columns, stride, stride, padding, padding)
    return dlib_name("con_4") + dlib_tensor(np.concatenate([weights.ravel(), bias])) + shape


def dlib_normalisation(gamma: Array, beta: Array, mean: Array, variance: Array) -> bytes:
    views = dlib_integers(*(1, 1, gamma.size, 1, 1) * 2)
    training = dlib_tensor(mean + 7) + dlib_tensor(variance + 7)
    rates = dlib_integers(100, 100, *(16, -4) * 4, EPSILON_MANTISSA, EPSILON_EXPONENT)
    layer = dlib_name("bn_con2") + dlib_tensor(np.concatenate([gamma, beta])) + views + training
    return layer + dlib_tensor(mean) + dlib_tensor(variance) + rates


def slow_convolution(x: Array, weights: Array, bias: Array, stride: int, padding: int) -> Array:
    """float64[C, H, W] -> float64[K, h, w], by the definition."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = weights.shape[2]
    rows, columns = ((side - size) // stride + 1 for side in x.shape[1:])
    out = np.empty((len(weights), rows, columns))
    for row in range(rows):
        for column in range(columns):
            patch = x[:, row * stride : row * stride + size, column * stride : column * stride + size]
            out[:, row, column] = np.tensordot(weights, patch, 3) + bias
    return out


RNG = np.random.default_rng(5)
FIRST = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32).astype(np.float64), RNG.normal(size=4)
SECOND = RNG.normal(size=(1, 4, 3, 3)).astype(np.float32).astype(np.float64), RNG.normal(size=1)
GAMMA, BETA, MEAN, VARIANCE = RNG.normal(size=4), RNG.normal(size=4), RNG.normal(size=4), RNG.uniform(0.5, 2.0, 4)
TINY = (
    dlib_name("loss_mmod_")
    + dlib_convolution(*FIRST, 2, 0)
    + dlib_normalisation(GAMMA, BETA, MEAN, VARIANCE)
    + dlib_name("relu_110")
    + dlib_convolution(*SECOND, 1, 1)
    + dlib_name("110")
)


def runtime(network: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return runtime(mmod_to_onnx(TINY))


@settings(max_examples=20, deadline=None)
@given(height=st.integers(3, 24), width=st.integers(3, 24))
def test_the_network_computes_the_same_as_dlibs_layers_at_any_size(
    session: onnxruntime.InferenceSession, height: int, width: int
) -> None:
    x = np.random.default_rng(height * 100 + width).normal(size=(3, height, width))
    hidden = slow_convolution(x, *FIRST, 2, 0)
    scale = (GAMMA / np.sqrt(VARIANCE + 1e-4))[:, None, None]
    hidden = np.maximum((hidden - MEAN[:, None, None]) * scale + BETA[:, None, None], 0.0)
    expected = slow_convolution(hidden, *SECOND, 1, 1)
    (found,) = session.run(None, {"x": x[None].astype(np.float32)})
    assert found.shape == (1, *expected.shape)
    np.testing.assert_allclose(found[0], expected, atol=2e-4)


def test_the_network_leaves_height_and_width_free(session: onnxruntime.InferenceSession) -> None:
    (given_input,), (given_output,) = session.get_inputs(), session.get_outputs()
    assert (given_input.name, given_input.shape) == ("x", [1, 3, "height", "width"])
    assert (given_output.name, given_output.shape) == ("y", [1, 1, "rows", "columns"])


def test_the_same_weights_give_the_same_bytes() -> None:
    assert mmod_to_onnx(TINY) == mmod_to_onnx(TINY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"anything",
        dlib_convolution(*SECOND, 1, 1),
        dlib_convolution(*FIRST, 2, 0),
        dlib_normalisation(GAMMA, BETA, MEAN, VARIANCE),
    ],
)
def test_data_without_such_a_network_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"holds no dlib network|before any convolution"):
        mmod_to_onnx(data)


def tflite(*, names: tuple[str, ...] = ("min_runtime_version",), outputs: int = 2) -> bytes:
    """A made-up TFLite file: fields 0 version, 2 subgraphs, 3 description, 4 buffers, 6 metadata."""
    graph = Table({1: Values(1, bytes(4)), 2: Values(outputs, bytes(4 * outputs))})
    buffers = [Table({}), Table({0: Values(5, b"bytes", align=16)})]
    metadata = [Table({0: text(name), 1: Number("I", 1)}) for name in names]
    fields: dict[int, Number | Node] = {
        0: Number("I", 3),
        2: Refs([graph]),
        3: text("a network"),
        4: Refs(buffers),
        6: Refs(metadata),
    }
    return write(Table(fields), b"TFL3")


def buffer_of(data: bytes, table: View) -> tuple[int, bytes]:
    place = table.target(0)
    assert place is not None
    return place + 4, data[place + 4 : place + 4 + table.count(0)]


def test_metadata_are_added_in_front_and_the_old_bytes_stay_as_they_are() -> None:
    old = tflite()
    new = with_normalisation(old, Normalisation(mean=0.0, std=255.0))
    assert new.endswith(old)
    assert (len(new) - len(old)) % 16 == 0
    model = View.root(new)
    assert model.number(0, "I") == 3
    assert model.text(3) == "a network"
    buffers = [View(new, position) for position in model.targets(4)]
    assert buffer_of(new, buffers[1])[1] == b"bytes"
    assert [View(new, place).text(0) for place in model.targets(6)] == ["min_runtime_version", "TFLITE_METADATA"]
    assert View(new, model.targets(6)[1]).number(1, "I") == len(buffers) - 1


@given(mean=st.floats(-300, 300, width=32), std=st.floats(0.5, 300, width=32), outputs=st.integers(0, 7))
def test_the_metadata_say_how_pixels_are_normalised(mean: float, std: float, outputs: int) -> None:
    new = with_normalisation(tflite(outputs=outputs), Normalisation(mean=mean, std=std))
    place, inner = buffer_of(new, View(new, View.root(new).targets(4)[-1]))
    assert place % 16 == 0
    assert inner[4:8] == b"M001"
    (graph,) = View.root(inner).targets(3)
    assert View(inner, graph).count(3) == outputs
    (tensor,) = View(inner, graph).targets(2)
    (unit,) = View(inner, tensor).targets(4)
    options = View(inner, unit).target(1)
    assert View(inner, unit).number(0, "B") == 1
    assert options is not None
    values = [View(inner, options).target(field) for field in (0, 1)]
    assert [np.frombuffer(inner, "<f4", 1, (at or 0) + 4)[0] for at in values] == [mean, std]


def test_metadata_are_not_added_twice() -> None:
    once = with_normalisation(tflite(), Normalisation(mean=0.0, std=255.0))
    with pytest.raises(ValueError, match="TFLITE_METADATA"):
        with_normalisation(once, Normalisation(mean=0.0, std=255.0))


def test_other_files_than_networks_get_no_metadata() -> None:
    with pytest.raises(ValueError, match="no TFLite network"):
        with_normalisation(b"PK\3\4 a zip", Normalisation(mean=0.0, std=255.0))


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,30}\.tflite", fullmatch=True), st.binary(max_size=100), min_size=1, max_size=4
    )
)
def test_a_bundle_is_a_stored_aligned_zip_and_always_the_same(members: dict[str, bytes]) -> None:
    packed = pack(members)
    assert packed == pack(members)
    with zipfile.ZipFile(io.BytesIO(packed)) as bundle:
        assert {info.filename: bundle.read(info) for info in bundle.infolist()} == members
        assert all(info.compress_type == zipfile.ZIP_STORED for info in bundle.infolist())
        for info in bundle.infolist():
            with bundle.open(info) as stream:
                content = stream.read()
            header = packed[info.header_offset : info.header_offset + 30]
            start = info.header_offset + 30 + sum(np.frombuffer(header, "<u2", 2, 26).tolist())
            assert start % 16 == 0
            assert packed[start : start + len(content)] == content
