"""Opens ONNX model files for running: one way of doing it for every network of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime


def open_onnx(path: Path) -> onnxruntime.InferenceSession:
    """A session on one CPU thread that does not spin: a spinning pool takes a core from the rest while it waits.

    Raises:
        ModelUnavailable: the file is missing, or no model that can be run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no narrower base
        raise ModelUnavailable(f"model file {path} cannot be loaded: fetch the models again") from error
