"""Tests of reproducible_ml.quality.raw_rows."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.raw_rows import ROWS, read_chunks

COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"dtype": "str"},
    "age": {"dtype": "Int64", "nullable": True},
}


def contract(**dialect: Any) -> Contract:
    return Contract.model_validate({"columns": COLUMNS, "metadata": dialect})


def read(path: Path, **dialect: Any) -> list[tuple[int, Any, Any]]:
    """Return line, name and age of each row of a file without findings."""
    findings: list[Finding] = []
    rows = [
        row
        for chunk in read_chunks(path, contract(**dialect), findings)
        for row in zip(
            chunk.lines.tolist(),
            chunk.columns["name"].to_pylist(),
            chunk.columns["age"].to_pylist(),
            strict=True,
        )
    ]
    assert findings == []
    return rows


def problems(path: Path, **dialect: Any) -> list[str]:
    findings: list[Finding] = []
    for _ in read_chunks(path, contract(**dialect), findings):
        pass
    return [str(finding).removeprefix(f"{path.parent}/") for finding in findings]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_csv_has_texts_and_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'age,name\n40,"A\nnn"\n\n,Bob\n')
    assert read(path) == [(2, "A\nnn", "40"), (5, "Bob", "")]


def test_json_lines_have_texts_and_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '\n{"age": 4.0, "name": "Ann"}\n{"name": "Bob"}')
    assert read(path) == [(2, "Ann", "4.0"), (3, "Bob", None)]


def test_parquet_has_values_and_their_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [40, 50], "name": ["Ann", "Bob"]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [(1, "Ann", 40), (2, "Bob", 50)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_chunks_are_bounded(tmp_path: Path, name: str) -> None:
    rows = {
        "a.csv": "name,age\n" + "Ann,40\n" * (ROWS + 1),
        "a.jsonl": '{"name": "Ann", "age": 40}\n' * (ROWS + 1),
    }
    chunks = read_chunks(write(tmp_path / name, rows[name]), contract(), [])
    assert [len(chunk.lines) for chunk in chunks] == [ROWS, 1]


def test_key_that_no_object_has_may_be_optional(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"name": "Ann"}\n')
    assert read(path) == [(1, "Ann", None)]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ('{"age": 1}\n', ['a.jsonl: lacks the column "name"']),
        (
            '{"name": "a", "age": 1}\n{"name": "b", "x": 2}\n',
            ['a.jsonl line 2: has an unknown column "x"'],
        ),
        (
            '\n{"name": "a", "Age": 1}\n',
            ['a.jsonl line 2, column "Age": looks like "age", but differs by case'],
        ),
    ],
)
def test_keys_of_objects_are_judged(
    tmp_path: Path, objects: str, expected: list[str]
) -> None:
    found = problems(write(tmp_path / "a.jsonl", objects))
    assert [line.split(". ")[0] for line in found] == expected


def test_header_that_stands_below_a_preamble_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Report\n\nname,age\nAnn,40\n")
    assert problems(path) == [
        "a.csv line 3: is the header, which is expected elsewhere."
        " Set metadata: {preamble: 2} in data/schema.yaml."
    ]


def test_header_that_is_taken_for_a_preamble_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "age,name\n40,Ann\n50,Bob\n")
    assert problems(path, preamble=1) == [
        "a.csv line 1: is the header, which is expected elsewhere."
        " Set metadata: {preamble: 0} in data/schema.yaml."
    ]


def test_doubled_column_does_not_make_a_header_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "name,age,age\nAnn,40,40\n")
    (line,) = problems(path)
    assert line.startswith('a.csv line 1: has the column "age" twice.')


def test_names_of_parquet_columns_are_judged(tmp_path: Path) -> None:
    pd.DataFrame({"name": ["Ann"]}).to_parquet(tmp_path / "a.parquet")
    (line,) = problems(tmp_path / "a.parquet")
    assert line.startswith('a.parquet: lacks the column "age".')


def test_types_of_parquet_columns_are_judged(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["Ann"], "age": [[40]]})
    frame.to_parquet(tmp_path / "a.parquet")
    (line,) = problems(tmp_path / "a.parquet")
    assert line.startswith('a.parquet, column "age": holds list<element: int64>')
    assert "Flatten it" in line
