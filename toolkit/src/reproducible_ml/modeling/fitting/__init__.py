"""Make, search and fit estimators."""
