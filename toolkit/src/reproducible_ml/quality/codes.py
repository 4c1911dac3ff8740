"""Find numbers that are codes: the target depends on them, but not on their size.

Numbers of shops or of people are whole numbers like ages. What tells them apart is that
neighbouring ages have like targets, and neighbouring codes have not.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.quality.entities import (
    CHANCE,
    likeness,
    neighbours,
    target_columns,
)
from reproducible_ml.quality.leaks import Codes, Floats

CODES = "number code"

# Values, and rows for each, that are needed to tell codes from quantities. With very
# many rows, the target depends on every quantity in some odd way.
VALUES, ROWS_EACH = 50, (4, 500)

# Share of the variance between the mean targets of the values that is no chance. The
# correlation of neighbours is about as high for a quantity, and lower for codes: below
# this part of it, by so many standard errors.
RELIABLE, ALIKE, ERRORS = 0.2, 1 / 4, 5


def check_codes(
    some: pd.DataFrame, contract: Contract, data: Data, raw: Path
) -> Iterator[Finding]:
    """Yield whole numbers that are features by their size, but seem to be codes.

    Args:
        some: Rows of the table.
        contract: Its columns.
        data: Roles of the columns.
        raw: What the table was read from, to be named in findings.
    """
    numbers = [
        name
        for name in contract.treated("numeric", data)
        if contract.columns[name].dtype in ("int64", "Int64")
    ]
    columns = {name: pd.factorize(some[name]) for name in numbers}
    columns = {n: c for n, c in columns.items() if _has_enough(*c)}
    if not columns:
        return
    target = target_columns(some[data.target], data)
    for name, (codes, values) in columns.items():
        if _are_codes(codes, some[name], target, len(columns)):
            yield Finding(
                CODES,
                raw,
                f"holds {len(values)} whole numbers that seem to be codes:"
                f" {quoted(data.target)} depends on them, but is not alike for"
                " neighbouring ones",
                "Set its treatment to target_encoding in data/schema.yaml.",
                column=name,
            )


def _has_enough(codes: Codes, values: object) -> bool:
    count = len(np.asarray(values))
    low, high = ROWS_EACH
    return count >= VALUES and low <= len(codes) / count <= high


def _are_codes(codes: Codes, values: pd.Series, target: Floats, tests: int) -> bool:
    found = likeness(codes, target)
    if found.chance > CHANCE / tests:
        return False
    count = int(codes.max()) + 1
    size = len(codes) / count
    # Spearman-Brown: the correlation of the means of `size` rows.
    reliable = size * found.correlation / (1 + (size - 1) * found.correlation)
    if reliable < RELIABLE:
        return False
    alike = max(neighbours(values, column) for column in target.T)
    limit: float = min(ALIKE * reliable, reliable - ERRORS / count**0.5)
    return alike < limit
