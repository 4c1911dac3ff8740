"""Read raw files, in whatever form they are written."""
