"""Who is watched, and which part of the picture the engine looks at."""
