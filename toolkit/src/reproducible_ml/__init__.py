"""Tools for machine-learning repositories whose results come back bit for bit."""

import os
from pathlib import Path

__version__ = "0.2.0"

# How long OpenMP's threads spin while they wait for each other. Results stay the same,
# but with GNU's default a busy machine fits ten times slower (docs/benchmarks.md).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# A copy of the repository runs its own code: `dvc exp run --temp` and the queue work in
# such copies, where an editable installation would find the code of the original.
_own = Path("toolkit/src", __name__)
if _own.is_dir():
    __path__.insert(0, str(_own.resolve()))
