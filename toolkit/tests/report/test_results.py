"""Tests of reproducible_ml.report.results."""

import pytest

from reproducible_ml.report.results import Value, read_results, section
from reproducible_ml.versioning.git import Revision

from .conftest import Repository


def test_results_of_a_revision_are_read(repository: Repository) -> None:
    value = {"value": 0.9, "low": None, "high": 1.0}
    group = {"rows": 3, "metrics": {"f1": value}}
    repository.write("params.yaml", {"train": {"seed": 0}})
    repository.write("dvc.lock", {"stages": {}})
    repository.write("reports/metrics.json", {"f1": 0.9})
    facts = {
        "metrics": {"f1": {**value, "baseline": value}},
        "slices": {"age": [{"group": "below 40", **group}]},
        "classes": [{"class": "yes", **group}],
    }
    repository.write("reports/evaluation.json", facts)
    bootstrap = {"rows": 3, "interval_rows": 3, "test_set": "a"}
    repository.write(
        "reports/bootstrap.json", {**bootstrap, "replicates": {"f1": [0.9, None]}}
    )
    found = read_results(Revision(repository.root))
    assert found.params == {"train": {"seed": 0}}
    assert found.metrics == {"f1": 0.9}
    assert found.evaluation
    assert found.evaluation.slices["age"][0].group == "below 40"
    assert found.evaluation.classes[0].group == "yes"
    assert found.bootstrap
    assert found.bootstrap.replicates == {"f1": [0.9, None]}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metrics": 5}', "null", "5"])
def test_what_cannot_be_read_is_not_there(repository: Repository, content: str) -> None:
    for name in ("evaluation", "bootstrap"):
        repository.write(f"reports/{name}.json", content)
    found = read_results(Revision(repository.root))
    assert found.evaluation is None
    assert found.bootstrap is None
    assert found.metrics == {}


def test_section_that_is_none_is_empty() -> None:
    assert section({"gate": None}, "gate") == {}
    assert section({"gate": [1]}, "gate") == {}
    assert section({"gate": {"a": 1}}, "gate") == {"a": 1}


def test_value_is_complete_if_all_ends_are_finite() -> None:
    assert Value(value=2, low=1, high=3).complete == (1, 2, 3)
    assert Value(value=2, low=None, high=3).complete is None
    assert Value(value=2, low=1, high=float("inf")).complete is None
