"""Results of two revisions: reading, pairing, and whether they differ beyond noise."""

from typing import Any

import numpy as np
import pytest

from reproducible_ml.report.results import (
    NO_RESULTS,
    Change,
    Results,
    change_verdict,
    compare,
    difference,
    pair,
    read_results,
)
from reproducible_ml.versioning.git import Revision
from tumour_diagnosis.models.metrics import BINARY

from .conftest import Repository, lock, results, stage

NAN = float("nan")
BETTER = (0.93, 0.94, 0.95, 0.96, 0.98)


def change(base: Results, head: Results) -> Change:
    return compare(base, head, BINARY, ["roc_auc"])[0]


def test_results_are_read_from_the_reports(repository: Repository) -> None:
    value = {"value": 0.9, "low": None, "high": 1.0}
    group = {"rows": 3, "metrics": {"f1": value}}
    repository.write("params.yaml", {"train": {"seed": 0}})
    repository.write("reports/metrics.json", {"f1": 0.9})
    evaluation = {
        "metrics": {"f1": {**value, "baseline": value}},
        "slices": {"age": [{"group": "below 40", **group}]},
        "classes": [{"class": "yes", **group}],
    }
    repository.write("reports/evaluation.json", evaluation)
    bootstrap = {"rows": 3, "interval_rows": 3, "test_set": "a"}
    replicates = {"f1": [0.9, None]}
    repository.write("reports/bootstrap.json", {**bootstrap, "replicates": replicates})
    found = read_results(Revision(repository.root))
    assert (found.params, found.metrics) == ({"train": {"seed": 0}}, {"f1": 0.9})
    assert found.evaluation
    assert found.evaluation.slices["age"][0].group == "below 40"
    assert found.evaluation.classes[0].group == "yes"
    assert found.bootstrap
    assert found.bootstrap.replicates == {"f1": [0.9, None]}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metrics": 5}', "null", "5"])
def test_unreadable_report_counts_as_missing(
    repository: Repository, content: str
) -> None:
    for name in ("evaluation", "bootstrap", "metrics"):
        repository.write(f"reports/{name}.json", content)
    found = read_results(Revision(repository.root))
    assert (found.evaluation, found.bootstrap) == (None, None)
    assert isinstance(found.metrics, dict)


def fewer_rows() -> Results:
    """Return results whose intervals come from fewer rows."""
    bootstrap = results().bootstrap
    assert bootstrap
    changed = bootstrap.model_copy(update={"interval_rows": 50})
    return results(bootstrap=changed)


OTHER_VALUES = lock(split=stage({"code/split.py": "1"}, {"data/processed/test": "9"}))


@pytest.mark.parametrize(
    ("base", "head", "kind", "note"),
    [
        (results(), results(), "paired", "on the same 100 test rows."),
        (results(), results(lock=OTHER_VALUES), "paired", "some values or parts"),
        (results(), results(test_set="b"), "unpaired", "test set changed (100 rows"),
        (results(targets="a"), results(targets="a"), "paired", "same 100 test rows."),
        (results(), results(targets="b"), "paired", "same 100 test rows."),
        (
            results(targets="a"),
            results(targets="b"),
            "unpaired",
            "The target of some of the 100 test rows changed",
        ),
        (results(), fewer_rows(), "unpaired", "evaluate.interval_rows changed"),
        (results(bootstrap=None), results(), "values", "no intervals"),
        (NO_RESULTS, results(), "none", "The base has no metrics"),
    ],
)
def test_replicates_of_the_same_rows_are_pairs(
    base: Results, head: Results, kind: str, note: str
) -> None:
    found = pair(base, head)
    assert found.kind == kind
    assert note in found.note


@pytest.mark.parametrize("key", ["target", "task", "positive"])
def test_metrics_of_another_question_are_not_compared(key: str) -> None:
    other = {"data": {**results().params["data"], key: "other"}}
    found = pair(results(), results(params=other))
    assert found.kind == "none"
    assert f"data.{key} changed" in found.note


