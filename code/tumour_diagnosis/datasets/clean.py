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
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.core import keys
from reproducible_ml.core.equal_rows import (
    Counts,
    Positions,
    count_copies,
    find_duplicates,
)
from reproducible_ml.core.files import replacing_folder, write_json
from reproducible_ml.core.kept_parts import map_to_parts
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


class Repeated(NamedTuple):
    """Rows of a part that equal an earlier row.

    Attributes:
        dropped: Positions of those to drop.
        copies: How many earlier rows each row equals, if these are different cases.
    """

    dropped: Positions
    copies: Counts | None = None


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


def find_repeated(
    table: Path, params: Clean, data: Data, compute: Compute
) -> list[Repeated]:
    """Return, for each part, which rows to drop as duplicates, or to tell apart."""
    if params.duplicates == "drop":
        # Without an id the key is made of all columns but the target: both are enough.
        columns = None if data.id else [data.target]
        return [Repeated(part) for part in find_duplicates(table, compute, columns)]
    nothing = np.array([], dtype=np.intp)
    if data.id:
        return [Repeated(nothing) for _ in parts(table)]
    # Equal rows are different cases, so each has its own key and side of the split.
    counted = count_copies(table, compute, [data.target])
    return [Repeated(nothing, copies) for copies in counted]


def _distinct(rows: pd.DataFrame, repeated: Repeated) -> pd.DataFrame:
    """Return the rows without duplicates, or with a key for each of them."""
    keep = np.ones(len(rows), dtype=bool)
    keep[repeated.dropped] = False
    if repeated.copies is None:
        return rows[keep]
    numbered = keys.number_copies(rows.index.to_numpy(np.uint64), repeated.copies)
    return rows.set_axis(pd.Index(numbered, name=keys.ROW_KEY))


def _training_values(
    part: Path,
    repeated: Repeated,
    data: Data,
    split: Split,
    names: list[str],
    share: float,
) -> pd.DataFrame:
    """Return the numbers in a share of the training rows of a part, chosen by key."""
    rows = _distinct(read_part(part, [*names, *split.columns(data)]), repeated)
    chosen = (
        keys.uniform(rows.index.to_numpy(np.uint64), keys.salt_from_text("bounds"))
        < share
    )
    rows = rows[chosen]
    return rows.loc[~is_test(rows, data, split), names].astype(float)


def _clean_part(
    number: int,
    part: Path,
    repeated: Repeated,
    data: Data,
    split: Split,
    params: Clean,
    features: list[str],
    bounds: Bounds,
    rules: Sequence[Rule],
    table: Path,
) -> Counter[str]:
    rows = _distinct(read_part(part), repeated)
    test = is_test(rows, data, split)
    cleaned, counts = clean_rows(rows, test, params, features, bounds, rules)
    write_part(cleaned, table, number)
    return counts + Counter(rows=len(cleaned), duplicates=len(repeated.dropped))


def main(validated: Path, contract: Path, clean: Path, report: Path) -> None:
    """Clean the rows of VALIDATED, write them to CLEAN and what was done to REPORT."""
    data, params = load_section(Data), load_section(Clean)
    compute = load_section(Compute)
    split, columns = load_split(data), load_contract(contract, data)
    repeated = find_repeated(validated, params, data, compute)
    treated = params.outliers.action != "keep"
    bounds: Bounds = {}
    if names := outlier_columns(columns, data) if treated else []:
        share = min(1.0, BOUND_ROWS / count_rows(validated))
        learn = partial(
            _training_values, data=data, split=split, names=names, share=share
        )
        read = zip(parts(validated), repeated, strict=True)
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
        jobs = zip(count(), parts(validated), repeated)
        done = map_to_parts(
            work, jobs, compute, [table], pack=dict, unpack=Counter[str]
        )
        counts = sum(done, Counter[str]())
    summary = {"rows": 0, "duplicates": 0, "missing": 0, "outliers": 0, "clipped": 0}
    clip_to = bounds if params.outliers.action == "clip" else {}
    learned = {"bounds": bounds, "clip_to": clip_to}
    write_json(summary | dict(counts) | learned, report)
    dropped = counts["duplicates"]
    logger.info("%s: %d rows, %d duplicates dropped", clean, counts["rows"], dropped)


if __name__ == "__main__":
    run(main)
