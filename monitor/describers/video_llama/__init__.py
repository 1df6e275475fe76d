"""Stage 2 by the original audio-visual Video-LLaMA, in this process. Needs the extra `models`."""
