"""Show results on a tracking server."""
