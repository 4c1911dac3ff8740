"""Train a model, store it safely, judge it."""
