"""The options of `rml data`, and the request that they make."""

from typing import Any

import pytest

from reproducible_ml.adopt.request import Request, apply_request, parse, read_request
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, Range
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.inferred import Hints


def test_without_options_the_table_decides() -> None:
    options = parse(["visits.csv"])
    assert options.source == "visits.csv"
    assert (options.dry_run, options.yes) == (False, False)
    assert read_request(options, "returned") == Request(target="returned")


def test_source_may_be_left_out() -> None:
    assert parse([]).source is None


def test_every_wish_is_read() -> None:
    arguments = [
        *("--target=returned", "--task=binary", "--positive=yes"),
        *("--id= visit ,day,", "--group=patient", "--time=arrived"),
        *("--dates=day-first", "--decimal=comma", "--text=zip,phone", "--missing=-,?"),
    ]
    assert read_request(parse(arguments), None) == Request(
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


def test_other_spellings_are_read() -> None:
    wanted = read_request(parse(["--dates=month-first", "--decimal=point"]), "y")
    assert (wanted.day_first, wanted.decimal) == (False, ".")


def test_options_of_the_source_and_of_the_run_are_read() -> None:
    database = ["sqlite:///a.db", "--name=a.csv", "--query=SELECT 1", "--key=id"]
    options = parse([*database, "--dry-run", "--yes"])
    assert (options.name, options.query, options.key) == ("a.csv", "SELECT 1", "id")
    assert options.dry_run
    assert options.yes


def test_missing_text_may_look_like_an_option() -> None:
    assert parse(["--missing=-999,--"]).missing == ("-999", "--")


def test_source_may_begin_with_a_dash() -> None:
    assert parse(["--target=y", "--", "-odd.csv"]).source == "-odd.csv"


def test_target_that_is_named_outweighs_the_known_one() -> None:
    assert read_request(parse(["--target=price"]), "returned").target == "price"


def test_target_is_needed_at_first() -> None:
    with pytest.raises(UserError, match="TARGET="):
        read_request(parse(["visits.csv"]), None)


@pytest.mark.parametrize(
    "arguments", [["--task=ranking"], ["--dates=year"], ["--color=red"], ["a", "b"]]
)
def test_unknown_options_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(arguments)
    assert "usage: make data SOURCE=... TARGET=..." in capsys.readouterr().err


def test_help_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse(["--help"])
    said = capsys.readouterr().out
    assert "Bring your own table" in said
    assert "--decimal" in said


TARGET = Column(dtype="category", isin=(1, 2, 3), description="Of the wine")
NUMBER = Column(dtype="int64", description="Ours")
DATE = Column(dtype="datetime64[ns]", metadata=ColumnMetadata(format="%d/%m/%Y"))


def asked(existing: Column, inferred: Column, **wishes: Any) -> Column:
    """Return what wishes make of the column `x`."""
    wanted = Request(target="y", **wishes)
    old = Contract(columns={"x": existing, "y": TARGET})
    new = Contract(columns={"x": inferred, "y": TARGET})
    return apply_request(old, new, wanted).columns["x"]


def test_columns_that_are_named_must_be_there() -> None:
    wanted = Request(target="y", id=("a", "b"), group="g", time="t", text=("x",))
    assert wanted.named == ["y", "a", "b", "g", "t", "x"]
    assert Request(target="y").named == ["y"]


def test_hints_are_what_decides_about_columns() -> None:
    wanted = Request(
        target="y", task="binary", day_first=True, decimal=",", text=("x",)
    )
    assert wanted.hints == Hints("y", "binary", True, ",", ("x",))


def test_without_wishes_the_contract_stays() -> None:
    assert asked(NUMBER, Column(dtype="str")) == NUMBER


def test_column_becomes_text() -> None:
    text = Column(dtype="str", metadata=ColumnMetadata(treatment="target_encoding"))
    assert asked(NUMBER, text, text=("x",)) == text.model_copy(
        update={"description": "Ours"}
    )


def test_column_that_is_text_already_keeps_its_edits() -> None:
    own = Column(dtype="str", str_matches="[0-9]", description="Ours")
    assert asked(own, Column(dtype="category", isin=("1",)), text=("x",)) == own


def test_classes_become_a_number_to_predict() -> None:
    existing, inferred = (
        Contract(columns={"y": TARGET}),
        Contract(columns={"y": NUMBER}),
    )
    wanted = Request(target="y", task="regression")
    column = apply_request(existing, inferred, wanted).columns["y"]
    assert (column.dtype, column.description) == ("int64", "Of the wine")


def test_target_that_suits_the_task_keeps_its_edits() -> None:
    inferred = Contract(columns={"y": Column(dtype="category", isin=(1, 2))})
    existing = Contract(columns={"y": TARGET})
    wanted = Request(target="y", task="multiclass")
    assert apply_request(existing, inferred, wanted) == existing


def test_order_of_day_and_month_is_as_asked() -> None:
    month_first = Column(
        dtype="datetime64[ns]", metadata=ColumnMetadata(format="%m/%d/%Y")
    )
    assert asked(DATE, month_first, day_first=False) == month_first
    assert asked(DATE, month_first) == DATE


def test_decimal_sign_is_as_asked() -> None:
    comma = Column(dtype="float64", metadata=ColumnMetadata(decimal=","))
    bounded = NUMBER.model_copy(
        update={
            "in_range": Range(min_value=0, max_value=9),
            "metadata": ColumnMetadata(thousands=","),
        }
    )
    found = asked(bounded, comma, decimal=",")
    assert (found.dtype, found.metadata.decimal, found.in_range) == (
        "float64",
        ",",
        None,
    )
    assert asked(NUMBER, NUMBER, decimal=",") == NUMBER


def test_texts_that_mean_no_value_are_added_where_they_occur() -> None:
    existing = Column(dtype="int64", metadata=ColumnMetadata(missing=("?",)))
    inferred = Column(dtype="Int64", metadata=ColumnMetadata(missing=("-", "x")))
    column = asked(existing, inferred, missing=("-", "none of these"))
    assert column == Column(dtype="int64", metadata=ColumnMetadata(missing=("?", "-")))


def test_text_that_means_no_value_is_no_category() -> None:
    existing = Column(dtype="category", isin=("no", "maybe", "yes"))
    inferred = Column(
        dtype="category",
        isin=("no", "yes"),
        metadata=ColumnMetadata(missing=("maybe",)),
    )
    assert asked(existing, inferred, missing=("maybe",)) == inferred


def test_columns_that_are_gone_or_new_are_left_to_others() -> None:
    existing = Contract(columns={"gone": DATE, "y": TARGET})
    inferred = Contract(columns={"new": DATE, "y": TARGET})
    assert (
        apply_request(existing, inferred, Request(target="y", text=("gone",)))
        == existing
    )
