"""Try a change, compare it with others, and make a branch of the best."""
