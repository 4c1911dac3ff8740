"""What is strange about a table that honours its contract."""
