"""Stage 2: describers by name."""
