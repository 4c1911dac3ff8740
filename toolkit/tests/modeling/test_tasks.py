"""Tests of reproducible_ml.modeling.metrics.tasks."""

from typing import get_args

import pytest

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.metrics.binary import Binary
from reproducible_ml.modeling.metrics.multiclass import Multiclass
from reproducible_ml.modeling.metrics.regression import Regression
from reproducible_ml.modeling.metrics.tasks import TASKS, make_task


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"positive": "a"}, Binary),
        ({"task": "multiclass"}, Multiclass),
        ({"task": "regression"}, Regression),
    ],
)
def test_params_name_the_task(data: dict[str, str], expected: type) -> None:
    column = {"dtype": "category", "isin": ["a", "b"]}
    contract = Contract.model_validate({"columns": {"y": column}})
    task = make_task(contract, Data.model_validate({"target": "y", **data}))
    assert type(task) is expected


def test_every_task_that_params_allow_is_known() -> None:
    assert set(TASKS) == set(get_args(Data.model_fields["task"].annotation))
