"""Lines of a raw file that do not meet the contract."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.diagnose import diagnose, diagnose_duplicates

COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"dtype": "str"},
    "age": {"dtype": "int64", "in_range": {"min_value": 0, "max_value": 120}},
    "height": {"dtype": "float64", "nullable": True, "less_than": 3e18},
    "member": {"dtype": "bool"},
    "joined": {"dtype": "datetime64[ns]"},
}
CONTRACT = Contract.model_validate({"columns": COLUMNS})
HEADER = "name,age,height,member,joined\n"
GOOD = "Ann,40,1.7,true,2024-01-31\n"


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + "".join(lines)).encode())
    return path


def places(findings: list[Finding]) -> list[tuple[Any, ...]]:
    return [(f.line, f.column, f.value, f.rows) for f in findings]


# Large numbers that a float holds, unlike 9007199254740993, are valid.
@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        *(GOOD.replace("1.7", n) for n in ("1e17", "9007199254740994", "-1.5e17")),
        GOOD.replace("40", " 40"),
    ],
)
def test_valid_file_has_no_findings(tmp_path: Path, row: str) -> None:
    assert diagnose(write(tmp_path, row), CONTRACT) == []


@pytest.mark.parametrize(
    ("bad", "column", "value"),
    [
        ("Bob,forty,1.7,true,2024-01-31\n", "age", "forty"),
        ("Bob,4.5,1.7,true,2024-01-31\n", "age", "4.5"),
        (f"Bob,{2**63},1.7,true,2024-01-31\n", "age", str(2**63)),
        ("Bob,130,1.7,true,2024-01-31\n", "age", "130"),
        ("Bob,NA,1.7,true,2024-01-31\n", "age", "NA"),
        ("Bob,40,1;7,true,2024-01-31\n", "height", "1;7"),
        ("Bob,40,inf,true,2024-01-31\n", "height", "inf"),
        ("Bob,40,9007199254740993,true,2024-01-31\n", "height", "9007199254740993"),
        ("Bob,40,1.7,maybe,2024-01-31\n", "member", "maybe"),
        ("Bob,40,1.7,true,31.01.2024\n", "joined", "31.01.2024"),
        ("Bob,40,1.7,true,2024-02-30\n", "joined", "2024-02-30"),
    ],
)
def test_invalid_value_is_reported_once_with_its_first_line_and_rows(
    tmp_path: Path, bad: str, column: str, value: str
) -> None:
    path = write(tmp_path, GOOD, GOOD, bad, GOOD, bad)
    (finding,) = diagnose(path, CONTRACT)
    assert finding.file == path
    assert places([finding]) == [(4, column, value, 2)]


def test_values_are_reported_in_the_order_of_lines(tmp_path: Path) -> None:
    rows = [GOOD.replace("40", age) for age in ("x", "y", "x", "200", "y", "x")]
    rows[1] = rows[1].replace("1.7", "tall")
    assert places(diagnose(write(tmp_path, *rows), CONTRACT)) == [
        (2, "age", "x", 3),
        (3, "age", "y", 2),
        (3, "height", "tall", 1),
        (5, "age", "200", 1),
    ]


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ('"Ann\nMay\nLee",40,1.7,true,2024-01-31\n', 3),
        ('"Ann\r\nMay",40,1.7,true,2024-01-31\n', 2),
        ("\n\n" + GOOD, 3),
    ],
)
@pytest.mark.parametrize("bad", [GOOD.replace("40", "x"), "Bob,40\n"])
def test_lines_are_counted_as_in_an_editor(
    tmp_path: Path, before: str, lines: int, bad: str
) -> None:
    (finding,) = diagnose(write(tmp_path, before, bad, GOOD), CONTRACT)
    assert finding.line == 2 + lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lines_are_those_of_the_decompressed_and_decoded_file(
    tmp_path: Path, encoding: str
) -> None:
    text = 'Report of "2024\n\n' + HEADER + GOOD.replace("40", "x\u00ef")
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    dialect = {"encoding": encoding, "preamble": 2}
    contract = Contract.model_validate({"columns": COLUMNS, "metadata": dialect})
    assert places(diagnose(path, contract)) == [(4, "age", "x\u00ef", 1)]


def test_rows_are_counted_in_the_whole_file(tmp_path: Path) -> None:
    rows = [GOOD] * 12_000 + [GOOD.replace("40", "x")] * 12_000
    (finding,) = diagnose(write(tmp_path, *rows), CONTRACT)
    assert places([finding]) == [(12_002, "age", "x", 12_000)]


def test_a_hundred_texts_of_a_rule_are_listed_and_the_others_counted(
    tmp_path: Path,
) -> None:
    rows = [GOOD.replace("40", f"x{i}") for i in range(MAX_LISTED + 50)] * 2
    found = diagnose(write(tmp_path, *rows), CONTRACT)
    listed = [(i + 2, "age", f"x{i}", 2) for i in range(MAX_LISTED)]
    assert places(found) == [*listed, (MAX_LISTED + 2, "age", None, 100)]
    assert found[-1].problem.startswith("has more such values than the 100 listed")


def test_rows_of_the_wrong_shape_are_reported_among_the_values(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "Bob,40\n", GOOD.replace("40", "x"), HEADER, "Cid\n")
    assert [(f.line, f.kind) for f in diagnose(path, CONTRACT)] == [
        (3, "number of values"),
        (4, "unreadable"),
        (5, "repeated header"),
        (6, "number of values"),
    ]


@pytest.mark.parametrize(
    ("lines", "kind", "line", "value"),
    [
        (
            ["-,years,m,,yyyy-mm-dd\n", GOOD, GOOD],
            "units below the header",
            2,
            "-, years, m, , yyyy-mm-dd",
        ),
        ([GOOD, "Total,9999,,,\n"], "totals", 3, "Total"),
        (["Total,40,,,\n"], "totals", 2, "Total"),
    ],
)
def test_row_of_units_or_totals_is_reported_instead_of_its_values(
    tmp_path: Path, lines: list[str], kind: str, line: int, value: str
) -> None:
    (finding,) = diagnose(write(tmp_path, *lines), CONTRACT)
    assert (finding.kind, finding.line, finding.value) == (kind, line, value)
    assert finding.fix.startswith("Delete the line in the source")


def test_other_spellings_in_all_rows_are_not_units(tmp_path: Path) -> None:
    row = "Ann,forty,tall,ja,soon\n"
    found = diagnose(write(tmp_path, row, row), CONTRACT)
    assert [f.value for f in found] == ["forty", "tall", "ja", "soon"]


def test_names_of_the_header_are_reported_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "x\n")
    path.write_text(path.read_text().replace("age", "ages"))
    (finding,) = diagnose(path, CONTRACT)
    assert (finding.line, finding.column) == (1, "ages")


def parquet(tmp_path: Path, **columns: Any) -> Path:
    good = {
        "name": ["Ann"] * 3,
        "age": [40] * 3,
        "height": [1.7, None, 1.8],
        "member": [True] * 3,
        "joined": pd.to_datetime(["2024-01-31"] * 3),
    }
    path = tmp_path / "people.parquet"
    pd.DataFrame(good | columns).to_parquet(path)
    return path


def test_values_of_parquet_are_reported_by_row(tmp_path: Path) -> None:
    path = parquet(tmp_path, age=[40.0, 200.0, 4.5], joined=["2024-01-31", "x", "x"])
    assert places(diagnose(path, CONTRACT)) == [
        (2, "age", "200", 1),
        (2, "joined", "x", 2),
        (3, "age", "4.5", 1),
    ]


@pytest.mark.parametrize(
    ("age", "fix"),
    [([[40]] * 3, "Flatten it"), (pd.to_datetime(["2024-01-31"] * 3), "Convert it")],
)
def test_types_of_parquet_that_cannot_be_converted_are_reported(
    tmp_path: Path, age: Any, fix: str
) -> None:
    (finding,) = diagnose(parquet(tmp_path, age=age), CONTRACT)
    assert finding.column == "age"
    assert "cannot be converted to int64" in finding.problem
    assert finding.fix.startswith(fix)


def test_values_of_json_lines_are_reported_by_line(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    good = '{"name": "Ann", "age": 40, "member": true, "joined": "2024-01-31"}\n'
    bad = good.replace("40", "4.50"), good.replace("40", "[40]"), '{"name": \n'
    path.write_text("\n".join([good, *bad]))
    assert places(diagnose(path, CONTRACT)) == [
        (3, "age", "4.50", 1),
        (5, "age", None, 1),
        (7, None, None, 1),
    ]


def test_duplicates_of_a_unique_value_are_reported_by_text_and_line(
    tmp_path: Path,
) -> None:
    names = ["Ann", "Bob", '"A\nnn"', "Bob", "Ann", "Bob"]
    path = write(tmp_path, *(GOOD.replace("Ann", name) for name in names))
    found = diagnose_duplicates(path, CONTRACT, "name", np.array([3, 4, 5]))
    assert places(found) == [(6, "name", "Bob", 2), (7, "name", "Ann", 1)]
