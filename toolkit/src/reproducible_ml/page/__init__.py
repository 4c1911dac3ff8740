"""The report page: all results in one file that a browser shows without a network."""
