"""Checks of a table: against its contract, and for what is unusual in its data."""
