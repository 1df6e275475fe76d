"""The landmark engine: MediaPipe's networks, a process of their own to run them in, and the host that watches it."""
