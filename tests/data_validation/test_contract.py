"""The committed contract, whatever table it is about."""

from pathlib import Path

import pandera.pandas as pa
import pytest
from pandera.engines.pandas_engine import Engine

from reproducible_ml.contract.schema import Contract, load_contract
from reproducible_ml.core.params import load_params
from tumour_diagnosis.params import Params

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "data" / "schema.yaml"


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def contract(params: Params) -> Contract:
    return load_contract(SCHEMA, params.data)


def test_pandera_and_this_project_read_the_same_contract(contract: Contract) -> None:
    schema = pa.DataFrameSchema.from_yaml(SCHEMA)
    assert schema.strict
    # By pandera's own reading of a type: to it, `str` is text that pyarrow holds.
    assert {name: column.dtype for name, column in schema.columns.items()} == {
        name: Engine.dtype(column.dtype) for name, column in contract.columns.items()
    }
    assert {name: column.nullable for name, column in schema.columns.items()} == {
        name: column.nullable for name, column in contract.columns.items()
    }


def test_contract_leaves_something_to_learn_from(
    contract: Contract, params: Params
) -> None:
    assert contract.features(params.data)
