"""Tests of reproducible_ml.reading.kept_rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.profiling.infer import infer
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import read_chunks, text_batches

ROWS = 60_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than are looked at text by text, of all kinds of columns."""
    random = np.random.default_rng(0)
    numbers = np.arange(ROWS)
    table = {
        "float": random.normal(size=ROWS).round(4),
        "gaps": np.where(numbers % 9, random.normal(size=ROWS).round(3), np.nan),
        "marks": np.where(numbers % 7, numbers / 8, "?"),
        "late": np.where(numbers < ROWS / 2, numbers, numbers / 4),
        "whole": random.permutation(numbers),
        "coded": np.where(numbers % 50, random.permutation(numbers), 99_999_999),
        "money": [f"{value:,.2f}" for value in random.lognormal(8, 2, ROWS)],
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(numbers, "min"),
        "kind": random.choice(["a", "b ", "NA", "ü"], ROWS),
        "name": [f"n{number % 20_000}" for number in numbers],
        "flag": random.choice(["yes", "no", ""], ROWS),
    }
    path = tmp_path_factory.mktemp("kept") / "table.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def keep(file: Path, folder: Path) -> tuple[KeptRows, dict[str, Column]]:
    kept = KeptRows(folder / "kept", file)
    found = infer([file], lambda f: text_batches(f, CsvDialect()), Hints(), kept)
    return kept, {name: one.column for name, one in found.items()}


def test_rows_are_those_of_the_file(file: Path, tmp_path: Path) -> None:
    kept, columns = keep(file, tmp_path)
    # Values that are read as missing are not known as such while rows are kept.
    declared = [name for name, column in columns.items() if column.metadata.missing]
    assert {"marks", "coded"} <= {*declared}
    assert not kept.fit(Contract(columns=columns))
    del columns["coded"], kept.types["coded"]
    contract = Contract(columns=columns)
    typed = {name for name, kinds in kept.types.items() if kinds - {pa.string()}}
    assert {"float", "gaps", "whole", "late", "day", "kind"} <= typed
    assert kept.fit(contract)
    every = Contract(columns=keep(file, tmp_path)[1])
    read = list(read_chunks([file], every, 25_000))
    again = list(kept.chunks(contract, 25_000))
    assert [chunk[:3] for chunk in again] == [chunk[:3] for chunk in read]
    for old, new in zip(read, again, strict=True):
        a, b = (chunk.rows.select(list(columns)).to_pandas() for chunk in (old, new))
        pd.testing.assert_frame_equal(a.astype(b.dtypes), b, check_categorical=False)


@pytest.mark.parametrize(
    "column",
    [
        Column(dtype="float64", metadata=ColumnMetadata(missing=("7",))),
        Column(dtype="float64", metadata=ColumnMetadata(decimal=",")),
        Column(dtype="str"),
        Column(dtype="category", isin=(1, 2)),
    ],
)
def test_values_do_not_stand_for_other_texts(
    file: Path, tmp_path: Path, column: Column
) -> None:
    kept, columns = keep(file, tmp_path)
    del columns["coded"], kept.types["coded"]
    assert kept.fit(Contract(columns=columns))
    fits = kept.fit(Contract(columns=columns | {"float": column}))
    assert not fits
    assert not kept.fit(Contract(columns={"float": columns["float"]}))
