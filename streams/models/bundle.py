"""MediaPipe task bundles out of plain TFLite networks: missing metadata added, then packed into a fixed zip.

MediaPipe 1.x loads body and hands only from bundles whose networks say how their pixels are normalised. The older
package that carries the networks leaves that out of two of them, because its own graphs had the numbers built in.
Field numbers are those of TFLite's schema (`schema.fbs`) and of TFLite Metadata (`metadata_schema.fbs`).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

from streams.models.catalogue import Normalisation
from streams.models.flatbuffer import Kept, Node, Number, Refs, Table, Values, View, floats, text, write

# tflite.Model
_VERSION, _OPERATORS, _SUBGRAPHS, _DESCRIPTION, _BUFFERS, _METADATA_BUFFER, _METADATA, _SIGNATURES = range(8)
_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS = 1, 2
_METADATA_NAME, _METADATA_INDEX = 0, 1
_METADATA_KEY = "TFLITE_METADATA"
# tflite.ModelMetadata and what it holds
_SUBGRAPH_METADATA = 3
_INPUT_TENSORS, _OUTPUT_TENSORS = 2, 3
_CONTENT, _PROCESS_UNITS = 3, 4
_UNION_TYPE, _UNION = 0, 1
_IMAGE_PROPERTIES, _NORMALISATION_OPTIONS = 2, 1
_RGB = 1

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""The oldest date a zip can hold: the same bundle on any day."""
_FILE_MODE = 0o644 << 16
_LOCAL_HEADER_BYTES = 30
_ALIGNMENT_EXTRA = 0xD935
"""The extra field under which alignment tools keep their padding."""
_BLOCK = 16
"""Networks are mapped where they lie in the bundle; off this boundary the loader copies buffers and warns."""


def with_normalisation(network: bytes, normalisation: Normalisation) -> bytes:
    """The same TFLite network with metadata that say how its one RGB image input is normalised.

    A new root comes first and refers to the old parts; the old file follows unchanged.

    Raises:
        ValueError: the data are no TFLite network of one graph, or have such metadata already.
    """
    if network[4:8] != b"TFL3":
        raise ValueError("the data are no TFLite network")
    model = View.root(network)
    names = [View(network, position).text(_METADATA_NAME) for position in model.targets(_METADATA)]
    graphs = model.targets(_SUBGRAPHS)
    if len(graphs) != 1 or _METADATA_KEY in names:
        raise ValueError(f"expected one graph without {_METADATA_KEY}, found {len(graphs)} graphs and {names}")
    graph = View(network, graphs[0])
    metadata = _image_metadata(graph.count(_SUBGRAPH_INPUTS), graph.count(_SUBGRAPH_OUTPUTS), normalisation)
    buffers = [Kept(position) for position in model.targets(_BUFFERS)]
    entry = Table({_METADATA_NAME: text(_METADATA_KEY), _METADATA_INDEX: Number("I", len(buffers))})
    fields: dict[int, Number | Node] = {
        field: Kept(position)
        for field in (_OPERATORS, _SUBGRAPHS, _DESCRIPTION, _METADATA_BUFFER, _SIGNATURES)
        if (position := model.target(field)) is not None
    }
    fields[_VERSION] = Number("I", model.number(_VERSION, "I") or 0)
    fields[_BUFFERS] = Refs([*buffers, Table({0: Values(len(metadata), metadata, align=16)})])
    fields[_METADATA] = Refs([*map(Kept, model.targets(_METADATA)), entry])
    return write(Table(fields), b"TFL3", kept=network)


def _image_metadata(inputs: int, outputs: int, normalisation: Normalisation) -> bytes:
    """A metadata file: each input an RGB image, normalised as given; of the outputs nothing but their number."""
    options = Table({0: floats(normalisation.mean), 1: floats(normalisation.std)})
    unit = Table({_UNION_TYPE: Number("B", _NORMALISATION_OPTIONS), _UNION: options})
    image = Table({_UNION_TYPE: Number("B", _IMAGE_PROPERTIES), _UNION: Table({0: Number("b", _RGB)})})
    tensor = Table({_CONTENT: image, _PROCESS_UNITS: Refs([unit])})
    graph = Table({_INPUT_TENSORS: Refs([tensor] * inputs), _OUTPUT_TENSORS: Refs([Table({})] * outputs)})
    return write(Table({_SUBGRAPH_METADATA: Refs([graph])}), b"M001")


def pack(members: Mapping[str, bytes]) -> bytes:
    """A zip of `members` in their order: stored and aligned, for loaders map them, and with fixed dates and modes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bundle:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _ZIP_DATE)
            # Both default to the platform's own values, which would change the digest.
            info.create_system, info.external_attr = 3, _FILE_MODE
            start = out.tell() + _LOCAL_HEADER_BYTES + len(name) + 4
            padding = -start % _BLOCK
            info.extra = struct.pack("<HH", _ALIGNMENT_EXTRA, padding) + bytes(padding)
            bundle.writestr(info, content)
    return out.getvalue()
