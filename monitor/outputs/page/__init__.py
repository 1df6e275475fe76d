"""The page in the browser: what it may show, its server and its files."""
