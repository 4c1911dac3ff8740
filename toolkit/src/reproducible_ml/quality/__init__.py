"""What is wrong or unusual about a table."""
