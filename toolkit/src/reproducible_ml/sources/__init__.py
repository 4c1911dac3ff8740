"""Files, URLs and databases that tables come from."""
