"""Features of a few rows without pandas: the same numbers as the pipeline, faster.

A pipeline takes milliseconds for a single row, most of them in pandas. Transformers
that are known here are computed with NumPy; each other one gets a small DataFrame. A
test compares the results with those of the pipeline, to the bit.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

from reproducible_ml.contract.schema import CALENDAR, Contract
from reproducible_ml.core.outliers import clip
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    CategoryColumns,
    Clip,
    Numbers,
)
from reproducible_ml.serving.model import Model

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

DAY = np.timedelta64(1, "D")


class Values(Protocol):
    """Valid rows, by column."""

    def numbers(self, names: Sequence[str]) -> Floats:
        """Return numbers and booleans as columns of floats, NaN if missing."""

    def codes(self, name: str) -> Codes:
        """Return the place of each category in the contract, -1 if missing."""

    def dates(self, name: str) -> npt.NDArray[np.datetime64]:
        """Return dates in nanoseconds."""

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Return columns as pandas has them."""


# What makes features of rows: a column for each.
Block = Callable[[Values], Any]


class Features:
    """The features of a pipeline, for rows of its contract."""

    def __init__(
        self, blocks: Sequence[Block], needs_pandas: bool, by_column: bool
    ) -> None:
        """Prepare; see `of`.

        Args:
            blocks: What makes them.
            needs_pandas: Whether a block does.
            by_column: Whether the estimator gets them as they come; else row by row.
        """
        self.blocks = blocks
        self.by_column = by_column
        self.needs_pandas = needs_pandas

    @classmethod
    def of(cls, model: Model) -> "Features | None":
        """Return the features of a model; None if they depend on other rows."""
        steps = [step for _, step in model.pipeline[:-1].steps]
        clips = bool(steps) and type(steps[0]) is Clip
        bounds = steps.pop(0).bounds if clips else {}
        if not model.is_row_by_row or len(steps) != 1:
            return None
        [columns] = steps
        if type(columns) is not ColumnTransformer or columns.sparse_output_:
            return None
        maker = _Maker(model.contract, bounds)
        blocks = [
            maker.block(step, [*names])
            for _, step, names in columns.transformers_
            if not isinstance(step, str) and len(names)
        ]
        return cls(blocks, maker.needs_pandas, model.trees is not None)

    def matrix(self, rows: Values) -> Floats:
        """Return the features of rows, as the pipeline gives them to the estimator."""
        found = [block(rows) for block in self.blocks]
        matrix: Floats = np.hstack(found) if len(found) > 1 else found[0]
        return matrix if self.by_column else np.ascontiguousarray(matrix)


class _Maker:
    """Makes the blocks of one pipeline."""

    def __init__(self, contract: Contract, bounds: dict[str, Any]) -> None:
        self.contract = contract
        self.bounds = bounds
        self.needs_pandas = False

    def block(self, step: Any, names: list[str]) -> Block:
        """Return what does the same as a fitted transformer."""
        if isinstance(step, Pipeline):
            first, *others = [each for _, each in step.steps]
            return _chain(self.block(first, names), others)
        kinds = {self.contract.columns[name].dtype for name in names}
        numeric = kinds <= {"float64", "int64", "Int64", "bool", "boolean"}
        if type(step) is CategoryColumns and self._has_codes(step, names):
            return _one_hot([len(step.categories[name]) for name in names], names)
        if type(step) is CategoryCodes and self._has_codes(step, names):
            return lambda rows: _codes(rows, names)
        if type(step) is Calendar and not self.bounds.keys() & {*names}:
            return _calendar(step, names)
        if numeric and type(step) is Numbers:
            empty, numbers = step.empty_, self._numbers(names)
            return lambda rows: np.where(empty, 0, numbers(rows))
        if kinds == {"float64"} and _passes(step):
            return self._numbers(names)
        self.needs_pandas = True
        limits = {name: self.bounds[name] for name in names if name in self.bounds}
        if _passes(step):
            return lambda rows: clip(rows.frame(names), limits).to_numpy()
        return lambda rows: step.transform(clip(rows.frame(names), limits))

    def _has_codes(self, step: CategoryCodes, names: list[str]) -> bool:
        """Return whether the codes of a transformer are places in the contract."""
        columns = self.contract.columns
        return list(step.categories) == names and all(
            columns[name].dtype == "category"
            and list(columns[name].isin or ()) == step.categories[name]
            for name in names
        )

    def _numbers(self, names: list[str]) -> Callable[[Values], Floats]:
        """Return what gives numbers, clipped as `clip` does."""
        low = np.full(len(names), -np.inf)
        high = np.full(len(names), np.inf)
        for place, name in enumerate(names):
            if name in self.bounds:
                low[place], high[place] = self.bounds[name]
                if self.contract.columns[name].dtype in ("int64", "Int64"):
                    low[place] = math.ceil(low[place])
                    high[place] = math.floor(high[place])
        if not self.bounds.keys() & {*names}:
            return lambda rows: rows.numbers(names)
        return lambda rows: np.clip(rows.numbers(names), low, high)


