"""`rml doctor`: find what is damaged or badly set up, and the command that fixes it."""
