"""`rml retrain`: train on new data, on a branch of its own."""
