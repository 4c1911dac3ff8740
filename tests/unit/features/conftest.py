"""A small table of orders with every kind of column, and its contract."""

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.datasets.schema import Contract
from reproducible_ml.params import Data

COLUMNS = {
    "order": {"dtype": "int64"},
    "amount": {"dtype": "float64", "nullable": True},
    "items": {"dtype": "Int64", "nullable": True},
    "member": {"dtype": "bool"},
    "channel": {"dtype": "category", "isin": ["shop", "web"], "nullable": True},
    "size": {"dtype": "category", "isin": [1, 2, 3]},
    "ordered_at": {"dtype": "datetime64[ns]", "nullable": True},
    "note": {"dtype": "str"},
    "returned": {"dtype": "category", "isin": ["no", "yes"]},
}


@pytest.fixture
def contract() -> Contract:
    return Contract.model_validate({"columns": COLUMNS})


@pytest.fixture
def data() -> Data:
    return Data(target="returned", positive="yes", id=("order",))


@pytest.fixture
def orders() -> pd.DataFrame:
    """Return 90 rows; each nullable column misses every ninth value, at another row."""
    number = np.arange(90)
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(number, unit="D"))
    channel = pd.Series(np.where(number % 2 == 0, "shop", "web"))
    return pd.DataFrame(
        {
            "order": number,
            "amount": np.where(number % 9 == 0, np.nan, number / 10),
            "items": pd.Series(number % 5, dtype="Int64").mask(number % 9 == 1),
            "member": number % 4 == 0,
            "channel": channel.mask(number % 9 == 2).astype(
                pd.CategoricalDtype(["shop", "web"])
            ),
            "size": pd.Categorical(number % 3 + 1, categories=[1, 2, 3]),
            "ordered_at": days.mask(number % 9 == 3).astype("datetime64[ns]"),
            "note": "left at the door",
            "returned": pd.Categorical(
                np.where(number % 7 < 3, "yes", "no"), categories=["no", "yes"]
            ),
        }
    )
