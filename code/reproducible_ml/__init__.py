"""From raw data to a model whose every byte comes back from a Git commit."""

import os

# How long OpenMP's threads spin while they wait for each other. Results stay the same,
# but with GNU's default a busy machine fits ten times slower (docs/benchmarks.md).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
