"""What moved predictions: for the command line, and for those that a service serves."""
