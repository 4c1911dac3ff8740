"""Tests of reproducible_ml.report.compare."""

from typing import Any

import numpy as np
import pytest

from reproducible_ml.modeling.metrics.binary import METRICS
from reproducible_ml.report.compare import (
    Change,
    change_verdict,
    compare,
    difference,
    number,
)
from reproducible_ml.report.results import NO_RESULTS, Results

from .conftest import results

NAN = float("nan")


def change(base: Results, head: Results) -> Change:
    [found] = compare(base, head, METRICS, ["roc_auc"])
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(1, 1.0), (0.5, 0.5), (NAN, None), (float("inf"), None)],
        *[(None, None), (True, None), ("0.9", None), ([0.9], None), ({}, None)],
    ],
)
def test_only_finite_numbers_are_numbers(value: Any, expected: float | None) -> None:
    assert number(value) == expected


def test_paired_difference_is_narrower_than_the_independent_one() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(0, 0.1, 500)
    base = [*(0.8 + hard)]
    head = [*(0.81 + hard + random.normal(0, 0.001, 500))]
    paired = difference(base, head, paired=True)
    apart = difference(base, head, paired=False)
    assert paired
    assert apart
    assert 0 < paired[0] < 0.01 < paired[1]
    assert apart[0] < 0 < apart[1]


def test_independent_difference_has_the_spread_of_both() -> None:
    random = np.random.default_rng(0)
    base, head = random.normal(0, 3, 1000), random.normal(1, 4, 1000)
    found = difference([*base], [*head], paired=False)
    assert found
    assert found == pytest.approx((1 - 1.96 * 5, 1 + 1.96 * 5), abs=0.5)


def test_replicates_without_a_partner_do_not_count() -> None:
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
def test_verdict_knows_noise_and_direction(
    moved: float, interval: Any, better: bool | None, expected: str
) -> None:
    assert change_verdict(moved, interval, better) == expected


def test_metric_that_both_have_is_compared_in_pairs() -> None:
    better = results(0.95, [0.93, 0.94, 0.95, 0.96, 0.98])
    found = change(results(), better)
    assert (found.base, found.head, found.verdict) == (0.9, 0.95, "better")
    assert found.interval == pytest.approx((0.05, 0.059))
    assert change(results(), results()).verdict == "unchanged"


def test_metric_of_other_rows_is_compared_without_pairs() -> None:
    better = results(0.95, [0.93, 0.94, 0.95, 0.96, 0.98], test_set="b")
    found = change(results(), better)
    assert found.interval
    assert found.interval[0] < 0.05 < 0.06 < found.interval[1]


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (NO_RESULTS, results(), "new"),
        (results(metrics={"f1": 0.5}), results(), "new"),
        (results(NAN), results(), "base is no number"),
        (results(), results(NAN), "not a number"),
        (results(), results(None), "not a number"),
        (results(), results("0.9"), "not a number"),
        (NO_RESULTS, NO_RESULTS, "missing"),
        (results(params={}), results(), "new"),
        (results(), results(0.8, bootstrap=None), "worse, noise unknown"),
    ],
)
def test_what_has_no_partner_is_said(
    base: Results, head: Results, verdict: str
) -> None:
    found = compare(base, head, METRICS, ["roc_auc"])[0]
    assert found.verdict == verdict
    assert found.interval is None


def test_removed_and_unknown_metrics_are_told() -> None:
    base = results(metrics={"roc_auc": 0.9, "mine": 1.0, "gone": 2.0})
    head = results(metrics={"roc_auc": 0.9, "mine": 2.0})
    found = {c.name: c.verdict for c in compare(base, head, METRICS, ["roc_auc"])}
    assert found == {"roc_auc": "unchanged", "mine": "changed", "gone": "removed"}
