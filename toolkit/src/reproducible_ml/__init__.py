"""Tools for machine-learning repositories whose results come back bit for bit."""

import os
from pathlib import Path

__version__ = "0.2.0"

# How long OpenMP's threads spin while they wait for each other. Results stay the same,
# but with GNU's default a busy machine fits ten times slower (docs/benchmarks.md).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Code of the repository around the current folder comes first. So copies run their own
# code: Git worktrees, and those of `dvc exp run --temp` and the queue. An editable
# installation alone would find the code of the original. What a wheel installed stays
# itself anywhere.
if Path(__file__).parents[1].name == "src":
    for _folder in (Path.cwd(), *Path.cwd().parents):
        if (_own := _folder / "toolkit/src" / __name__).is_dir():
            __path__.insert(0, str(_own))
            break
