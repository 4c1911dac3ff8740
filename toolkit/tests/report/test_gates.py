"""Tests of reproducible_ml.report.gates: each gate is closed once."""

from typing import Any

import pytest

from reproducible_ml.modeling.metrics.binary import METRICS
from reproducible_ml.report.compare import compare
from reproducible_ml.report.gates import Gate, check_gates, numbers
from reproducible_ml.report.results import NO_RESULTS, Evaluation, Results
from tumour_diagnosis.params import Params

from .conftest import results

WORSE = [0.85, 0.86, 0.88, 0.88, 0.89]
NOISY = [0.80, 0.95, 0.88, 0.88, 0.99]


def judged(
    base: Results, head: Results, metrics: Any = METRICS, **gate: Any
) -> list[Gate]:
    """Return the gates of these results; params name roc_auc and groups by age."""
    params = Params.model_validate(
        {
            "data": {"target": "bought", "positive": "yes"},
            "train": {"estimator": {"path": "my.Model"}},
            "evaluate": {"metrics": ["roc_auc"], "slices": {"age": [40.0]}},
            "gate": gate,
        }
    )
    found = compare(base, head, metrics, params.evaluate.metrics)
    return check_gates(params, head, found, metrics)


def against_base(base: Results, head: Results, **gate: Any) -> Gate:
    return judged(base, head, **gate)[1]


def groups(**values: float | None) -> Results:
    """Return results of groups by age, from rows of each and its roc_auc."""
    found = [
        {"group": name, "rows": 10, "metrics": {"roc_auc": {"value": value}}}
        for name, value in values.items()
    ]
    facts = {"metrics": {}, "slices": {"age": found}}
    return results(evaluation=Evaluation.model_validate(facts))


def test_unchanged_results_pass() -> None:
    found = judged(results(), results())
    assert [gate.passed for gate in found] == [True, True]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), None, "0.9", [0.9], True]
)
def test_metric_that_is_no_finite_number_fails(value: Any) -> None:
    found = judged(results(), results(value))
    assert [gate.passed for gate in found] == [False, False]
    assert "`roc_auc` is" in found[0].words


def test_missing_metric_fails() -> None:
    found = judged(results(), NO_RESULTS)
    assert [gate.passed for gate in found] == [False, False]
    assert "`roc_auc` is missing" in found[0].words


def test_metric_that_nobody_asked_for_is_a_number_as_well() -> None:
    nested = {"roc_auc": 0.9, "mine": {"a": float("inf")}, "words": "x", "list": [1]}
    found = numbers(["roc_auc"], nested)
    assert not found.passed
    assert found.words == "reports/metrics.json: `mine.a` is `inf`"


def test_worse_beyond_noise_fails() -> None:
    found = against_base(results(), results(0.88, WORSE))
    assert not found.passed
    assert "worse by 0.0200, tolerance 0.0000; more than noise" in found.words


def test_worse_within_noise_passes_unless_all_that_is_worse_fails() -> None:
    assert against_base(results(), results(0.88, NOISY)).passed
    found = against_base(results(), results(0.88, NOISY), only_beyond_noise=False)
    assert not found.passed
    assert "within noise" in found.words


def test_tolerance_is_allowed() -> None:
    assert against_base(results(), results(0.88, WORSE), tolerance=0.021).passed
    assert not against_base(results(), results(0.88, WORSE), tolerance=0.019).passed


def test_better_passes() -> None:
    assert against_base(results(0.88, WORSE), results(), only_beyond_noise=False).passed


def test_lower_loss_is_better() -> None:
    low, high = (
        results(metrics={"roc_auc": 0.9, "log_loss": value}, bootstrap=None)
        for value in (0.1, 0.2)
    )
    params = {"metrics": ["roc_auc", "log_loss"]}
    for base, head, passed in ((low, high, False), (high, low, True)):
        changes = compare(base, head, METRICS, params["metrics"])
        wanted = Params.model_validate(
            {
                "data": {"target": "bought", "positive": "yes"},
                "train": {"estimator": {"path": "my.Model"}},
                "evaluate": params,
                "gate": {"metric": "log_loss", "floors": {"log_loss": 0.15}},
            }
        )
        found = check_gates(wanted, head, changes, METRICS)
        assert [gate.passed for gate in found] == [True, passed, passed]


# What cannot be shown to be noise counts.
def test_worse_without_an_interval_fails() -> None:
    found = against_base(results(), results(0.88, bootstrap=None))
    assert not found.passed
    assert "no interval tells" in found.words


def test_changed_test_set_is_judged_without_pairs() -> None:
    assert against_base(results(), results(0.899, WORSE, test_set="b")).passed
    far = results(0.5, [0.48, 0.49, 0.5, 0.51, 0.52], test_set="b")
    assert not against_base(results(), far).passed


def test_first_pull_request_has_nothing_to_be_worse_than() -> None:
    found = against_base(NO_RESULTS, results(0.1))
    assert found.passed
    assert "the base has none" in found.words


def test_metric_that_is_unknown_fails() -> None:
    found = judged(results(), results(), metrics={}, floors={"roc_auc": 0.1})
    assert [gate.passed for gate in found] == [True, False, False]


def test_floor_is_kept_or_not() -> None:
    assert judged(results(), results(), floors={"roc_auc": 0.9})[2].passed
    found = judged(results(), results(), floors={"roc_auc": 0.91})[2]
    assert not found.passed
    assert found.words == "`roc_auc` is 0.9000, below 0.9100"


def test_floor_of_groups_is_kept_or_not() -> None:
    floors = {"age": {"roc_auc": 0.7}}
    head = groups(young=0.8, old=0.7)
    assert judged(results(), head, slice_floors=floors)[2].passed
    found = judged(results(), groups(young=0.8, old=0.6), slice_floors=floors)[2]
    assert not found.passed
    assert found.words == "`age` `old` (10 rows): `roc_auc` is 0.6000, below 0.7000"


def test_group_without_a_value_fails_its_floor() -> None:
    floors = {"age": {"roc_auc": 0.7}}
    found = judged(results(), groups(young=None), slice_floors=floors)[2]
    assert not found.passed
    assert "`roc_auc` is not defined" in found.words
    for head in (groups(), results(evaluation=None)):
        found = judged(results(), head, slice_floors=floors)[2]
        assert not found.passed
        assert "has no groups of `age`" in found.words


def test_many_misses_are_counted() -> None:
    head = groups(**{f"group {i}": 0.1 for i in range(30)})
    found = judged(results(), head, slice_floors={"age": {"roc_auc": 0.7}})[2]
    assert found.words.endswith("; and 20 more")
