"""HTTP endpoints: where they listen, whom they admit, what protects them. Knows no stream and no session."""
