"""From raw data to a model whose every byte comes back from a Git commit."""
