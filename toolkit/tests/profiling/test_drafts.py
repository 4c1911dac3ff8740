"""Tests of reproducible_ml.profiling.column_types."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.profiling.column_types import TypeCandidate, detect_type
from reproducible_ml.profiling.conventions import TableConventions
from reproducible_ml.profiling.inferred import FindingFactory
from reproducible_ml.profiling.profile import profile_columns

FILE = Path("a.csv")


NOTHING = TableConventions()


def found(
    texts: Sequence[str | None] | pa.Array,
    name: str = "x",
    known: TableConventions = NOTHING,
) -> TypeCandidate:
    values = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    batch = pa.RecordBatch.from_pydict({name: values})
    profiles = profile_columns([FILE], lambda _: [batch])
    return detect_type(profiles[name], known, FindingFactory([FILE], name))


@pytest.mark.parametrize(
    ("texts", "kind", "dtype"),
    [
        (["1", "2"], "number", "Int64"),
        (["1.0", "2"], "number", "float64"),
        (["1,5", "2"], "number", "float64"),
        (["00012", "12345"], "text", "str"),
        (["2024-01-31", "-"], "date", "datetime64[ns]"),
        (["yes", "NO"], "boolean", "boolean"),
        (["0", "1"], "number", "Int64"),
        (["a", "b"], "text", "str"),
        (["", None, "NA", "-"], "empty", "str"),
    ],
)
def test_texts_are_read_as_what_they_are(
    texts: list[str | None], kind: str, dtype: str
) -> None:
    read = found(texts)
    assert (read.kind, read.column.dtype, read.found) == (kind, dtype, ())


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        (pa.array([1, 2]), "number", "Int64"),
        (pa.array([1.0, 2.0]), "number", "float64"),
        (pa.array([True]), "boolean", "boolean"),
        (pa.array([1]).cast(pa.timestamp("us")), "date", "datetime64[ns]"),
        (pa.array(["1", "2"]).dictionary_encode(), "number", "Int64"),
    ],
)
def test_types_of_the_file_are_kept(values: pa.Array, kind: str, dtype: str) -> None:
    read = found(values)
    assert (read.kind, read.column.dtype) == (kind, dtype)


def test_values_that_no_column_can_hold_are_rejected() -> None:
    read = found(pa.array([[1]]))
    assert [one.severity for one in read.found] == ["reject"]
    assert "list<item: int64>" in str(read.found[0].finding)


def test_spellings_of_missing_values_are_declared_and_counted() -> None:
    read = found(["1", "?", "-", "?", "NA"])
    assert (read.column.metadata.missing, read.missing) == (("-", "?"), 3)


def test_text_keeps_what_may_be_a_value() -> None:
    read = found(["a", "-", "none", "?"])
    assert (read.column.metadata.missing, read.missing) == (("?",), 1)


def test_eight_digits_are_a_date_if_the_name_says_so() -> None:
    assert found(["20240131", "20241231"], "order_date").kind == "date"
    assert found(["20240131", "20241231"], "amount").kind == "number"
    assert found(["20240131", "20241331"], "order_date").kind == "number"


@pytest.mark.parametrize("rows", [9, 99])
def test_one_text_among_numbers_is_a_mistake(rows: int) -> None:
    assert found([*map(str, range(rows)), "forty"]).kind == "number"


@pytest.mark.parametrize(
    "texts",
    [
        [*map(str, range(8)), "forty"],
        [*map(str, range(30)), "a", "b", "c"],
        ["1", "2", "3", "4", "5+"] * 20,
        ["1", "2", "3", "4"] * 5 + ["5+", "5+"],
    ],
)
def test_more_texts_make_it_text(texts: list[str]) -> None:
    assert found(texts).kind == "text"


def test_rare_text_among_few_numbers_is_a_mistake() -> None:
    assert found(["1", "2", "3"] * 100 + ["two"]).kind == "number"


def test_order_of_day_and_month_is_asked_for() -> None:
    read = found(["1/2/2024", "3/4/2024"])
    assert [one.severity for one in read.found] == ["ask"]
    assert "DATES=day-first" in str(read.found[0].finding)


def test_order_comes_from_another_column() -> None:
    read = found(
        ["1/2/2024"], known=TableConventions(day_first=False, day_first_from="sent")
    )
    assert read.column.metadata.format == "%m/%d/%Y"
    assert read.found == ()
    assert read.evidence.endswith("because of sent")


def test_decimal_sign_is_asked_for() -> None:
    read = found(["1,234", "999"])
    assert [one.severity for one in read.found] == ["ask"]
    assert "DECIMAL=comma" in str(read.found[0].finding)


def test_decimal_sign_comes_from_another_column() -> None:
    read = found(
        ["1,234", "999"], known=TableConventions(decimal=",", decimal_from="price")
    )
    assert read.column.metadata.decimal == ","
    assert read.found == ()
    assert read.evidence.endswith("as in price")


def test_years_of_two_digits_are_told() -> None:
    read = found(["31.12.24"])
    assert [one.finding.kind for one in read.found] == ["year"]


def test_several_offsets_are_told() -> None:
    read = found(["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"])
    assert [one.finding.kind for one in read.found] == ["time zones"]
    assert found(["2024-01-01T10:00:00+02:00"]).found == ()


def test_lacking_unit_is_told() -> None:
    read = found(["1 kg", "2 kg", "3"])
    assert [one.finding.kind for one in read.found] == ["unit"]
