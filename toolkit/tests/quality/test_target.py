"""Classes, numbers and splits with which a model cannot be trained well."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.contract.schema import Data
from reproducible_ml.quality.target import (
    check_classes,
    check_imbalance,
    check_numbers,
    main_coding,
    normalized_label,
)

RAW = Path("data/raw/people.csv")
SPELLING = "class spelled in several ways"
BINARY = Data(target="y", positive="yes")
MULTICLASS = Data(target="y", task="multiclass")


def classes(counts: dict[str, int], data: Data) -> list[tuple[str, str | None]]:
    """Return kind and value of the findings about classes."""
    return [(f.kind, f.value) for f in check_classes(counts, data, RAW)]


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        list("abcdefghijklmnopqrstuvwxyz"),
        [str(number) for number in range(12)],
        ["10", "1_0", "1e1", "010", "1234567", "1234568"],
        ["Bonn", "Köln", "Koln", "new", "renew"],
    ],
)
def test_different_classes_have_no_findings(labels: list[str]) -> None:
    assert classes(dict.fromkeys(labels, 20), MULTICLASS) == []


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"no": 80, "yes": 0}, [("constant target", "no")]),
        ({"no": 80, "perhaps": 50}, [("no positive class", None)]),
        ({"no": 20, "yes": 9}, [("rare class", "yes")]),
        ({"no": 20, "yes": 10}, []),
        ({"no": 10, "yes": 10, "x": 1}, [("single row of a class", "x")]),
        ({"no": 50, "yes": 50, "Yes": 1}, [(SPELLING, "Yes")]),
    ],
)
def test_classes_that_cannot_be_learned_are_reported(
    counts: dict[str, int], found: list[Any]
) -> None:
    assert classes(counts, BINARY) == found


@pytest.mark.parametrize(
    ("labels", "others"),
    [
        (["yes", "no", "Yes"], ["Yes"]),
        (["yes", "no", "yes "], ["yes "]),
        (["new york", "new  York", "Rome"], ["new  York"]),
        (["1", "0", "1.0"], ["1.0"]),
        (["yes", "no", "y", "n"], ["n", "y"]),
        (["yes", "no", "1", "0"], ["0", "1"]),
        (["true", "false", "T"], ["T"]),
    ],
)
def test_rarer_spelling_of_a_class_is_reported(
    labels: list[str], others: list[str]
) -> None:
    counts = {label: 100 - place for place, label in enumerate(labels)}
    assert classes(counts, MULTICLASS) == [(SPELLING, label) for label in others]


def test_mixed_labels_become_two_that_belong_together() -> None:
    counts = {"yes": 30, "1": 40, "no": 50, "0": 20}
    assert [f.problem for f in check_classes(counts, BINARY, RAW)] == [
        'looks like another spelling of "no"',
        'looks like another spelling of "yes"',
    ]


def test_letters_that_differ_by_case_may_be_classes() -> None:
    counts = {"A": 90, "a": 80, "b": 70}
    assert classes(counts, MULTICLASS) == [("letters alike", "a")]


@pytest.mark.parametrize(
    ("counts", "coding"),
    [
        ({"yes": 5, "no": 1, "1": 2, "0": 3}, ("yes", "no")),
        ({"yes": 1, "no": 1, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 50, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 1, "no": 1, "true": 2, "false": 1}, ("true", "false")),
        ({"yes": 2, "no": 2, "1": 2, "0": 2}, ("yes", "no")),
        ({"yes": 50, "0": 3}, ()),
    ],
)
def test_main_coding_is_the_complete_pair_of_most_rows(
    counts: dict[str, int], coding: tuple[str, ...]
) -> None:
    assert main_coding({label: label for label in counts}, counts) == coding


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("  New\tYork ", "new york"),
        ("5.", "5"),
        ("-5.00", "-5"),
        ("5.5", "5.5"),
        ("v1.0", "v1.0"),
        ("Y", "yes"),
    ],
)
def test_labels_are_normalized(label: str, text: str) -> None:
    assert normalized_label(label) == text


@pytest.mark.parametrize(
    ("counts", "rarer"),
    [
        ({"no": 911, "yes": 89}, "yes"),
        ({"no": 99, "yes": 901}, "no"),
        ({"no": 270, "yes": 30}, None),
        # These have findings of their own.
        ({"no": 500, "yes": 500, "maybe": 9}, None),
    ],
)
def test_imbalance_names_parameter_and_metrics(
    counts: dict[str, int], rarer: str | None
) -> None:
    found = list(check_imbalance(counts, BINARY, RAW))
    assert [f.value for f in found] == ([rarer] if rarer else [])
    for finding in found:
        assert "train.class_weight: balanced in params.yaml" in finding.fix
        assert "average_precision and balanced_accuracy" in finding.fix


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([3.5] * 100, ["constant target"]),
        ([0.0, 1.0] * 50, ["two numbers"]),
        ([0.0] * 60 + list(range(40)), ["common number"]),
        ([0.0] * 40 + list(range(60)), []),
        (list(range(100)), []),
    ],
)
def test_numbers_of_which_one_dominates_are_reported(
    values: list[float], kinds: list[str]
) -> None:
    found = check_numbers(pd.Series(values), "y", RAW)
    assert [finding.kind for finding in found] == kinds
