"""Try other settings, and compare them."""
