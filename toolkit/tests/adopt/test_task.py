"""Tests of reproducible_ml.adopt.task."""

from typing import Any

import pytest

from reproducible_ml.adopt.task import ESTIMATORS, METRICS, choose_task, suits_task
from reproducible_ml.contract.schema import Column
from reproducible_ml.core.errors import UserError


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
