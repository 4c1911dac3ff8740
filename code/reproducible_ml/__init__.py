"""From raw data to a model whose every byte comes back from a Git commit."""

import os

# Threads of OpenMP that wait for each other sleep instead of spinning. Results stay the
# same; on a busy machine fitting takes 4 s instead of 30 s (docs/benchmarks.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
