"""Score predictions: metrics with intervals, slices of rows, data of plots."""
