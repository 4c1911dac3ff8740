"""What a table holds: the profile of its columns, and the data dictionary."""
