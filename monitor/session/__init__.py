"""Sessions: opened, run and ended; several may run side by side in one process."""
