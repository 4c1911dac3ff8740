"""Hooks of cookiecutter, run by its own Python: the standard library alone."""
