"""Metrics of each task."""
