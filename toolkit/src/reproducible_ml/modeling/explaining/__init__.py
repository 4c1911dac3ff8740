"""What moved the prediction for a row: Shapley values of its columns."""
