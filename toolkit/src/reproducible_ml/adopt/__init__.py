"""Make the project about a new table."""
