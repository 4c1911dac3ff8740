"""Score predictions: intervals, groups of rows, tables of plots."""
