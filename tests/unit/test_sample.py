"""Tests of tumour_diagnosis.datasets.sample."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from tumour_diagnosis.datasets.sample import breast_cancer, main


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return breast_cancer()


def test_breast_cancer_is_the_published_table(rows: pd.DataFrame) -> None:
    assert rows.shape == (569, 31)
    assert rows["diagnosis"].value_counts().to_dict() == {
        "benign": 357,
        "malignant": 212,
    }


def test_breast_cancer_has_names_that_need_no_quotes(rows: pd.DataFrame) -> None:
    assert all(name.isidentifier() for name in rows.columns)


def test_main_writes_numbers_without_loss(rows: pd.DataFrame, tmp_path: Path) -> None:
    main(tmp_path / "tumours.csv")
    with (tmp_path / "tumours.csv").open() as file:
        header, *lines = csv.reader(file)
    assert header == list(rows.columns)
    numbers = [[float(value) for value in line[:-1]] for line in lines]
    assert numbers == rows.drop(columns="diagnosis").to_numpy().tolist()


def test_main_writes_the_same_bytes_again(tmp_path: Path) -> None:
    raw = tmp_path / "tumours.csv"
    main(raw)
    first = raw.read_bytes()
    main(raw)
    assert raw.read_bytes() == first
    assert b"\r" not in first


def test_main_makes_the_folder_it_needs(tmp_path: Path) -> None:
    main(tmp_path / "data/raw/tumours.csv")
    assert [path.name for path in (tmp_path / "data/raw").iterdir()] == ["tumours.csv"]
