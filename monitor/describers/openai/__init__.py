"""Stage 2 by a multimodal model behind an OpenAI-compatible server."""
