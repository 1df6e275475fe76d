"""Trained skeleton models in the place of the rules: a folder with an ONNX file and a manifest."""
