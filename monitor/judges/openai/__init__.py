"""Stage 3 by a language model behind an OpenAI-compatible server."""
