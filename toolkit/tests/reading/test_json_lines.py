"""JSON lines are read as text, and their invalid lines reported."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.quality.diagnose import diagnose
from reproducible_ml.reading.json_lines import (
    LINES,
    decimal_commas,
    json_texts,
    read_json_lines,
    valid_objects,
)
from reproducible_ml.reading.raw import text_batches

CONTRACT = Contract.model_validate(
    {
        "columns": {
            "name": {"dtype": "str", "nullable": True},
            "age": {
                "dtype": "Int64",
                "nullable": True,
                "metadata": {"missing": ["-9"]},
            },
            "member": {"dtype": "bool"},
        }
    }
)


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "people.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def texts(path: Path) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = pa.Table.from_batches(
        json_texts(path)
    ).to_pydict()
    return found


def test_values_are_read_with_the_types_of_the_contract(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"name": "Ann", "age": 40, "member": true}',
        "",
        '{"member": "false", "age": "-9", "name": "NA"}',
        '{"member": 1, "age": null}',
    )
    (batch,) = read_json_lines(path, CONTRACT)
    assert batch.to_pydict() == {
        "name": ["Ann", None, None],
        "age": [40, None, None],
        "member": [True, False, True],
    }


def test_number_has_a_decimal_point_whatever_texts_have(tmp_path: Path) -> None:
    german = ColumnMetadata(decimal=",", thousands=".")
    columns = {"price": Column(dtype="float64", metadata=german)}
    contract = Contract(columns=columns)
    path = write(
        tmp_path, '{"price": 1.234}', '{"price": "1.234"}', '{"price": -2.5e3}'
    )
    (batch,) = read_json_lines(path, contract)
    assert batch["price"].to_pylist() == [1.234, 1234.0, -2500.0]
    assert diagnose(path, contract) == []
    (rows,) = text_batches(path, CsvDialect(), commas=decimal_commas(contract))
    assert rows["price"].to_pylist() == ["1,234", "1.234", "-2,5e3"]


def test_texts_are_exact_to_the_last_digit(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 1.50, "b": 12345678901234567890, "c": 1E3}')
    assert texts(path) == {"a": ["1.50"], "b": ["12345678901234567890"], "c": ["1E3"]}


def test_texts_of_other_values(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": true, "b": false, "c": null, "d": NaN, "e": ""}')
    assert texts(path) == {
        "a": ["true"],
        "b": ["false"],
        "c": [None],
        "d": ["NaN"],
        "e": [""],
    }


def test_columns_are_the_keys_of_all_objects_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, '{"b": 1}', '{"c": 2, "a": 3}')
    assert list(texts(path).items()) == [
        ("b", ["1", None]),
        ("c", [None, "2"]),
        ("a", [None, "3"]),
    ]


def test_batches_are_bounded(tmp_path: Path) -> None:
    path = write(tmp_path, *['{"a": 1}'] * (LINES + 1))
    assert [batch.num_rows for batch in json_texts(path)] == [LINES, 1]


def test_compressed_lines_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl.gz"
    path.write_bytes(gzip.compress('\ufeff{"a": "\u00fc"}\n{"a": 2}'.encode()))
    assert texts(path) == {"a": ["\u00fc", "2"]}


@pytest.mark.parametrize(
    ("line", "column", "problem", "fix"),
    [
        ("name,age", None, "is not JSON: Expecting value at character 1", "one object"),
        ('{"a": 1} {"a": 2}', None, "is not JSON: Extra data", "one object per line"),
        ("[1, 2]", None, "is not a JSON object", "one object per line"),
        ('{"a": [1]}', "a", "is a list, not a value", "Write one text, or one column"),
        ('{"a": {"b": 1}}', "a", "is an object, not a value", "as pandas.json_norm"),
        (
            '{"a": "b',
            None,
            "is not JSON: Unterminated string at character 7",
            "one obj",
        ),
        ('{"a": 1, "a": 2}', "a", "occurs twice in the object", "Keep one of them"),
        ("[" * 100_000, None, "is nested too deeply", "Flatten it"),
        (r'{"a": "\ud800"}', None, "contains half a character", "Correct it"),
    ],
)
def test_line_that_is_no_flat_object_is_reported(
    tmp_path: Path, line: str, column: str | None, problem: str, fix: str
) -> None:
    path = write(tmp_path, '{"a": 1}', "", line, '{"a": 2}')
    findings: list[Finding] = []
    assert [number for number, _ in valid_objects(path, findings)] == [1, 4]
    (finding,) = findings
    assert (finding.line, finding.column, finding.rows) == (3, column, 1)
    assert finding.problem.startswith(problem)
    assert fix in finding.fix
    with pytest.raises(pa.ArrowInvalid):
        list(json_texts(path))


def test_line_of_another_encoding_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xfc"}\n')
    findings: list[Finding] = []
    assert len(list(valid_objects(path, findings))) == 1
    assert [(f.line, f.problem) for f in findings] == [(2, "is not UTF-8")]


def test_last_line_that_is_truncated_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "x')
    findings: list[Finding] = []
    list(valid_objects(path, findings))
    assert [f.fix for f in findings] == ["Export it again: it seems truncated."]


def test_same_problem_of_many_lines_is_reported_once(tmp_path: Path) -> None:
    findings: list[Finding] = []
    list(valid_objects(write(tmp_path, *['{"a": [1]}'] * 300), findings))
    assert [(f.line, f.rows) for f in findings] == [(1, 300)]


@pytest.mark.parametrize(
    "line", ['{"member": true, "x": 1}', '{"member": "maybe"}', '{"member": [1]}']
)
def test_lines_that_do_not_fit_the_contract_are_refused(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(pa.ArrowInvalid):
        list(read_json_lines(write(tmp_path, line), CONTRACT))
