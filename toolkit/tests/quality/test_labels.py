"""Tests of reproducible_ml.quality.target."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.quality.target import (
    check_classes,
    check_numbers,
    check_split,
    count_labels,
    normalized_label,
)
from tumour_diagnosis.params import Params

RAW = Path("data/raw/people.csv")

ParamsOf = Callable[..., Params]


def judged(counts: dict[str, int], params: Params) -> list[tuple[str, str | None]]:
    """Return kind and value of what is strange about classes."""
    return [(f.kind, f.value) for f in check_classes(counts, params, RAW)]


@pytest.mark.parametrize(
    "counts",
    [
        {"no": 270, "yes": 30},
        {"yes": 50, "no": 50},
    ],
)
def test_two_common_classes_are_not_strange(
    counts: dict[str, int], params_of: ParamsOf
) -> None:
    assert judged(counts, params_of()) == []


@pytest.mark.parametrize(
    "labels",
    [
        list("abcdefghijklmnopqrstuvwxyz"),
        [str(number) for number in range(12)],
        ["10", "1_0", "1e1", "010", "1234567", "1234568"],
        ["Bonn", "Köln", "Koln", "new", "renew"],
    ],
)
def test_many_classes_are_not_strange(labels: list[str], params_of: ParamsOf) -> None:
    assert judged(dict.fromkeys(labels, 20), params_of("multiclass")) == []


def test_constant_target_is_told_with_its_value(params_of: ParamsOf) -> None:
    (finding,) = check_classes({"no": 80, "yes": 0}, params_of(), RAW)
    assert str(finding) == (
        'data/raw/people.csv, column "y": "no" is what every row says, so there is'
        " nothing to learn. Check the export, or name another target: make data"
        " TARGET=..."
    )


def test_positive_class_that_never_occurs_is_told(params_of: ParamsOf) -> None:
    found = judged({"no": 80, "perhaps": 50}, params_of())
    assert found == [("no positive class", None)]


def test_class_of_one_row_is_told_with_its_fix(params_of: ParamsOf) -> None:
    counts = {"a": 8, "b": 8, "x": 1}
    lines = [str(f) for f in check_classes(counts, params_of("multiclass"), RAW)]
    assert lines[2] == (
        'data/raw/people.csv, column "y": "x" is a class that cannot be both trained on'
        " and tested (1 row). Merge it with another class, or remove the row."
    )


@pytest.mark.parametrize(("rows", "kinds"), [(9, ["rare class"]), (10, [])])
def test_class_is_rare_with_fewer_than_ten_rows(
    rows: int, kinds: list[str], params_of: ParamsOf
) -> None:
    found = judged({"no": 20, "yes": rows}, params_of())
    assert [kind for kind, _ in found] == kinds


@pytest.mark.parametrize(
    ("labels", "strange"),
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
def test_class_spelled_in_several_ways_is_told_by_its_rarer_spelling(
    labels: list[str], strange: list[str], params_of: ParamsOf
) -> None:
    counts = {label: 100 - place for place, label in enumerate(labels)}
    found = judged(counts, params_of("multiclass"))
    assert found == [("class spelled in several ways", label) for label in strange]


def test_mixed_answers_are_to_become_two_that_belong_together(
    params_of: ParamsOf,
) -> None:
    counts = {"yes": 30, "1": 40, "no": 50, "0": 20}
    problems = [f.problem for f in check_classes(counts, params_of(), RAW)]
    assert problems == [
        'looks like another spelling of "no"',
        'looks like another spelling of "yes"',
    ]


def test_letters_that_differ_in_case_may_be_classes(params_of: ParamsOf) -> None:
    counts = {"A": 90, "a": 80, "b": 70}
    assert judged(counts, params_of("multiclass")) == [("letters alike", "a")]


@pytest.mark.parametrize("counts", [{"no": 911, "yes": 89}, {"no": 99, "yes": 901}])
def test_imbalance_names_parameter_and_metrics(
    counts: dict[str, int], params_of: ParamsOf
) -> None:
    (finding,) = check_classes(counts, params_of(), RAW)
    rarer = min(counts, key=counts.__getitem__)
    assert (finding.value, finding.rows) == (rarer, counts[rarer])
    assert "Set train.class_weight: balanced in params.yaml" in finding.fix
    assert "average_precision and balanced_accuracy" in finding.fix


def test_misspelled_class_is_to_be_unified_however_rare(params_of: ParamsOf) -> None:
    found = judged({"no": 50, "yes": 50, "Yes": 1}, params_of("multiclass"))
    assert found == [("class spelled in several ways", "Yes")]


# What to do about these is findings already.
@pytest.mark.parametrize("label", ["maybe", "Yes"])
def test_rare_or_misspelled_class_is_no_imbalance(
    label: str, params_of: ParamsOf
) -> None:
    counts = {"no": 500, "yes": 500, label: 9}
    (finding,) = check_classes(counts, params_of("multiclass"), RAW)
    assert finding.value == label
    assert finding.kind != "imbalance"


def test_imbalance_that_is_handled_is_not_told(params_of: ParamsOf) -> None:
    params = params_of(train={"class_weight": "balanced"})
    assert judged({"no": 990, "yes": 10}, params) == []


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
def test_meaning_is_the_same_for_other_spellings(label: str, text: str) -> None:
    assert normalized_label(label) == text


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
def test_numbers_are_strange_where_one_prevails(
    values: list[float], kinds: list[str], params_of: ParamsOf
) -> None:
    found = check_numbers(pd.Series(values), params_of("regression"), RAW)
    assert [finding.kind for finding in found] == kinds


def test_table_sorted_by_its_target_and_split_by_time_lacks_a_class(
    params_of: ParamsOf,
) -> None:
    days = pd.date_range("2024-01-01", periods=100).astype("datetime64[ns]")
    frame = pd.DataFrame({"when": days, "y": np.repeat(["no", "yes"], 50)})
    split = {"method": "time", "cutoff": "2024-02-10"}
    params = params_of(split=split, data={"time": "when"})
    counts, trained = count_labels(0, frame, params)
    (finding,) = check_split(counts, trained, params, RAW)
    assert str(finding) == (
        'data/raw/people.csv, column "y": "yes" is a class without any row in the'
        " training set (50 rows). Set another split.cutoff in params.yaml, or another"
        " split.method."
    )


def test_labels_are_counted_by_their_text(params_of: ParamsOf) -> None:
    frame = pd.DataFrame({"y": pd.array([1, 1, 0], dtype="Int64")}, index=[1, 2, 3])
    counts, trained = count_labels(0, frame, params_of())
    assert counts == {"1": 2, "0": 1}
    assert trained <= counts
