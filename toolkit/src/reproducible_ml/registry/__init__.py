"""Versions of the model and their stages, as tags of Git that GTO and DVC read."""
