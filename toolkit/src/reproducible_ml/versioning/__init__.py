"""What Git and DVC know about the repository."""