def _passes(step: Any) -> bool:
    """Return whether a step of a pipeline gives what it gets."""
    nothing = type(step) is FunctionTransformer and step.func is None
    return nothing or step is None or step == "passthrough"


def _chain(first: Block, steps: Sequence[Any]) -> Block:
    """Return a block, followed by transformers of arrays."""
    flat: list[Any] = []
    for step in steps:
        flat += (
            [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]
        )
    known = [_of_array(step) for step in flat if not _passes(step)]

    def run(rows: Values) -> Any:
        found = first(rows)
        for each in known:
            found = each(found)
        return found

    return run


def _of_array(step: Any) -> Callable[[Any], Any]:
    """Return what does the same as a transformer of arrays."""
    if type(step) is Numbers:
        return lambda found: np.where(step.empty_, 0, found)
    if type(step) is MaxAbsScaler and not getattr(step, "clip", False):
        return lambda found: found / step.scale_
    if type(step) is StandardScaler and step.with_mean and step.with_std:
        return lambda found: (found - step.mean_) / step.scale_
    if type(step) is SimpleImputer and _imputes_all(step):
        indicated = step.indicator_.features_ if step.add_indicator else []

        def impute(found: Floats) -> Floats:
            missing = np.isnan(found)
            filled = np.where(missing, step.statistics_, found)
            return np.hstack([filled, missing[:, indicated]])

        return impute
    return lambda found: step.transform(found)


def _imputes_all(step: SimpleImputer) -> bool:
    """Return whether each missing value gets a number."""
    is_nan = isinstance(step.missing_values, float) and math.isnan(step.missing_values)
    return is_nan and not np.isnan(step.statistics_).any()


def _codes(rows: Values, names: list[str]) -> Floats:
    codes = np.column_stack([rows.codes(name) for name in names])
    return np.where(codes < 0, np.nan, codes)


def _one_hot(sizes: list[int], names: list[str]) -> Block:
    starts = np.cumsum([0, *sizes[:-1]])
    total = sum(sizes)

    def run(rows: Values) -> Floats:
        codes = np.column_stack([rows.codes(name) for name in names])
        found = np.zeros((len(codes), total))
        which, column = np.nonzero(codes >= 0)
        found[which, starts[column] + codes[which, column]] = 1
        return found

    return run


def _calendar(step: Calendar, names: list[str]) -> Block:
    fields = step.fields or dict.fromkeys(names, CALENDAR)
    wanted = {name: [FIELDS[field] for field in fields[name]] for name in names}

    def run(rows: Values) -> Floats:
        found = []
        for name, functions in wanted.items():
            dates = rows.dates(name)
            missing = np.isnat(dates)
            columns = [np.asarray(each(dates), np.float64) for each in functions]
            for column in columns:
                column[missing] = np.nan
            found += columns
        return np.column_stack(found)

    return run


def _years(dates: Any) -> Any:
    return dates.astype("datetime64[Y]").astype(np.int64) + 1970


def _months(dates: Any) -> Any:
    return dates.astype("datetime64[M]").astype(np.int64) % 12 + 1


def _days(dates: Any) -> Any:
    return dates.astype("datetime64[D]").astype(np.int64)


# As pandas defines them; 1970-01-01 was a Thursday.
FIELDS: dict[str, Callable[[Any], Any]] = {
    "year": _years,
    "month": _months,
    "day": lambda d: _days(d) - _days(d.astype("datetime64[M]")) + 1,
    "day_of_week": lambda d: (_days(d) + 3) % 7,
    "hour": lambda d: d.astype("datetime64[h]").astype(np.int64) % 24,
    "days": _days,
}
