"""The sample table and its contract. `rml data` removes this file with the sample."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest

from tumour_diagnosis.datasets.sample import breast_cancer, main

from ..conftest import ROOT, project_contract


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return breast_cancer()


def test_sample_is_the_published_table(rows: pd.DataFrame) -> None:
    assert rows.shape == (569, 31)
    counts = rows["diagnosis"].value_counts().to_dict()
    assert counts == {"benign": 357, "malignant": 212}
    assert all(name.isidentifier() for name in rows.columns)


def test_stage_writes_the_same_bytes_and_no_number_loses_a_digit(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    raw = tmp_path / "data/raw/sample.csv"
    main(raw)
    first = raw.read_bytes()
    main(raw)
    assert raw.read_bytes() == first
    assert b"\r" not in first
    found = pd.read_csv(raw, dtype="str")
    numbers = found.drop(columns="diagnosis").map(float)
    assert numbers.equals(rows.drop(columns="diagnosis"))
    assert list(found.columns) == list(rows.columns)


def test_contract_describes_every_column_and_accepts_the_sample(
    rows: pd.DataFrame,
) -> None:
    contract = project_contract()
    assert list(contract.columns) == list(rows.columns)
    assert all(column.description for column in contract.columns.values())
    schema = pa.DataFrameSchema.from_yaml(ROOT / "data" / "schema.yaml")
    schema.validate(rows.astype({"diagnosis": "category"}), lazy=True)


# A range so wide that no typing error falls out of it would be no check.
def test_ranges_are_less_than_four_times_the_largest_value(
    rows: pd.DataFrame,
) -> None:
    for name, column in project_contract().columns.items():
        if column.in_range:
            assert column.in_range.max_value < 4 * rows[name].max(), name
