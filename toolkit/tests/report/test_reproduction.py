"""Whether the pipeline reproduced what is committed, and if not, why."""

from typing import Any

import pytest

from reproducible_ml.report.results import Results
from reproducible_ml.report.review import (
    Reproduction,
    agree,
    check_reproduction,
    edited_inputs,
)
from tumour_diagnosis.models.metrics import BINARY, REGRESSION

from .conftest import lock, results, stage

MODEL = {
    "train": stage({"code/train.py": "3"}, {"models/model": "9"}, {"train.seed": 0}),
    "evaluate": stage({"models/model": "9"}, {"reports/metrics.json": "6"}),
}
SPLIT = {"split": stage({"code/split.py": "1"}, {"data/processed/test": "9"})}
SEED = {
    "train": stage({"code/train.py": "3"}, {"models/model": "4"}, {"train.seed": 1})
}
REPORTS = ("dvc.lock", "reports/metrics.json")


def checked(rebuilt: Results, *files: str, stale: Any = ()) -> Reproduction:
    return check_reproduction(results(), rebuilt, stale, files, 0.0001, BINARY)


@pytest.mark.parametrize(
    ("server", "summary"),
    [("true", "Reproduced, bit for bit."), ("", "Results, dvc.lock and commit agree.")],
)
def test_equal_results_are_reproduced_where_they_were_rebuilt(
    server: str, summary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", server)
    found = checked(results(), "README.md", "reports.txt")
    assert (found.state, found.summary) == ("equal", summary)
    assert found.holds
    assert found.reasons == ()


def test_model_of_another_processor_is_reproduced_up_to_rounding() -> None:
    found = checked(results(0.90001, lock=lock(**MODEL)), *REPORTS)
    assert (found.state, found.holds) == ("rounding", True)
    assert "up to rounding on another processor" in found.summary
    reason = "`train`: same inputs; different results: `models/model`"
    assert found.reasons[0] == reason


@pytest.mark.parametrize(
    ("rebuilt", "files", "reason"),
    [
        # Metrics that differ by more than rounding.
        (results(0.901, lock=lock(**MODEL)), REPORTS, "`train`: same inputs"),
        # Data never differ by rounding.
        (
            results(lock=lock(**SPLIT)),
            ("dvc.lock",),
            "`split`: same inputs; different results: `data/processed/test`",
        ),
        (results(lock=lock(**SEED)), ("dvc.lock",), "`train`: changed: `train.seed`"),
        (
            results(lock=lock(card=stage({}, {"reports/card.md": "1"}))),
            ("dvc.lock", "reports/card.md"),
            "`card`: is not in the committed dvc.lock",
        ),
        (
            results(),
            ("reports/metrics.json",),
            "not as committed: `reports/metrics.json`",
        ),
        # Rounding explains only the reports of its stages.
        (
            results(lock=lock(**MODEL)),
            (*REPORTS, "reports/profile.json"),
            "`train`: same inputs",
        ),
    ],
)
def test_other_differences_are_not_reproduced(
    rebuilt: Results, files: tuple[str, ...], reason: str
) -> None:
    found = checked(rebuilt, *files)
    assert (found.state, found.holds) == ("different", False)
    assert found.reasons[0].startswith(reason)
    assert found.fix == "`make repro && git add dvc.lock reports && git commit`"


def test_failed_run_comes_before_all_other_reasons() -> None:
    stale = [("train", "models/model is deleted")]
    found = checked(results(lock=lock(**MODEL)), "params.yaml", stale=stale)
    assert (found.state, found.holds) == ("stale", False)
    assert found.reasons == ("`train`: `models/model is deleted`",)
    assert "make repro" in found.fix


@pytest.mark.parametrize(
    "name", ["params.yaml", "dvc.yaml", "code/train.py", "code/train.py.dvc"]
)
def test_input_that_is_not_committed_is_named(name: str) -> None:
    found = checked(results(), name)
    assert (found.state, found.holds) == ("uncommitted", False)
    assert f"Not committed: `{name}`" in found.summary


def test_inputs_are_files_that_stages_read_or_that_lie_in_their_deps() -> None:
    rebuilt = results(lock=lock(a=stage({"data/raw": "1"}, {})))
    files = ["README.md", "data/raw/part.csv", "data/raw.dvc", "docs/code/train.py"]
    assert edited_inputs(rebuilt, files) == ["data/raw/part.csv", "data/raw.dvc"]
    # What another stage writes is a result, as the plots that the card shows.
    draws = stage({"data/raw": "1"}, {"reports/plots": "2"})
    describes = stage({"reports/plots": "2", "docs/card.yaml": "3"}, {})
    rebuilt = results(lock=lock(draws=draws, describes=describes))
    files = ["docs/card.yaml", "reports/plots/roc.csv"]
    assert edited_inputs(rebuilt, files) == ["docs/card.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "equal"),
    [
        ({"f1": 0.5}, {"f1": 0.50004}, 0.0001, True),
        ({"f1": 0.5}, {"f1": 0.5001}, 0.0001, False),
        # The last stored decimal.
        ({"log_loss": 0.0}, {"log_loss": 0.000001}, 0.0001, True),
        ({"rmse": 1e-9}, {"rmse": 1e-6}, 0.0001, False),
        ({"f1": 0.5}, {"f1": 0.5, "roc_auc": 0.5}, 0.1, False),
        ({"f1": float("nan")}, {"f1": float("nan")}, 0.1, False),
        ({}, {}, 0.1, False),
    ],
)
def test_metrics_agree_by_relative_difference_or_the_last_decimal(
    old: Any, new: Any, tolerance: float, equal: bool
) -> None:
    assert agree(old, new, tolerance, {**BINARY, **REGRESSION}) is equal
