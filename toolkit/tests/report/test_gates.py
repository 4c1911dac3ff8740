"""Gates: each is failed once, by a real change of results or a real remote."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.report.gates import Gate, GateResult, check_gates, remote_status
from reproducible_ml.report.results import NO_RESULTS, Evaluation, Results, compare
from reproducible_ml.versioning.dvc import default_remote
from tumour_diagnosis.models.metrics import BINARY

from .conftest import Repository, dvc, results

WORSE = [0.85, 0.86, 0.88, 0.88, 0.89]
NOISY = [0.80, 0.95, 0.88, 0.88, 0.99]


def checked(
    base: Results, head: Results, metrics: Any = BINARY, **gate: Any
) -> list[GateResult]:
    """Return all gates of these results; params.yaml names roc_auc."""
    names = ["roc_auc", *gate.pop("others", ())]
    found = compare(base, head, metrics, names)
    return check_gates(Gate(**gate), names, head, found, metrics)


def against_base(base: Results, head: Results, **gate: Any) -> GateResult:
    return checked(base, head, **gate)[1]


def groups(**values: float | None) -> Results:
    """Return results with the roc_auc of groups by age."""
    found = [
        {"group": name, "rows": 10, "metrics": {"roc_auc": {"value": value}}}
        for name, value in values.items()
    ]
    evaluation = {"metrics": {}, "slices": {"age": found}}
    return results(evaluation=Evaluation.model_validate(evaluation))


def people(
    value: float | None, low: float = 0.0, high: float = 1.0, few: int | None = None
) -> Results:
    """Return results with a difference between young and old."""
    gap: dict[str, Any] = {
        "difference": {"value": value, "low": low, "high": high},
        "few": [{"group": "old", "rows": few, "of": "positives"}] if few else [],
        "few_count": 1 if few else 0,
        **({"lowest": "old", "highest": "young", "surest": ["old", "young"]}),
    }
    groups = [
        {"group": name, "rows": rows, "metrics": {}}
        for name, rows in (("young", 90), ("old", 40))
    ]
    column = {"groups": groups, "gaps": {"selection_rate": gap}}
    evaluation = {"metrics": {}, "protected": {"age": column}}
    return results(evaluation=Evaluation.model_validate(evaluation))


SIZES = "smallest groups: `old` of `age`, 40 rows"


@pytest.mark.parametrize(
    ("head", "always", "passed", "reason"),
    [
        (people(0.05, 0, 0.2), False, True, "differs by 0.0500 (0.0000 to 0.2000)"),
        (people(0.2, 0.15, 0.3), False, False, "noise, surest between `old` and `you"),
        (people(0.2, 0.05, 0.3), False, True, "above 0.1000 within noise"),
        (people(0.2, 0.05, 0.3), True, False, "above 0.1000; "),
        # Few rows that show nothing decide nothing; but they may show it.
        (people(0.05, 0, 0.5, few=3), False, None, "too few rows to decide: `old` has"),
        (people(0.3, 0, 0.5, few=3), False, None, "`old` has 3 positives"),
        (people(0.9, 0.2, 1.0, few=3), False, False, "by more than noise"),
        (people(None), False, None, "not two groups"),
    ],
)
def test_difference_between_protected_groups_has_a_limit(
    head: Results, always: bool, passed: bool | None, reason: str
) -> None:
    gate = {"max_group_gap": {"selection_rate": 0.1}, "only_beyond_noise": not always}
    found = checked(results(), head, **gate)[-1]
    assert (found.name, found.passed) == ("gaps of protected groups", passed)
    assert reason in found.reason
    assert SIZES in found.reason


def test_difference_that_nobody_computed_fails() -> None:
    for name, head in (("selection_rate", results()), ("accuracy", people(0.1))):
        found = checked(results(), head, max_group_gap={name: 0.1})[-1]
        assert found.passed is False
        assert found.reason.startswith(("reports/evaluation.json", "`age`: reports/"))
    gate = Gate(max_group_gap={"mae": 1.0})
    assert "names mae, not one of sel" in str(gate.problem("binary", protected=True))
    assert "evaluate.protected" in str(gate.problem("regression", protected=False))
    assert gate.problem("regression", protected=True) is None


def test_unchanged_results_pass() -> None:
    assert [gate.passed for gate in checked(results(), results())] == [True, True]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        *[
            (results(value), "`roc_auc` is ")
            for value in (float("nan"), float("inf"), None, "0.9", [0.9], True)
        ],
        (NO_RESULTS, "`roc_auc` is missing"),
    ],
)
def test_metric_that_is_not_a_finite_number_fails(head: Results, reason: str) -> None:
    found = checked(results(), head)
    assert [gate.passed for gate in found] == [False, False]
    assert reason in found[0].reason


def test_metrics_that_nobody_asked_for_must_be_numbers_too() -> None:
    nested = {"roc_auc": 0.9, "mine": {"a": float("inf")}, "text": "x", "list": [1]}
    found = checked(results(), results(metrics=nested))[0]
    assert not found.passed
    assert found.reason == "reports/metrics.json: `mine.a` is `inf`"


@pytest.mark.parametrize(
    ("head", "gate", "passed", "reason"),
    [
        (results(0.88, WORSE), {}, False, "worse by 0.0200, tolerance 0.0000; more"),
        (results(0.88, NOISY), {}, True, "within noise"),
        (results(0.88, NOISY), {"only_beyond_noise": False}, False, "within noise"),
        (results(0.88, WORSE), {"tolerance": 0.021}, True, ""),
        (results(0.88, WORSE), {"tolerance": 0.019}, False, ""),
        # What cannot be shown to be noise counts.
        (results(0.88, bootstrap=None), {}, False, "without an interval"),
        # Another test set is compared without pairs.
        (results(0.899, WORSE, test_set="b"), {}, True, ""),
        (results(0.5, [0.48, 0.5, 0.52], test_set="b"), {}, False, ""),
        (results(0.95, [0.95] * 5), {"only_beyond_noise": False}, True, "better"),
    ],
)
def test_worse_metric_fails_beyond_noise_and_tolerance(
    head: Results, gate: Any, passed: bool, reason: str
) -> None:
    found = against_base(results(), head, **gate)
    assert found.passed is passed
    assert reason in found.reason


@pytest.mark.parametrize(("base", "head"), [(0.1, 0.2), (0.2, 0.1)])
def test_lower_loss_is_better(base: float, head: float) -> None:
    old, new = (
        results(metrics={"roc_auc": 0.9, "log_loss": value}, bootstrap=None)
        for value in (base, head)
    )
    gate = {"metric": "log_loss", "floors": {"log_loss": 0.15}}
    found = checked(old, new, others=["log_loss"], **gate)
    passed = head < base
    assert [gate.passed for gate in found] == [True, passed, passed]


def test_first_pull_request_has_no_base_to_be_worse_than() -> None:
    found = against_base(NO_RESULTS, results(0.1))
    assert found.passed
    assert "the base has none" in found.reason


def test_unknown_metric_fails() -> None:
    found = checked(results(), results(), metrics={}, floors={"roc_auc": 0.1})
    assert [gate.passed for gate in found] == [True, False, False]


@pytest.mark.parametrize(
    ("head", "gate", "missed"),
    [
        (results(), {"floors": {"roc_auc": 0.9}}, ""),
        (
            results(),
            {"floors": {"roc_auc": 0.91}},
            "`roc_auc` is 0.9000, below 0.9100",
        ),
        (groups(young=0.8, old=0.7), {}, ""),
        (
            groups(young=0.8, old=0.6),
            {},
            "`age` `old` (10 rows): `roc_auc` is 0.6000, below 0.7000",
        ),
        (groups(young=None), {}, "`roc_auc` is not defined"),
        (groups(), {}, "has no groups of `age`"),
        (results(evaluation=None), {}, "has no groups of `age`"),
        (groups(**{f"group {i}": 0.1 for i in range(30)}), {}, "; and 20 more"),
    ],
)
def test_floors_of_metrics_and_groups_are_met_or_not(
    head: Results, gate: dict[str, Any], missed: str
) -> None:
    gate = gate or {"slice_floors": {"age": {"roc_auc": 0.7}}}
    found = checked(results(), head, **gate)[2]
    assert found.passed is (not missed)
    assert missed in found.reason


@pytest.fixture
def remote(pipeline: Repository, tmp_path: Path) -> Path:
    """The folder that is the default remote of the pipeline."""
    folder = tmp_path / "remote"
    dvc(pipeline.root, "remote", "add", "--default", "storage", str(folder))
    return folder


def status(repository: Repository) -> GateResult:
    found = remote_status(repository.root, offline=False)
    assert found
    return found


@pytest.mark.usefixtures("remote")
@pytest.mark.integration
def test_outputs_must_be_pushed(pipeline: Repository) -> None:
    found = status(pipeline)
    assert not found.passed
    assert found.reason == "not pushed: `data/processed/test`. Fix: `dvc push`"
    dvc(pipeline.root, "push")
    assert status(pipeline).passed
    # They need not be here as well.
    shutil.rmtree(pipeline.root / ".dvc/cache")
    assert status(pipeline).passed


@pytest.mark.usefixtures("remote")
@pytest.mark.integration
def test_outputs_that_are_nowhere_fail(pipeline: Repository) -> None:
    shutil.rmtree(pipeline.root / ".dvc/cache")
    (pipeline.root / "data/processed/test").unlink()
    found = status(pipeline)
    assert not found.passed
    assert "neither here nor pushed: `data/processed/test`" in found.reason
    assert "`make repro`, then `dvc push`" in found.reason


@pytest.mark.integration
def test_folders_that_are_nowhere_fail(pipeline: Repository, remote: Path) -> None:
    pipeline.write("data/raw/part.csv", "a")
    dvc(pipeline.root, "add", "--quiet", "data/raw")
    dvc(pipeline.root, "push", "--quiet")
    shutil.rmtree(pipeline.root / ".dvc/cache")
    assert status(pipeline).passed  # and brings the list of files back
    shutil.rmtree(pipeline.root / ".dvc/cache")
    [listing] = remote.rglob("*.dir")
    listing.unlink()
    found = status(pipeline)
    assert not found.passed
    assert "neither here nor pushed: `data/raw`" in found.reason


# Else a wrong address would pass for ever.
@pytest.mark.integration
def test_unreachable_remote_fails_unless_offline(pipeline: Repository) -> None:
    assert remote_status(pipeline.root, offline=False) is None
    dvc(pipeline.root, "config", "core.remote", "gone")
    found = status(pipeline)
    assert not found.passed
    assert "check address and credentials" in found.reason
    offline = remote_status(pipeline.root, offline=True)
    assert offline
    assert offline.passed is None


@pytest.mark.integration
def test_default_remote_may_be_in_the_local_configuration(
    pipeline: Repository, tmp_path: Path
) -> None:
    dvc(pipeline.root, "remote", "add", "other", "/nonexistent")
    assert default_remote(pipeline.root) is None
    folder = str(tmp_path / "mine")
    dvc(pipeline.root, "remote", "add", "--local", "--default", "mine", folder)
    assert default_remote(pipeline.root) == "mine"
