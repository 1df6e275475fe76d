"""Stage 2 by a multimodal model of the package transformers, in this process."""
