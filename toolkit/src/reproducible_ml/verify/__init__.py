"""`rml verify`: rebuild HEAD under other conditions, and compare every hash."""
