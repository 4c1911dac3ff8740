"""Parts of a model, and its file."""
