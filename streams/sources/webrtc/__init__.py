"""A browser as a source: a WHIP endpoint with the page that publishes to it."""
