"""Drop repeated rows, and what the parameters call incomplete or an outlier.

What would make the test set easier than the world is done to training rows alone: a
test row goes only when it repeats an earlier row.
"""

import logging
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.duplicates import Positions, find_duplicates
from reproducible_ml.datasets.outliers import (
    Bounds,
    Mask,
    clip,
    has_outlier,
    learn_bounds,
)
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.split import is_test
from reproducible_ml.datasets.tables import (
    count_rows,
    parallel,
    parts,
    read_part,
    write_part,
)
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.params import Clean, Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)

# Bounds are learned on about this many training rows, so that memory stays flat.
BOUND_ROWS = 200_000


def clean_rows(
    frame: pd.DataFrame, test: Mask, params: Clean, features: list[str], bounds: Bounds
) -> tuple[pd.DataFrame, Counter[str]]:
    """Return the rows that stay, clipped if so wanted, and how many went and why.

    Args:
        frame: Rows without repeats.
        test: Which of them belong to the test set, and so stay.
        params: What becomes of missing values and outliers.
        features: Columns where a missing value makes a row incomplete.
        bounds: What is no outlier, by column.
    """
    keep = np.ones(len(frame), dtype=bool)
    counts: Counter[str] = Counter()
    if params.missing == "drop":
        incomplete = frame[features].isna().any(axis=1).to_numpy(dtype=bool) & ~test
        counts["missing"] = int(incomplete.sum())
        keep &= ~incomplete
    if params.outliers.action == "drop":
        outlying = has_outlier(frame, bounds) & ~test & keep
        counts["outliers"] = int(outlying.sum())
        keep &= ~outlying
    if params.outliers.action == "clip":
        counts["clipped"] = int(has_outlier(frame, bounds).sum())
        frame = clip(frame, bounds)
    return frame[keep], counts


def _without(frame: pd.DataFrame, repeated: Positions) -> pd.DataFrame:
    keep = np.ones(len(frame), dtype=bool)
    keep[repeated] = False
    return frame[keep]


def _repeated(table: Path, params: Params) -> list[Positions]:
    """Find the rows to drop as repeats, for each part."""
    if params.clean.duplicates == "keep":
        return [np.array([], dtype=np.intp) for _ in parts(table)]
    # Without an id the key is made of all columns but the target: two are enough.
    columns = None if params.data.id else [params.data.target]
    return find_duplicates(table, params.compute, columns)


def _training_values(
    part: Path, repeated: Positions, params: Params, names: list[str], share: float
) -> pd.DataFrame:
    """Return numbers of training rows of a part, a share of them chosen by key."""
    columns = [*names, params.split_column] if params.split_column else names
    rows = _without(read_part(part, columns), repeated)
    chosen = keys.uniform(rows.index.to_numpy(np.uint64), keys.number("bounds")) < share
    rows = rows[chosen]
    return rows.loc[~is_test(rows, params.data, params.split), names].astype(float)


def _bounds(
    table: Path, repeated: list[Positions], params: Params, names: list[str]
) -> Bounds:
    share = min(1.0, BOUND_ROWS / count_rows(table))
    work = partial(_training_values, params=params, names=names, share=share)
    jobs = zip(parts(table), repeated, strict=True)
    values = parallel(work, jobs, params.compute, "learn bounds")
    return learn_bounds(pd.concat(values), params.clean.outliers)


def _clean_part(
    number: int,
    part: Path,
    repeated: Positions,
    params: Params,
    features: list[str],
    bounds: Bounds,
    table: Path,
) -> Counter[str]:
    rows = _without(read_part(part), repeated)
    test = is_test(rows, params.data, params.split)
    cleaned, counts = clean_rows(rows, test, params.clean, features, bounds)
    write_part(cleaned, table, number)
    return counts + Counter(rows=len(cleaned), duplicates=len(repeated))


def main(validated: Path, contract: Path, clean: Path, report: Path) -> None:
    """Clean the rows of VALIDATED, write them to CLEAN and what was done to REPORT."""
    params = load_params()
    columns = load_contract(contract, params.data)
    repeated = _repeated(validated, params)
    names = outlier_columns(columns, params)
    bounds = _bounds(validated, repeated, params, names) if names else {}
    with replacing_folder(clean) as table:
        work = partial(
            _clean_part,
            params=params,
            features=list(columns.features(params.data)),
            bounds=bounds,
            table=table,
        )
        jobs = zip(count(), parts(validated), repeated)
        counts = sum(parallel(work, jobs, params.compute, "clean"), Counter[str]())
    summary = {"rows": 0, "duplicates": 0, "missing": 0, "outliers": 0, "clipped": 0}
    clip_to = bounds if params.clean.outliers.action == "clip" else {}
    learned = {"bounds": bounds, "clip_to": clip_to}
    write_json(summary | dict(counts) | learned, report)
    logger.info(
        "%s: %d rows, %d repeats dropped", clean, counts["rows"], counts["duplicates"]
    )


def outlier_columns(contract: Contract, params: Params) -> list[str]:
    """Return the columns where outliers are looked for: numbers that are features."""
    if params.clean.outliers.action == "keep":
        return []
    numeric = contract.treated("numeric", params.data)
    return [name for name in numeric if "bool" not in contract.columns[name].dtype]


if __name__ == "__main__":
    run(main)
