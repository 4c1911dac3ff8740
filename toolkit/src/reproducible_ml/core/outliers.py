"""Outliers of numeric columns: learn bounds, find values beyond them, clip them."""

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from reproducible_ml.core.params import Section

Mask = npt.NDArray[np.bool_]
Bounds = dict[str, tuple[float, float]]


class Outliers(Section):
    """Which values of numeric columns are outliers, and what to do with them."""

    action: Literal["keep", "clip", "drop"] = "keep"
    method: Literal["quantile", "iqr"] = "quantile"
    tail: Annotated[float, Field(strict=True, ge=0, lt=0.5)] = 0.001
    factor: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 3.0


def learn_bounds(values: pd.DataFrame, params: Outliers) -> Bounds:
    """Return for each column the lowest and highest value that is not an outlier.

    The method `quantile` cuts off the share `tail` at each end; `iqr` goes `factor`
    times the interquartile range beyond the quartiles (Tukey, "Exploratory Data
    Analysis", 1977).
    """
    if params.method == "quantile":
        low, high = (values.quantile(q) for q in (params.tail, 1 - params.tail))
    else:
        first, third = values.quantile(0.25), values.quantile(0.75)
        reach = params.factor * (third - first)
        low, high = first - reach, third + reach
    known = low.dropna().index
    # Turns -0.0 into 0.0: which of them sorts first depends on the processor.
    return {
        str(name): (float(low[name]) + 0.0, float(high[name]) + 0.0) for name in known
    }


def clip(frame: pd.DataFrame, bounds: Bounds) -> pd.DataFrame:
    """Return the rows with outliers set to the nearest bound; integers stay whole."""
    return frame.assign(**{n: _clip(frame[n], *limits) for n, limits in bounds.items()})


def _clip(values: pd.Series, low: float, high: float) -> pd.Series:
    if pd.api.types.is_integer_dtype(values):
        return values.clip(math.ceil(low), math.floor(high))
    # The same as values.clip, five times faster on the few rows of one request.
    clipped = np.clip(values.to_numpy(), low, high)
    return pd.Series(clipped, values.index, copy=False)


def has_outlier(frame: pd.DataFrame, bounds: Bounds) -> Mask:
    """Return for each row whether any of its values is out of bounds."""
    found = np.zeros(len(frame), dtype=bool)
    for name, (low, high) in bounds.items():
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        found |= (values < low) | (values > high)
    return found
