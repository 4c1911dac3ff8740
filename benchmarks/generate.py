"""Write a table for the benchmarks: `python benchmarks/generate.py ROWS FILE.csv`.

Ten numeric columns with missing values and outliers, four text categories, a timestamp
and a binary target that depends on most of them.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

NUMBERS = [f"x{i}" for i in range(10)]
LEVELS = {"c0": 4, "c1": 8, "c2": 20, "c3": 50}
CHUNK = 500_000


def generate(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """Return `rows` random rows."""
    values = random.normal(size=(rows, len(NUMBERS)))
    logit = values[:, 0] + values[:, 1] * values[:, 2] / 2 + np.sin(values[:, 3])
    values[random.random(values.shape) < 0.002] *= 50
    values[random.random(values.shape) < 0.03] = np.nan
    frame = pd.DataFrame(values.round(4), columns=NUMBERS)
    for name, levels in LEVELS.items():
        codes = random.integers(0, levels, rows)
        frame[name] = np.array([f"level_{i:02d}" for i in range(levels)])[codes]
        logit += codes / levels - 0.5
    seconds = random.integers(0, 2 * 365 * 86400, rows)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")
    frame["target"] = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return frame


def main(rows: int, file: Path) -> None:
    """Write ROWS rows to FILE, some at a time."""
    random = np.random.default_rng(0)
    for start in range(0, rows, CHUNK):
        part = generate(min(CHUNK, rows - start), random)
        part.to_csv(file, index=False, mode="a" if start else "w", header=not start)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
