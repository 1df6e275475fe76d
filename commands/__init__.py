"""The commands, one family a file: each adds its parsers and runs what they name."""
