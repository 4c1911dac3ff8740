"""Tests of reproducible_ml.report.reproduction."""

from typing import Any

import pytest

from reproducible_ml.modeling.metrics.binary import METRICS
from reproducible_ml.modeling.metrics.regression import METRICS as OF_NUMBERS
from reproducible_ml.report.reproduction import (
    Reproduction,
    agree,
    check_reproduction,
    edited_inputs,
)
from reproducible_ml.report.results import Results

from .conftest import lock, results, stage

MODEL = {
    "train": stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 0}),
    "evaluate": stage({"models/model": "9"}, {"reports/metrics.json": "6"}),
}
REPORTS = ["dvc.lock", "reports/metrics.json"]


def judged(rebuilt: Results, *files: str, stale: Any = ()) -> Reproduction:
    return check_reproduction(results(), rebuilt, stale, files, 0.0001, METRICS)


def test_what_is_committed_came_back() -> None:
    found = judged(results(), "README.md", "reports.txt")
    assert found.holds
    assert found.words == "Reproduced, bit for bit."
    assert found.reasons == ()


def test_model_of_another_processor_is_the_same_up_to_rounding() -> None:
    found = judged(results(0.90001, lock=lock(**MODEL)), *REPORTS)
    assert found.state == "rounding"
    assert found.holds
    assert "same up to rounding on another processor" in found.words
    assert (
        found.reasons[0] == "`train`: the same inputs; made otherwise: `models/model`"
    )


def test_metrics_that_differ_by_more_are_not_rounding() -> None:
    found = judged(results(0.901, lock=lock(**MODEL)), *REPORTS)
    assert found.state == "different"
    assert not found.holds
    assert found.fix == "`make repro && git add dvc.lock reports && git commit`"


def test_data_that_differ_are_never_rounding() -> None:
    split = stage({"code/split.py": "1"}, {"data/processed/test": "9"})
    found = judged(results(lock=lock(split=split)), "dvc.lock")
    assert found.state == "different"
    assert found.reasons == (
        "`split`: the same inputs; made otherwise: `data/processed/test`",
    )


def test_stale_lock_names_stage_and_cause() -> None:
    train = stage({"code/train.py": "3"}, {"models/model": "4"}, {"train.seed": 1})
    found = judged(results(lock=lock(train=train)), "dvc.lock")
    assert found.state == "different"
    assert found.reasons == ("`train`: changed: `train.seed`",)


def test_stage_that_is_not_committed_is_named() -> None:
    card = stage({}, {"reports/card.md": "1"})
    found = judged(results(lock=lock(card=card)), "dvc.lock", "reports/card.md")
    assert found.reasons == ("`card`: is not in the committed dvc.lock",)


def test_edited_report_is_seen() -> None:
    found = judged(results(), "reports/metrics.json")
    assert found.state == "different"
    assert found.reasons == ("differ from the commit: `reports/metrics.json`",)


# A report that rounding has nothing to do with must not pass with one that it has.
def test_rounding_explains_only_reports_of_its_stages() -> None:
    rebuilt = results(lock=lock(**MODEL))
    assert not judged(rebuilt, *REPORTS, "reports/profile.json").holds


def test_failed_run_is_told_before_all_else() -> None:
    stale = [("train", "models/model is deleted")]
    found = judged(results(lock=lock(**MODEL)), "params.yaml", stale=stale)
    assert found.state == "stale"
    assert found.reasons == ("`train`: `models/model is deleted`",)
    assert "make repro" in found.fix


@pytest.mark.parametrize(
    "name", ["params.yaml", "dvc.yaml", "code/train.py", "code/train.py.dvc"]
)
def test_input_that_is_not_committed_is_told(name: str) -> None:
    found = judged(results(), name)
    assert found.state == "uncommitted"
    assert f"Not committed: `{name}`" in found.words
    assert not found.holds


def test_inputs_are_what_stages_read_or_lie_in() -> None:
    rebuilt = results(lock=lock(a=stage({"data/raw": "1"}, {})))
    files = ["README.md", "data/raw/part.csv", "data/raw.dvc", "docs/code/train.py"]
    assert edited_inputs(rebuilt, files) == ["data/raw/part.csv", "data/raw.dvc"]


def test_metrics_agree_by_relative_difference_or_the_last_decimal() -> None:
    assert agree({"f1": 0.5}, {"f1": 0.50004}, 0.0001, METRICS)
    assert not agree({"f1": 0.5}, {"f1": 0.5001}, 0.0001, METRICS)
    assert agree({"log_loss": 0.0}, {"log_loss": 0.000001}, 0.0001, METRICS)
    assert not agree({"rmse": 1e-9}, {"rmse": 1e-6}, 0.0001, OF_NUMBERS)
    assert not agree({"f1": 0.5}, {"f1": 0.5, "roc_auc": 0.5}, 0.1, METRICS)
    assert not agree({"f1": float("nan")}, {"f1": float("nan")}, 0.1, METRICS)
    assert not agree({}, {}, 0.1, METRICS)
