"""Tests of reproducible_ml.report.results."""

import pytest

from reproducible_ml.report.results import NO_RESULTS, pair, same_table

from .conftest import lock, results, stage


def test_same_rows_are_pairs() -> None:
    found = pair(results(), results())
    assert found.kind == "paired"
    assert found.words == "Intervals of paired differences on the same 100 test rows."


def test_same_rows_with_other_values_are_pairs_and_it_is_told() -> None:
    split = stage({"code/split.py": "1"}, {"data/processed/test": "9"})
    other = results(lock=lock(split=split))
    assert not same_table(results(), other)
    found = pair(results(), other)
    assert found.kind == "paired"
    assert "some values or parts of which changed" in found.words


def test_other_rows_are_no_pairs() -> None:
    found = pair(results(), results(test_set="b"))
    assert found.kind == "unpaired"
    assert "The test set changed (100 rows at the base, 100 now)" in found.words


def test_replicates_of_fewer_rows_are_no_pairs() -> None:
    fewer = results().bootstrap
    assert fewer
    fewer = fewer.model_copy(update={"interval_rows": 50})
    found = pair(results(), results(bootstrap=fewer))
    assert found.kind == "unpaired"
    assert "evaluate.interval_rows changed" in found.words


@pytest.mark.parametrize("key", ["target", "task", "positive"])
def test_metrics_of_another_question_do_not_compare(key: str) -> None:
    other = {"data": {**results().params["data"], key: "other"}}
    found = pair(results(), results(params=other))
    assert found.kind == "none"
    assert f"data.{key} changed" in found.words


def test_what_is_missing_is_said() -> None:
    assert "The base has no metrics" in pair(NO_RESULTS, results()).words
    found = pair(results(bootstrap=None), results())
    assert found.kind == "values"
    assert "no intervals" in found.words
