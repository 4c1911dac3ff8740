"""From raw files, whatever their form, to rows of values."""
