"""Drop duplicate rows, and treat missing values and outliers.

The test set stays as hard as the real world: a test row is dropped only if it
duplicates an earlier row. All other rules drop training rows alone.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core import keys
from reproducible_ml.core.duplicates import Positions, find_duplicates
from reproducible_ml.core.files import replacing_folder, write_json
from reproducible_ml.core.outliers import (
    Bounds,
    Mask,
    Outliers,
    clip,
    has_outlier,
    learn_bounds,
)
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute, Section, load_section
from reproducible_ml.core.parts import count_rows, parts, read_part, write_part
from reproducible_ml.core.stage import run
from tumour_diagnosis.datasets.split import Split, is_test, load_split

logger = logging.getLogger(__name__)

# Bounds are learned on about this many training rows, so that memory stays flat.
BOUND_ROWS = 200_000

Rule = Callable[[pd.DataFrame], Any]

# Your own rules. Each takes rows, and returns whether to keep each of them. Only
# training rows are dropped; the report counts them by the name of the function:
#
#     def is_plausible(rows: pd.DataFrame) -> pd.Series:
#         """Speeds above 300 are errors of the sensor."""
#         return rows["speed"] <= 300
RULES: list[Rule] = []


class Clean(Section):
    """Section `clean` of params.yaml."""

    duplicates: Literal["drop", "keep"] = "drop"
    missing: Literal["keep", "drop"] = "keep"
    outliers: Outliers = Outliers()


def clean_rows(
    rows: pd.DataFrame,
    test: Mask,
    params: Clean,
    features: list[str],
    bounds: Bounds,
    rules: Sequence[Rule] = (),
) -> tuple[pd.DataFrame, Counter[str]]:
    """Return the rows that are kept, and how many were dropped or clipped.

    Args:
        rows: Rows without duplicates.
        test: Which of them belong to the test set, and so are kept.
        params: What to do with missing values and outliers.
        features: Columns where a missing value makes a row incomplete.
        bounds: Range of values that are not outliers, by column.
        rules: Own rules, which may drop training rows.
    """
    keep = np.ones(len(rows), dtype=bool)
    counts: Counter[str] = Counter()
    for rule in rules:
        # A rule that cannot decide, as a value is missing, keeps the row.
        kept: Mask = (
            pd.array(rule(rows), dtype="boolean").fillna(True).to_numpy(dtype=bool)
        )
        counts[rule.__name__] = int((~kept & ~test & keep).sum())
        keep &= kept | test
    if params.missing == "drop":
        missing = rows[features].isna().any(axis=1).to_numpy(dtype=bool)
        incomplete = missing & ~test & keep
        counts["missing"] = int(incomplete.sum())
        keep &= ~incomplete
    if params.outliers.action == "drop":
        outlying = has_outlier(rows, bounds) & ~test & keep
        counts["outliers"] = int(outlying.sum())
        keep &= ~outlying
    if params.outliers.action == "clip":
        counts["clipped"] = int(has_outlier(rows, bounds).sum())
        rows = clip(rows, bounds)
    return rows[keep], counts


def outlier_columns(contract: Contract, data: Data) -> list[str]:
    """Return the columns that can have outliers: features that are numbers."""
    numeric = contract.treated("numeric", data)
    return [name for name in numeric if "bool" not in contract.columns[name].dtype]


def duplicate_rows(
    table: Path, params: Clean, data: Data, compute: Compute
) -> list[Positions]:
    """Return the positions of the rows to drop as duplicates, for each part."""
    if params.duplicates == "keep":
        return [np.array([], dtype=np.intp) for _ in parts(table)]
    # Without an id the key is made of all columns but the target: the two are enough.
    return find_duplicates(table, compute, None if data.id else [data.target])


def _without(rows: pd.DataFrame, duplicates: Positions) -> pd.DataFrame:
    keep = np.ones(len(rows), dtype=bool)
    keep[duplicates] = False
    return rows[keep]


def _training_values(
    part: Path,
    duplicates: Positions,
    data: Data,
    split: Split,
    names: list[str],
    share: float,
) -> pd.DataFrame:
    """Return the numbers in a share of the training rows of a part, chosen by key."""
    rows = _without(read_part(part, [*names, *split.columns(data)]), duplicates)
    chosen = (
        keys.uniform(rows.index.to_numpy(np.uint64), keys.salt_from_text("bounds"))
        < share
    )
    rows = rows[chosen]
    return rows.loc[~is_test(rows, data, split), names].astype(float)


def _clean_part(
    number: int,
    part: Path,
    duplicates: Positions,
    data: Data,
    split: Split,
    params: Clean,
    features: list[str],
    bounds: Bounds,
    rules: Sequence[Rule],
    table: Path,
) -> Counter[str]:
    rows = _without(read_part(part), duplicates)
    test = is_test(rows, data, split)
    cleaned, counts = clean_rows(rows, test, params, features, bounds, rules)
    write_part(cleaned, table, number)
    return counts + Counter(rows=len(cleaned), duplicates=len(duplicates))


def main(validated: Path, contract: Path, clean: Path, report: Path) -> None:
    """Clean the rows of VALIDATED, write them to CLEAN and what was done to REPORT."""
    data, params = load_section(Data), load_section(Clean)
    compute = load_section(Compute)
    split, columns = load_split(data), load_contract(contract, data)
    duplicates = duplicate_rows(validated, params, data, compute)
    treated = params.outliers.action != "keep"
    bounds: Bounds = {}
    if names := outlier_columns(columns, data) if treated else []:
        share = min(1.0, BOUND_ROWS / count_rows(validated))
        learn = partial(
            _training_values, data=data, split=split, names=names, share=share
        )
        read = zip(parts(validated), duplicates, strict=True)
        values = map_jobs(learn, read, compute, "learn bounds")
        bounds = learn_bounds(pd.concat(values), params.outliers)
    with replacing_folder(clean) as table:
        work = partial(
            _clean_part,
            data=data,
            split=split,
            params=params,
            features=list(columns.features(data)),
            bounds=bounds,
            rules=RULES,
            table=table,
        )
        jobs = zip(count(), parts(validated), duplicates)
        counts = sum(map_jobs(work, jobs, compute, "clean"), Counter[str]())
    summary = {"rows": 0, "duplicates": 0, "missing": 0, "outliers": 0, "clipped": 0}
    clip_to = bounds if params.outliers.action == "clip" else {}
    learned = {"bounds": bounds, "clip_to": clip_to}
    write_json(summary | dict(counts) | learned, report)
    dropped = counts["duplicates"]
    logger.info("%s: %d rows, %d duplicates dropped", clean, counts["rows"], dropped)


if __name__ == "__main__":
    run(main)
