"""The committed contract, and the tables of the last run if there are any in data/."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.engines.pandas_engine import Engine

from reproducible_ml.contract.checks import broken_rules
from reproducible_ml.contract.schema import Data
from reproducible_ml.core.params import load_section
from reproducible_ml.core.parts import parts, read_part, read_table
from tumour_diagnosis.datasets.split import Split, is_test

from ..conftest import ROOT, project_contract, project_params

VALIDATED = ROOT / "data/interim/validated"
CLEAN = ROOT / "data/interim/clean"
TRAIN, TEST = ROOT / "data/processed/train", ROOT / "data/processed/test"
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


def require(*tables: Path) -> None:
    if missing := [table.name for table in tables if not [*table.glob("part-*")]]:
        pytest.skip(f"no table {', '.join(missing)}: run `make repro` or `dvc pull`")


def portions(table: Path) -> Iterator[pd.DataFrame]:
    return map(read_part, parts(table))


@pytest.mark.parametrize("table", [VALIDATED, CLEAN, TRAIN, TEST], ids=lambda p: p.name)
def test_rows_have_the_columns_and_types_of_the_contract(table: Path) -> None:
    require(table)
    contract = project_contract()
    for rows in portions(table):
        assert list(rows.columns) == list(contract.columns)
        for name, column in contract.columns.items():
            if column.dtype != "category":
                assert str(rows[name].dtype) == column.dtype, name
            assert column.nullable or not rows[name].isna().any(), name


def test_validated_rows_meet_the_contract() -> None:
    require(VALIDATED)
    for rows in portions(VALIDATED):
        assert [
            (n, rule) for n, rule, _ in broken_rules(rows, project_contract())
        ] == []


def test_training_and_test_rows_are_the_clean_rows_and_do_not_overlap() -> None:
    require(CLEAN, TRAIN, TEST)
    sides = [read_table(table, []).index for table in (TRAIN, TEST)]
    assert not {*sides[0]} & {*sides[1]}
    every = sorted([*sides[0], *sides[1]])
    assert every == sorted(read_table(CLEAN, []).index)


def test_each_row_is_on_its_side_of_the_split() -> None:
    require(TRAIN, TEST)
    split = load_section(Split, ROOT / "params.yaml")
    for table, expected in ((TRAIN, False), (TEST, True)):
        for rows in portions(table):
            assert (is_test(rows, DATA, split) == expected).all()


def test_groups_are_whole_and_training_rows_are_earlier() -> None:
    require(TRAIN, TEST)
    method = project_params().get("split", {}).get("method", "hash")
    if method == "group":
        sides = [{*read_table(table)[DATA.group]} for table in (TRAIN, TEST)]
        assert not sides[0] & sides[1]
    elif method == "time":
        train, test = (read_table(table)[DATA.time] for table in (TRAIN, TEST))
        assert train.max() < test.min()
    else:
        pytest.skip(f"split.method is {method}")
