"""The data contract: columns of a table, their types and checks."""
