"""From the values of a table to its contract."""
