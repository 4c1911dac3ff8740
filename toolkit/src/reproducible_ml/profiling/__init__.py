"""Infer the types of the columns of a table, and how a model should use them."""
