"""Live sources: captured as they arrive, put on the session's clock, and got back when they go away."""
