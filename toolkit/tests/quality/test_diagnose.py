"""Tests of reproducible_ml.quality.diagnose."""

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
def test_value_is_told_with_line_column_text_and_rows(
    tmp_path: Path, bad: str, column: str, value: str
) -> None:
    path = write(tmp_path, GOOD, GOOD, bad, GOOD, bad)
    (finding,) = diagnose(path, CONTRACT)
    assert finding.file == path
    assert places([finding]) == [(4, column, value, 2)]


def test_each_text_is_told_in_the_order_of_lines(tmp_path: Path) -> None:
    rows = [GOOD.replace("40", age) for age in ("x", "y", "x", "200", "y", "x")]
    rows[1] = rows[1].replace("1.7", "tall")
    assert places(diagnose(write(tmp_path, *rows), CONTRACT)) == [
        (2, "age", "x", 3),
        (3, "age", "y", 2),
        (3, "height", "tall", 1),
        (5, "age", "200", 1),
    ]


def test_value_that_breaks_several_rules_is_told_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("1.7", "inf"))
    (finding,) = diagnose(path, CONTRACT)
    assert finding.problem == "is not finite"


# The reader strips blanks around a number, so they are not what is wrong.
def test_what_the_reader_accepts_is_not_blamed(tmp_path: Path) -> None:
    path = write(tmp_path, "Ann, 40,1.7,true,2024-01-31\n", GOOD.replace("40", "x"))
    assert places(diagnose(path, CONTRACT)) == [(3, "age", "x", 1)]


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ('"Ann\nMay\nLee",40,1.7,true,2024-01-31\n', 3),
        ('"Ann\r\nMay",40,1.7,true,2024-01-31\n', 2),
        ("\n\n" + GOOD, 3),
    ],
)
@pytest.mark.parametrize("bad", [GOOD.replace("40", "x"), "Bob,40\n"])
def test_lines_are_counted_as_an_editor_does(
    tmp_path: Path, before: str, lines: int, bad: str
) -> None:
    (finding,) = diagnose(write(tmp_path, before, bad, GOOD), CONTRACT)
    assert finding.line == 2 + lines


def test_lines_are_counted_from_before_the_preamble(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, GOOD.replace("40", "x"))
    path.write_text('Report of "2024\n\n' + path.read_text())
    dialect = {"columns": COLUMNS, "metadata": {"preamble": 2}}
    (finding,) = diagnose(path, Contract.model_validate(dialect))
    assert finding.line == 5


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_lines_are_counted_whatever_the_encoding_and_the_compression(
    tmp_path: Path, encoding: str
) -> None:
    text = HEADER + GOOD.replace("Ann", "Zo\u00eb") + GOOD.replace("40", "x\u00ef")
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    dialect = {"columns": COLUMNS, "metadata": {"encoding": encoding}}
    found = diagnose(path, Contract.model_validate(dialect))
    assert places(found) == [(3, "age", "x\u00ef", 1)]


def test_rows_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    rows = [GOOD] * 25_000 + [GOOD.replace("40", "x")] * 25_000
    (finding,) = diagnose(write(tmp_path, *rows), CONTRACT)
    assert places([finding]) == [(25_002, "age", "x", 25_000)]


def test_a_hundred_texts_of_a_rule_are_told_and_the_rows_with_others(
    tmp_path: Path,
) -> None:
    rows = [GOOD.replace("40", f"x{i}") for i in range(MAX_LISTED + 50)] * 2
    found = diagnose(write(tmp_path, *rows), CONTRACT)
    findings = [(i + 2, "age", f"x{i}", 2) for i in range(MAX_LISTED)]
    assert places(found) == [*findings, (MAX_LISTED + 2, "age", None, 100)]
    assert found[-1].problem.startswith("has more texts like the 100")


def test_rows_of_the_wrong_shape_are_told_among_the_values(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "Bob,40\n", GOOD.replace("40", "x"), HEADER, "Cid\n")
    found = [(f.line, f.kind) for f in diagnose(path, CONTRACT)]
    assert found == [
        (3, "number of values"),
        (4, "unreadable"),
        (5, "repeated header"),
        (6, "number of values"),
    ]


def test_row_of_units_is_told_in_place_of_its_values(tmp_path: Path) -> None:
    path = write(tmp_path, "-,years,m,,yyyy-mm-dd\n", GOOD, GOOD)
    (finding,) = diagnose(path, CONTRACT)
    assert str(finding) == (
        f'{path} line 2: "-, years, m, , yyyy-mm-dd" looks like units or names below'
        " the header, not like a row. Delete the line in the source; the names of"
        " columns may say the units."
    )


def test_values_spelled_in_another_way_are_no_units(tmp_path: Path) -> None:
    odd = "Ann,forty,tall,ja,soon\n"
    found = diagnose(write(tmp_path, odd, odd), CONTRACT)
    assert places(found) == [
        (2, "age", "forty", 2),
        (2, "height", "tall", 2),
        (2, "member", "ja", 2),
        (2, "joined", "soon", 2),
    ]


def test_totals_alone_are_no_units(tmp_path: Path) -> None:
    (finding,) = diagnose(write(tmp_path, "Total,40,,,\n"), CONTRACT)
    assert finding.kind == "totals"


def test_row_of_totals_is_told_in_place_of_its_values(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "Total,9999,,,\n")
    (finding,) = diagnose(path, CONTRACT)
    assert str(finding).endswith(
        'line 3, column "name": "Total" looks like a row of totals.'
        " Delete the line in the source."
    )


def test_names_of_the_header_are_told_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "x\n")
    path.write_text(path.read_text().replace("age", "ages"))
    (finding,) = diagnose(path, CONTRACT)
    assert (finding.line, finding.column) == (1, "ages")


def test_good_file_has_no_findings(tmp_path: Path) -> None:
    assert diagnose(write(tmp_path, GOOD), CONTRACT) == []


# 1e20 is a float as any other; 9007199254740993 would become ...992.
@pytest.mark.parametrize("number", ["1e17", "9007199254740994", "-1e18", "1.5e17"])
def test_large_numbers_that_floats_hold_are_no_problem(
    tmp_path: Path, number: str
) -> None:
    assert diagnose(write(tmp_path, GOOD.replace("1.7", number)), CONTRACT) == []


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


def test_parquet_is_told_by_rows(tmp_path: Path) -> None:
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
def test_parquet_columns_of_other_types_are_told(
    tmp_path: Path, age: Any, fix: str
) -> None:
    (finding,) = diagnose(parquet(tmp_path, age=age), CONTRACT)
    assert finding.column == "age"
    assert "which cannot be int64" in finding.problem
    assert finding.fix.startswith(fix)


def test_json_lines_are_told_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    good = '{"name": "Ann", "age": 40, "member": true, "joined": "2024-01-31"}\n'
    bad = good.replace("40", "4.50"), good.replace("40", "[40]"), '{"name": \n'
    path.write_text("\n".join([good, *bad]))
    assert places(diagnose(path, CONTRACT)) == [
        (3, "age", "4.50", 1),
        (5, "age", None, 1),
        (7, None, None, 1),
    ]


def test_repeats_are_told_by_their_text_and_line(tmp_path: Path) -> None:
    names = ["Ann", "Bob", '"A\nnn"', "Bob", "Ann", "Bob"]
    path = write(tmp_path, *(GOOD.replace("Ann", name) for name in names))
    found = diagnose_duplicates(path, CONTRACT, "name", np.array([3, 4, 5]))
    assert places(found) == [(6, "name", "Bob", 2), (7, "name", "Ann", 1)]
