"""What is wrong with a raw table, with line, column, value and fix."""
