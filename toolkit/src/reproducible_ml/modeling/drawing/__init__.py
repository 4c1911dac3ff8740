"""Pictures and printed tables of results; no stage needs them."""
