"""The options of `rml data`, and the request that they make."""

from typing import Any

import pytest
from click.testing import CliRunner

from reproducible_ml.adopt.request import Options, Request, apply_request, read_request
from reproducible_ml.cli import cli
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, Range
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.inferred import Hints


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the options that a command line makes."""
    made: list[Options] = []
    monkeypatch.setattr("reproducible_ml.cli._project", lambda: None)
    monkeypatch.setattr(
        "reproducible_ml.adopt.adopt.adopt", lambda _, options: made.append(options)
    )

    def run(*arguments: str) -> Options:
        done = CliRunner().invoke(cli, ["data", *arguments])
        assert done.exit_code == 0, done.output
        return made.pop()

    return run


def test_command_line_becomes_a_request(typed: Any) -> None:
    options = typed(
        *("visits.csv", "--target=returned", "--task=binary", "--positive=yes"),
        *("--id= visit ,day,", "--group=patient", "--time=arrived"),
        *("--dates=day-first", "--decimal=comma", "--text=zip,phone", "--missing=-,?"),
        *("--name=a.csv", "--query=SELECT 1", "--key=id", "--dry-run", "--yes"),
    )
    assert read_request(options, None) == Request(
        target="returned",
        task="binary",
        positive="yes",
        id=("visit", "day"),
        group="patient",
        time="arrived",
        day_first=True,
        decimal=",",
        text=("zip", "phone"),
        missing=("-", "?"),
    )
    assert (options.source, options.name) == ("visits.csv", "a.csv")
    assert (options.query, options.key) == ("SELECT 1", "id")
    assert (options.dry_run, options.yes) == (True, True)


def test_without_options_the_table_decides(typed: Any) -> None:
    assert typed() == Options()
    assert read_request(typed("visits.csv"), "returned") == Request(target="returned")


def test_values_may_look_like_options(typed: Any) -> None:
    assert typed("--missing=-999,--").missing == "-999,--"
    assert typed("--target=y", "--", "-odd.csv").source == "-odd.csv"


@pytest.mark.parametrize("option", ["--task=ranking", "--dates=year", "--color=red"])
def test_unknown_options_and_values_are_refused(option: str) -> None:
    assert CliRunner().invoke(cli, ["data", option]).exit_code == 2


def test_other_spellings_are_read() -> None:
    request = read_request(Options(dates="month-first", decimal="point"), "y")
    assert (request.day_first, request.decimal) == (False, ".")


def test_named_target_takes_precedence_over_the_known_one() -> None:
    assert read_request(Options(target="price"), "returned").target == "price"
    with pytest.raises(UserError, match="--target COLUMN"):
        read_request(Options(source="visits.csv"), None)


TARGET = Column(dtype="category", isin=(1, 2, 3), description="Of the wine")
NUMBER = Column(dtype="int64", description="Ours")
DATE = Column(dtype="datetime64[ns]", metadata=ColumnMetadata(format="%d/%m/%Y"))


def requested(existing: Column, inferred: Column, **options: Any) -> Column:
    """Return the column `x` as a request changes it."""
    request = Request(target="y", **options)
    old = Contract(columns={"x": existing, "y": TARGET})
    new = Contract(columns={"x": inferred, "y": TARGET})
    return apply_request(old, new, request).columns["x"]


def test_columns_that_are_named_must_be_there() -> None:
    request = Request(target="y", id=("a", "b"), group="g", time="t", text=("x",))
    assert request.named == ["y", "a", "b", "g", "t", "x"]
    assert Request(target="y").named == ["y"]


def test_hints_are_what_decides_about_columns() -> None:
    request = Request(
        target="y", task="binary", day_first=True, decimal=",", text=("x",)
    )
    assert request.hints == Hints("y", "binary", True, ",", ("x",))


def test_without_a_request_the_contract_stays() -> None:
    assert requested(NUMBER, Column(dtype="str")) == NUMBER


def test_column_becomes_text() -> None:
    text = Column(dtype="str", metadata=ColumnMetadata(treatment="target_encoding"))
    assert requested(NUMBER, text, text=("x",)) == text.model_copy(
        update={"description": "Ours"}
    )


def test_column_that_is_text_already_keeps_its_edits() -> None:
    own = Column(dtype="str", str_matches="[0-9]", description="Ours")
    assert requested(own, Column(dtype="category", isin=("1",)), text=("x",)) == own


def test_classes_become_a_number_to_predict() -> None:
    existing, inferred = (
        Contract(columns={"y": TARGET}),
        Contract(columns={"y": NUMBER}),
    )
    request = Request(target="y", task="regression")
    column = apply_request(existing, inferred, request).columns["y"]
    assert (column.dtype, column.description) == ("int64", "Of the wine")


def test_target_that_suits_the_task_keeps_its_edits() -> None:
    inferred = Contract(columns={"y": Column(dtype="category", isin=(1, 2))})
    existing = Contract(columns={"y": TARGET})
    request = Request(target="y", task="multiclass")
    assert apply_request(existing, inferred, request) == existing


def test_order_of_day_and_month_is_as_requested() -> None:
    month_first = Column(
        dtype="datetime64[ns]", metadata=ColumnMetadata(format="%m/%d/%Y")
    )
    assert requested(DATE, month_first, day_first=False) == month_first
    assert requested(DATE, month_first) == DATE


def test_decimal_sign_is_as_requested() -> None:
    comma = Column(dtype="float64", metadata=ColumnMetadata(decimal=","))
    bounded = NUMBER.model_copy(
        update={
            "in_range": Range(min_value=0, max_value=9),
            "metadata": ColumnMetadata(thousands=","),
        }
    )
    found = requested(bounded, comma, decimal=",")
    assert (found.dtype, found.metadata.decimal, found.in_range) == (
        "float64",
        ",",
        None,
    )
    assert requested(NUMBER, NUMBER, decimal=",") == NUMBER


def test_texts_that_mean_no_value_are_added_where_they_occur() -> None:
    existing = Column(dtype="int64", metadata=ColumnMetadata(missing=("?",)))
    inferred = Column(dtype="Int64", metadata=ColumnMetadata(missing=("-", "x")))
    column = requested(existing, inferred, missing=("-", "none of these"))
    assert column == Column(dtype="int64", metadata=ColumnMetadata(missing=("?", "-")))


def test_text_that_means_no_value_is_no_category() -> None:
    existing = Column(dtype="category", isin=("no", "maybe", "yes"))
    inferred = Column(
        dtype="category",
        isin=("no", "yes"),
        metadata=ColumnMetadata(missing=("maybe",)),
    )
    assert requested(existing, inferred, missing=("maybe",)) == inferred


def test_columns_that_are_gone_or_new_are_left_to_others() -> None:
    existing = Contract(columns={"gone": DATE, "y": TARGET})
    inferred = Contract(columns={"new": DATE, "y": TARGET})
    assert (
        apply_request(existing, inferred, Request(target="y", text=("gone",)))
        == existing
    )
