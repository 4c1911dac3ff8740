"""The committed contract, whatever table it is about."""

import pandera.pandas as pa
from pandera.engines.pandas_engine import Engine

from reproducible_ml.contract.schema import Data

from ..conftest import ROOT, project_contract, project_params

DATA = Data.model_validate(project_params()["data"])


def test_pandera_reads_the_contract_alike() -> None:
    schema = pa.DataFrameSchema.from_yaml(ROOT / "data" / "schema.yaml")
    columns = project_contract().columns
    assert schema.strict
    # By pandera's own reading of a type: to it, `str` is text that pyarrow holds.
    assert {name: column.dtype for name, column in schema.columns.items()} == {
        name: Engine.dtype(column.dtype) for name, column in columns.items()
    }
    assert {name: column.nullable for name, column in schema.columns.items()} == {
        name: column.nullable for name, column in columns.items()
    }


def test_target_can_be_predicted_from_some_feature() -> None:
    contract = project_contract()
    features = contract.features(DATA)
    assert features
    assert not {DATA.target, *DATA.id, DATA.group} & {*features}
