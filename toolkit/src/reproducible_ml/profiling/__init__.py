"""Infer what the columns of a table hold."""
