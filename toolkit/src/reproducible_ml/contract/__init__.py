"""The data contract: what a table has to be."""
