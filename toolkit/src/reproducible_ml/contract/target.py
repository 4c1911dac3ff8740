"""The column to predict: how each task reads it, and what is known of its values."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import map_parts

# Rows from which a class can be learned and scored, if only roughly.
CLASS_ROWS = 10

# The largest class may have this many times the rows of the smallest: for two classes
# it means that the smaller one has at least 10 % of the rows.
IMBALANCE = 9


def read_target(rows: pd.DataFrame, data: Data) -> pd.Series:
    """Return what an estimator learns to predict for each row.

    Binary: whether it is of the positive class; multiclass: the label of its class;
    regression: a float.
    """
    values = rows[data.target]
    if data.task == "binary":
        return (values == data.positive).astype(bool)
    if data.task == "multiclass":
        return values.astype(object).infer_objects()
    return values.astype(np.float64)


class ClassSummary(NamedTuple):
    """How many rows of each class there are, by its label as text."""

    counts: Counter[str]

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """Count the classes that occur."""
        counts = values.value_counts()
        return cls(Counter({str(k): int(n) for k, n in counts.items() if n}))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.counts.total()

    def merge(self, other: Self) -> Self:
        """Return what is known of both."""
        return self._replace(counts=self.counts + other.counts)

    def to_dict(self) -> dict[str, Any]:
        """Return rows and classes for a report."""
        return {"rows": self.rows, "classes": dict(sorted(self.counts.items()))}

    def problem(self, data: Data) -> str | None:
        """Say why a model can be neither trained nor judged on such rows."""
        if len(self.counts) < 2:
            return f"holds {self.rows} rows of {len(self.counts)} class(es)"
        if data.positive is not None and str(data.positive) not in self.counts:
            return f'holds no row of the positive class "{data.positive}"'
        return None


class NumberSummary(NamedTuple):
    """Size and range of numbers, and their sum, exact in whatever order they come."""

    rows: int
    low: float
    high: float
    total: Fraction

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """Measure the numbers."""
        numbers = values.to_numpy(dtype=np.float64)
        low, high = numbers.min(initial=np.inf), numbers.max(initial=-np.inf)
        return cls(len(numbers), float(low), float(high), exact_sum(numbers))

    def merge(self, other: Self) -> Self:
        """Return what is known of both."""
        return self._replace(
            rows=self.rows + other.rows,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            total=self.total + other.total,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return rows, range and mean for a report."""
        if not self.rows:
            return {"rows": 0, "target": None}
        mean = float(self.total / self.rows)
        return {
            "rows": self.rows,
            "target": {"min": self.low, "mean": mean, "max": self.high},
        }

    def problem(self, _: Data) -> str | None:
        """Say why a model can be neither trained nor judged on such rows."""
        return f"holds {self.rows} row(s)" if self.rows < 2 else None


TargetSummary = ClassSummary | NumberSummary

KINDS: dict[str, type[ClassSummary] | type[NumberSummary]] = {
    "binary": ClassSummary,
    "multiclass": ClassSummary,
    "regression": NumberSummary,
}


def summarise_target(values: pd.Series, data: Data) -> TargetSummary:
    """Return what is known of the target's values in some rows."""
    return KINDS[data.task].of(values)


def summarise_table_target(table: Path, data: Data, compute: Compute) -> TargetSummary:
    """Return what is known of the target's values in a table of parts."""
    work = partial(_summarise_part, data=data)
    return merge_summaries(map_parts(work, table, compute, [data.target]))


def _summarise_part(_: int, rows: pd.DataFrame, data: Data) -> TargetSummary:
    return summarise_target(rows[data.target], data)


def merge_summaries(summaries: Iterable[TargetSummary]) -> TargetSummary:
    """Return what is known of all rows together, however they were cut into parts."""
    first, *others = summaries
    whole: Any = first
    for other in others:
        whole = whole.merge(other)
    known: TargetSummary = whole
    return known


def exact_sum(numbers: npt.NDArray[np.float64]) -> Fraction:
    """Return the sum without any rounding, so that the order does not matter."""
    mantissas, exponents = np.frexp(numbers)
    digits = (mantissas * 2.0**53).astype(np.int64)
    total = Fraction(0)
    for exponent in np.unique(exponents):
        some = digits[exponents == exponent]
        # In halves, because sums of 53 bits soon exceed the 64 bits of an integer.
        whole = (int((some >> 32).sum()) << 32) + int((some & 0xFFFFFFFF).sum())
        total += whole * Fraction(2) ** (int(exponent) - 53)
    return total


def rare_class(counts: Mapping[str, int]) -> str | None:
    """Return the rarest class if another has many times its rows, else None.

    Classes with fewer than CLASS_ROWS rows are left out: they are too rare to learn.
    """
    frequent = {label: n for label, n in sorted(counts.items()) if n >= CLASS_ROWS}
    rarest = min(frequent, key=frequent.__getitem__, default=None)
    if rarest is None or max(frequent.values()) <= IMBALANCE * frequent[rarest]:
        return None
    return rarest
