"""Tests of reproducible_ml.report.sections."""

from typing import Any

import pytest

from reproducible_ml.modeling.metrics import binary
from reproducible_ml.report.results import Evaluation, Results, Value
from reproducible_ml.report.sections import ends, groups, independent, signed

from .conftest import results
from .test_changes import rows


def value(middle: float | None, half: float = 0.05) -> dict[str, float | None]:
    if middle is None:
        return {"value": None, "low": None, "high": None}
    return {"value": middle, "low": middle - half, "high": middle + half}


def judged(young: dict[str, Any], classes: float | None = None) -> Results:
    """Return results of the group of the young, and of the class yes."""
    facts: dict[str, Any] = {"metrics": {}, "slices": {}}
    facts["slices"]["age"] = [{"group": "young", "rows": 7, "metrics": young}]
    if classes is not None:
        one = {"class": "yes", "rows": 5, "metrics": {"f1": value(classes)}}
        facts["classes"] = [one]
    return results(evaluation=Evaluation.model_validate(facts))


def told(base: Results, head: Results) -> list[list[str]]:
    return rows(groups(base, head, "roc_auc", binary.METRICS))


def test_metric_of_a_group_is_compared() -> None:
    base, head = (judged({"roc_auc": value(v)}) for v in (0.9, 0.7))
    [row] = told(base, head)
    assert row == [
        *["`age` `young`", "7", "`roc_auc`", "0.9000", "0.7000", "-0.2000"],
        *["-0.2707 to -0.1293", "worse"],
    ]


def test_other_metrics_are_told_where_they_moved() -> None:
    base = judged({"roc_auc": value(0.9), "f1": value(0.9), "log_loss": value(0.1)})
    head = judged({"roc_auc": value(0.9), "f1": value(0.88), "log_loss": value(0.9)})
    found = [(row[2], row[7]) for row in told(base, head)]
    assert found == [("`roc_auc`", "unchanged"), ("`log_loss`", "worse")]


def test_new_group_and_undefined_metric_are_told() -> None:
    nothing = results(evaluation=None)
    assert told(nothing, judged({"roc_auc": value(0.9)}))[0][5:] == ["-", "-", "new"]
    undefined = judged({"roc_auc": value(None)})
    assert told(undefined, undefined)[0][5:] == ["-", "-", "not defined"]
    assert "none are judged" in groups(nothing, nothing, "roc_auc", {})


def test_classes_are_told_by_f1() -> None:
    base, head = (judged({}, classes=v) for v in (0.5, 0.9))
    [row] = told(base, head)
    assert row[:3] == ["`class` `yes`", "5", "`f1`"]
    assert row[7] == "better"


def test_many_groups_are_cut() -> None:
    many = [
        {"group": f"@{i}", "rows": 1, "metrics": {"roc_auc": {"value": 0.5}}}
        for i in range(500)
    ]
    facts = {"metrics": {}, "slices": {"a|b": many}}
    head = results(evaluation=Evaluation.model_validate(facts))
    text = groups(results(), head, "roc_auc", binary.METRICS)
    assert "… and " in text
    assert len(text.encode()) < 7000


def test_interval_of_independent_values_is_narrower_than_their_sum() -> None:
    base, head = (Value.model_validate(value(v)) for v in (0.5, 0.6))
    found = independent(base, head)
    assert found == pytest.approx((0.1 - 0.0707, 0.1 + 0.0707), abs=1e-4)
    assert independent(base, base) == (0.0, 0.0)
    assert independent(base, Value(value=0.6)) is None


def test_changes_carry_their_sign() -> None:
    assert [signed(v) for v in (0.5, -0.5, 0.0)] == ["+0.5000", "-0.5000", "0.0000"]
    assert ends((-0.1, 0.2)) == "-0.1000 to +0.2000"
    assert ends(None) == ends((0.0, 0.0)) == "-"
