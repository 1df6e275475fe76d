"""Speaking to OpenAI-compatible servers: one client, its errors, and what a server was found able to do."""
