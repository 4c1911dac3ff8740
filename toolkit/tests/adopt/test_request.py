"""The options of `rml data`, the request that they make, and the task that suits it."""

from typing import Any

import pytest
from click.testing import CliRunner

from reproducible_ml.adopt.parameters import ESTIMATORS, METRICS
from reproducible_ml.adopt.request import (
    Options,
    Request,
    apply_request,
    choose_task,
    read_request,
    suits_task,
)
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
    monkeypatch.setattr("reproducible_ml.reproduce.write_documents", lambda _: None)

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


def category(*values: str | int) -> Column:
    return Column(dtype="category", isin=values)


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_number_is_a_regression(dtype: Any) -> None:
    choice = choose_task("price", Column(dtype=dtype), {})
    assert (choice.task, choice.positive) == ("regression", None)


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (("no", "yes"), "yes"),
        (("ja", "nein"), "ja"),
        ((0, 1), 1),
        ((-1, 1), 1),
        (("0.0", "1.0"), "1.0"),
        (("N", "Y"), "Y"),
        (("да", "нет"), "да"),
        (("いいえ", "はい"), "はい"),
        (("negative", "positive"), "positive"),
    ],
)
def test_positive_class_is_the_one_that_means_yes(
    values: tuple[str | int, ...], positive: str | int
) -> None:
    choice = choose_task("bought", category(*values), {str(values[0]): 1})
    assert (choice.task, choice.positive) == ("binary", positive)
    assert "by its meaning" in choice.evidence


def test_positive_class_is_the_rarer_one_if_none_means_yes() -> None:
    counts = {"benign": 357, "malignant": 212}
    choice = choose_task("diagnosis", category("benign", "malignant"), counts)
    assert choice.positive == "malignant"
    assert choice.evidence.endswith(
        '"malignant" as it is rarer: --positive benign for the other'
    )


@pytest.mark.parametrize("classes", [(1, 2), ("1", "2"), ("T", "R"), ("A", "Y")])
def test_codes_and_letters_do_not_mean_yes_by_themselves(
    classes: tuple[str | int, str | int],
) -> None:
    for rarer, other in (classes, classes[::-1]):
        counts = {str(rarer): 3, str(other): 7}
        choice = choose_task("class", category(*classes), counts)
        assert choice.positive == rarer
        assert "as it is rarer" in choice.evidence
    same = choose_task("class", category(*classes), dict.fromkeys(map(str, classes), 5))
    assert "both are as frequent" in same.evidence


def test_positive_class_may_be_asked_for() -> None:
    choice = choose_task("bought", category("no", "yes"), {}, positive="no")
    assert choice.positive == "no"


def test_boolean_target_is_binary() -> None:
    assert choose_task("late", Column(dtype="bool"), {}).positive is True


def test_more_classes_are_multiclass() -> None:
    choice = choose_task("kind", category("oat", "rye", "wheat"), {})
    assert (choice.task, choice.positive) == ("multiclass", None)
    assert choice.evidence == "3 classes"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (Column(dtype="str"), "texts that are nearly all different"),
        (Column(dtype="datetime64[ns]"), "dates"),
        (Column(dtype="Int64", nullable=True), "Int64 values"),
    ],
)
def test_column_that_cannot_be_predicted_is_refused(column: Column, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        choose_task("name", column, {})
    assert '"name"' in str(error.value)
    assert "--target name" in str(error.value)


def test_unknown_positive_class_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match='classes "no", "yes"'):
        choose_task("bought", category("no", "yes"), {}, positive="maybe")


def test_positive_class_of_many_is_refused() -> None:
    with pytest.raises(UserError, match="3 classes"):
        choose_task("kind", category("oat", "rye", "wheat"), {}, positive="oat")


def test_positive_class_of_a_number_is_refused() -> None:
    with pytest.raises(UserError, match="holds whole numbers"):
        choose_task("price", Column(dtype="int64"), {}, positive="oat")


def test_two_classes_may_be_taken_for_many() -> None:
    column = category("no", "yes")
    choice = choose_task("bought", column, {}, task="multiclass")
    assert (choice.task, choice.positive) == ("multiclass", None)
    with pytest.raises(UserError, match="only one of two classes"):
        choose_task("bought", column, {}, task="multiclass", positive="yes")


@pytest.mark.parametrize(
    ("column", "task", "words"),
    [
        (
            category("oat", "rye", "wheat"),
            "binary",
            "holds 3 classes. Use --task multiclass",
        ),
        (category("oat", "rye"), "regression", "holds 2 classes. Use --task binary"),
        (Column(dtype="float64"), "binary", "holds numbers. Use --task regression"),
        (
            Column(dtype="int64"),
            "multiclass",
            "holds whole numbers. Use --task regression",
        ),
        (Column(dtype="bool"), "multiclass", "holds true and false. Use --task binary"),
    ],
)
def test_task_that_does_not_suit_is_refused(
    column: Column, task: Any, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        choose_task("y", column, {}, task=task)
    assert not suits_task(column, task)


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (category("oat", "rye", "wheat"), "multiclass"),
        (category("oat", "rye"), "multiclass"),
        (category("oat", "rye"), "binary"),
        (Column(dtype="bool"), "binary"),
        (Column(dtype="float64"), "regression"),
        (Column(dtype="int64"), "regression"),
    ],
)
def test_task_that_suits_is_taken(column: Column, task: Any) -> None:
    assert suits_task(column, task)
    assert choose_task("y", column, {}, task=task).task == task


def test_texts_suit_no_task() -> None:
    assert not suits_task(Column(dtype="str"), "multiclass")
    assert not suits_task(Column(dtype="str"), "regression")


def test_every_task_has_defaults() -> None:
    assert set(ESTIMATORS) == set(METRICS) == {"binary", "multiclass", "regression"}
