"""Where snapshots and records go: the terminal, plain lines, JSON."""
