"""A small table of orders with every kind of column, and its contract."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Contract, Data

WORDS = {"metadata": {"treatment": "bag_of_words"}}
MEANS = {"metadata": {"treatment": "target_encoding"}}
COLUMNS: dict[str, dict[str, Any]] = {
    "order": {"dtype": "int64"},
    "amount": {"dtype": "float64", "nullable": True},
    "items": {"dtype": "Int64", "nullable": True},
    "price": {"dtype": "float64"},
    "member": {"dtype": "bool"},
    "insured": {"dtype": "boolean", "nullable": True},
    "channel": {"dtype": "category", "isin": ["shop", "web"], "nullable": True},
    "size": {"dtype": "category", "isin": [1, 2, 3]},
    "ordered_at": {"dtype": "datetime64[ns]", "nullable": True},
    "postcode": {"dtype": "str", "nullable": True, **MEANS},
    "depot": {"dtype": "Int64", "nullable": True, **MEANS},
    "complaint": {"dtype": "str", "nullable": True, **WORDS},
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
    """Return 270 rows; each nullable column misses every ninth value, at another row.

    Half of the orders that come back were broken, and say so.
    """
    number = np.arange(270)
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(number, unit="D"))
    channel = pd.Series(np.where(number % 2 == 0, "shop", "web"))
    postcode = pd.Series([f"{n % 20:05d}" for n in number])
    returned = number % 7 < 3
    complaint = pd.Series(np.where(returned & (number % 2 == 0), "Broken!", "Thanks"))
    return pd.DataFrame(
        {
            "order": number,
            "amount": np.where(number % 9 == 0, np.nan, number / 10),
            "items": pd.Series(number % 5, dtype="Int64").mask(number % 9 == 1),
            "price": number % 7 + number / 90,
            "member": number % 4 == 0,
            "insured": pd.Series(number % 3 == 0, dtype="boolean").mask(
                number % 9 == 2
            ),
            "channel": channel.mask(number % 9 == 3).astype(
                pd.CategoricalDtype(["shop", "web"])
            ),
            "size": pd.Categorical(number % 3 + 1, categories=[1, 2, 3]),
            "ordered_at": days.mask(number % 9 == 4).astype("datetime64[ns]"),
            "postcode": postcode.mask(number % 9 == 5).astype("str"),
            "depot": pd.Series(number % 30, dtype="Int64").mask(number % 9 == 6),
            "complaint": complaint.mask(number % 9 == 7).astype("str"),
            "note": "left at the door",
            "returned": pd.Categorical(
                np.where(returned, "yes", "no"), categories=["no", "yes"]
            ),
        }
    )