def test_paired_difference_is_narrower_than_the_unpaired_one() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(0, 0.1, 500)
    base = [*(0.8 + hard)]
    head = [*(0.81 + hard + random.normal(0, 0.001, 500))]
    paired = difference(base, head, paired=True)
    unpaired = difference(base, head, paired=False)
    assert paired
    assert unpaired
    assert 0 < paired[0] < 0.01 < paired[1]
    assert unpaired[0] < 0 < unpaired[1]


def test_unpaired_difference_has_the_spread_of_both() -> None:
    random = np.random.default_rng(0)
    base, head = random.normal(0, 3, 1000), random.normal(1, 4, 1000)
    found = difference([*base], [*head], paired=False)
    assert found == pytest.approx((1 - 1.96 * 5, 1 + 1.96 * 5), abs=0.5)


def test_undefined_and_unmatched_replicates_do_not_count() -> None:
    assert difference([1.0, None, 3.0], [2.0, 9.0, 4.0, 5.0], paired=True) == (1, 1)
    assert difference([None, NAN], [1.0, 2.0], paired=True) is None
    assert difference([float("inf")], [float("inf")], paired=False) is None


@pytest.mark.parametrize(
    ("moved", "interval", "better", "expected"),
    [
        (0.1, (0.01, 0.2), True, "better"),
        (0.1, (0.01, 0.2), False, "worse"),
        (-0.1, (-0.2, -0.01), True, "worse"),
        (-0.1, (-0.2, -0.01), False, "better"),
        (0.1, (0.0, 0.2), True, "within noise"),
        (-0.1, (-0.2, 0.1), False, "within noise"),
        (0.0, (-0.1, 0.1), True, "within noise"),
        (0.0, (0.0, 0.0), True, "unchanged"),
        (0.0, None, True, "unchanged"),
        (-0.1, None, True, "worse, noise unknown"),
        (-0.1, (-0.2, -0.1), None, "changed"),
    ],
)
def test_verdict_depends_on_noise_and_direction(
    moved: float, interval: Any, better: bool | None, expected: str
) -> None:
    assert change_verdict(moved, interval, better) == expected


def test_metric_is_compared_in_pairs_on_the_same_rows_only() -> None:
    found = change(results(), results(0.95, BETTER))
    assert (found.base, found.head, found.verdict) == (0.9, 0.95, "better")
    assert found.interval == pytest.approx((0.05, 0.059))
    unpaired = change(results(), results(0.95, BETTER, test_set="b"))
    assert unpaired.interval
    assert unpaired.interval[0] < 0.05 < 0.06 < unpaired.interval[1]
    assert change(results(), results()).verdict == "unchanged"


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (NO_RESULTS, results(), "new"),
        (results(metrics={"f1": 0.5}), results(), "new"),
        (results(params={}), results(), "new"),
        (results(NAN), results(), "base is not a number"),
        *[
            (results(), results(value), "not a number")
            for value in (NAN, float("inf"), None, "0.9", True, [0.9])
        ],
        (NO_RESULTS, NO_RESULTS, "missing"),
        (results(), results(0.8, bootstrap=None), "worse, noise unknown"),
    ],
)
def test_metric_without_a_partner_has_no_interval(
    base: Results, head: Results, verdict: str
) -> None:
    found = change(base, head)
    assert (found.verdict, found.interval) == (verdict, None)


def test_removed_and_unknown_metrics_are_listed() -> None:
    base = results(metrics={"roc_auc": 0.9, "mine": 1.0, "gone": 2.0})
    head = results(metrics={"roc_auc": 0.9, "mine": 2.0})
    found = {c.name: c.verdict for c in compare(base, head, BINARY, ["roc_auc"])}
    assert found == {"roc_auc": "unchanged", "mine": "changed", "gone": "removed"}
