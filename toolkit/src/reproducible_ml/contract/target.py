"""The target: what each task predicts from it, and summaries of its values."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.kept_parts import map_kept
from reproducible_ml.core.params import Compute

# Classes with fewer rows are too rare to be learned and scored.
CLASS_ROWS = 10

# Classes are imbalanced if the largest has more than this many times the rows of the
# smallest: with two classes, if the smaller one has less than 10 % of the rows.
IMBALANCE = 9


def read_target(rows: pd.DataFrame, data: Data) -> pd.Series:
    """Return the values that an estimator learns to predict.

    These are booleans for a binary task (whether a row is of the positive class),
    labels for a multiclass task and floats for regression.
    """
    values = rows[data.target]
    if data.task == "binary":
        return (values == data.positive).astype(bool)
    if data.task == "multiclass":
        return values.astype(object).infer_objects()
    return values.astype(np.float64)


def target_classes(contract: Contract, data: Data) -> dict[Any, str]:
    """Return all values that `read_target` can return, and their labels as text.

    There are none for regression; classes without rows are among them.
    """
    labels = contract.columns[data.target].isin or ()
    if data.task == "multiclass":
        return {label: str(label) for label in sorted(labels)}
    if data.task == "binary":
        others = [str(label) for label in labels if label != data.positive]
        negative = others[0] if len(others) == 1 else f"not {data.positive}"
        return {False: negative, True: str(data.positive)}
    return {}


class ClassSummary(NamedTuple):
    """Number of rows of each class, by its label as text."""

    counts: Counter[str]

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """Count the rows of each class that occurs."""
        counts = values.value_counts()
        return cls(Counter({str(k): int(n) for k, n in counts.items() if n}))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.counts.total()

    def merge(self, other: Self) -> Self:
        """Return the summary of the rows of both."""
        return self._replace(counts=self.counts + other.counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of rows, in all and by class, for a report."""
        return {"rows": self.rows, "classes": dict(sorted(self.counts.items()))}

    def problem(self, data: Data) -> str | None:
        """Return why a model cannot be trained or evaluated on these rows, or None."""
        if len(self.counts) < 2:
            return f"has {self.rows} rows of {len(self.counts)} class(es)"
        if data.positive is not None and str(data.positive) not in self.counts:
            return f'has no row of the positive class "{data.positive}"'
        return None


class NumberSummary(NamedTuple):
    """Number, range and exact sum of numbers, which do not depend on their order."""

    rows: int
    low: float
    high: float
    total: Fraction

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """Summarise numbers."""
        numbers = values.to_numpy(dtype=np.float64)
        low, high = numbers.min(initial=np.inf), numbers.max(initial=-np.inf)
        return cls(len(numbers), float(low), float(high), exact_sum(numbers))

    def merge(self, other: Self) -> Self:
        """Return the summary of the rows of both."""
        return self._replace(
            rows=self.rows + other.rows,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            total=self.total + other.total,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return number of rows, range and mean for a report."""
        if not self.rows:
            return {"rows": 0, "target": None}
        mean = float(self.total / self.rows)
        return {
            "rows": self.rows,
            "target": {"min": self.low, "mean": mean, "max": self.high},
        }

    def problem(self, _: Data) -> str | None:
        """Return why a model cannot be trained or evaluated on these rows, or None."""
        return f"has {self.rows} row(s)" if self.rows < 2 else None


TargetSummary = ClassSummary | NumberSummary

KINDS: dict[str, type[ClassSummary] | type[NumberSummary]] = {
    "binary": ClassSummary,
    "multiclass": ClassSummary,
    "regression": NumberSummary,
}


def summarise_target(values: pd.Series, data: Data) -> TargetSummary:
    """Return a summary of the values of the target in some rows."""
    return KINDS[data.task].of(values)


def summarise_table_target(table: Path, data: Data, compute: Compute) -> TargetSummary:
    """Return a summary of the values of the target in a table of parts."""
    found = map_kept(
        partial(_summarise_part, data=data),
        table,
        compute,
        [data.target],
        pack=pack_summaries,
        unpack=partial(unpack_summaries, data=data),
    )
    return merge_summaries(summary for (summary,) in found)


def _summarise_part(_: int, rows: pd.DataFrame, data: Data) -> list[TargetSummary]:
    return [summarise_target(rows[data.target], data)]


def pack_summaries(summaries: Iterable[TargetSummary]) -> list[Any]:
    """Return summaries as JSON that loses nothing."""
    return [
        dict(one.counts)
        if isinstance(one, ClassSummary)
        else [one.rows, one.low.hex(), one.high.hex(), str(one.total)]
        for one in summaries
    ]


def unpack_summaries(packed: Iterable[Any], data: Data) -> list[TargetSummary]:
    """Return the summaries that `pack_summaries` made JSON of."""
    if KINDS[data.task] is ClassSummary:
        return [ClassSummary(Counter(counts)) for counts in packed]
    return [
        NumberSummary(rows, float.fromhex(low), float.fromhex(high), Fraction(total))
        for rows, low, high, total in packed
    ]


def merge_summaries(summaries: Iterable[TargetSummary]) -> TargetSummary:
    """Return the summary of all rows, which does not depend on how they were split."""
    first, *others = summaries
    whole: Any = first
    for other in others:
        whole = whole.merge(other)
    merged: TargetSummary = whole
    return merged


def exact_sum(numbers: npt.NDArray[np.float64]) -> Fraction:
    """Return the sum without rounding, so that it does not depend on the order."""
    mantissas, exponents = np.frexp(numbers)
    digits = (mantissas * 2.0**53).astype(np.int64)
    total = Fraction(0)
    for exponent in np.unique(exponents):
        some = digits[exponents == exponent]
        # In halves, because sums of 53-bit numbers may exceed 64 bits.
        whole = (int((some >> 32).sum()) << 32) + int((some & 0xFFFFFFFF).sum())
        total += whole * Fraction(2) ** (int(exponent) - 53)
    return total


def rare_class(counts: Mapping[str, int]) -> str | None:
    """Return the rarest class if classes are imbalanced, else None.

    Classes with fewer than CLASS_ROWS rows are not considered.
    """
    frequent = {label: n for label, n in sorted(counts.items()) if n >= CLASS_ROWS}
    rarest = min(frequent, key=frequent.__getitem__, default=None)
    if rarest is None or max(frequent.values()) <= IMBALANCE * frequent[rarest]:
        return None
    return rarest
