"""Where a table comes from: a path, a URL or a database."""
