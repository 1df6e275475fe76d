"""The journals on this machine: listed, followed, checked, kept for a while."""
