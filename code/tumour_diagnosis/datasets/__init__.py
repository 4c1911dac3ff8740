"""From raw data to training and test rows."""
