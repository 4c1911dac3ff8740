"""What training and evaluation share."""
