"""Stage 3: judges by name."""
