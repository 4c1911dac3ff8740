"""What a model sees of a row."""
