"""Metrics of registered versions are read from Git, and say what cannot be compared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.registry.history import MetricValue, read_history

from ..report.conftest import lock, stage
from .conftest import ARTIFACTS, PARAMS, Project


class Written(Project):
    """A project whose reports nothing computed."""

    def version(
        self,
        name: str,
        auc: float = 0.9,
        *,
        test_set: str | None = "a",
        table: str = "1",
        targets: str | None = None,
        params: dict[str, Any] = PARAMS,
        stages: tuple[str, ...] = (),
    ) -> str:
        """Commit results and tag them, all in the order of these calls."""
        ends = {"roc_auc": {"value": auc, "low": auc - 0.01, "high": auc + 0.01}}
        bootstrap: dict[str, Any] = {
            "rows": 100,
            "interval_rows": 100,
            "test_set": test_set,
            "targets": targets,
            "replicates": {},
        }
        self.write("params.yaml", params)
        self.write("dvc.lock", lock(split=stage({}, {"data/processed/test": table})))
        self.write("reports/metrics.json", {"roc_auc": auc})
        self.write("reports/evaluation.json", {"metrics": ends})
        self.write("reports/bootstrap.json", bootstrap if test_set else {})
        commit = self.commit(name)
        for tag in (f"model@{name}", *(f"model#{each}" for each in stages)):
            self.tag(tag, second=len(self.tags()))
        return commit


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A project without versions."""
    project = Written(tmp_path)
    project.write("dvc.yaml", ARTIFACTS)
    return project


def test_metrics_of_each_version_come_with_intervals(written: Written) -> None:
    commit = written.version("v1.0.0", stages=("prod#1",))
    written.version("v1.1.0", 0.75, stages=("staging#2",))
    first, second = read_history(written.root)
    assert first.version == "v1.0.0"
    assert first.commit == commit
    assert first.date == datetime(2024, 1, 1, tzinfo=UTC)
    assert first.stages == ("prod",)
    assert second.stages == ("staging",)
    assert second.metrics == {"roc_auc": MetricValue(0.75, 0.74, 0.76)}
    assert second.test_set == "a"
    assert second.comparable_with_previous


def test_records_are_in_the_order_of_registration(written: Written) -> None:
    for name in ("v2.0.0", "v1.0.1", "v10.0.0-rc.1"):
        written.version(name)
    found = [record.version for record in read_history(written.root)]
    assert found == ["v2.0.0", "v1.0.1", "v10.0.0-rc.1"]


def test_other_test_rows_are_not_comparable(written: Written) -> None:
    written.version("v1.0.0")
    written.version("v1.0.1", test_set="b")
    written.version("v1.0.2", test_set="b")
    found = read_history(written.root)
    assert [r.comparable_with_previous for r in found] == [True, False, True]
    assert found[1].why_not == "the test set changed: 100 rows before, 100 now"


def test_corrected_targets_are_not_comparable(written: Written) -> None:
    written.version("v1.0.0")
    written.version("v1.0.1", targets="a")
    written.version("v1.0.2", targets="b")
    found = read_history(written.root)
    # An older toolkit wrote no hash of them.
    assert [r.comparable_with_previous for r in found] == [True, True, False]
    assert found[2].why_not == "the target of some test rows changed"


def test_another_question_is_not_comparable(written: Written) -> None:
    written.version("v1.0.0")
    data = PARAMS["data"] | {"positive": "no"}
    written.version("v2.0.0", params=PARAMS | {"data": data})
    found = read_history(written.root)
    assert found[1].why_not == "data.positive changed: the metrics mean something else"


def test_results_without_replicates_are_compared_by_the_hash_of_the_table(
    written: Written,
) -> None:
    written.version("v1.0.0", test_set=None)
    written.version("v1.0.1", test_set=None)
    written.version("v1.0.2", test_set=None, table="2")
    found = read_history(written.root)
    assert [r.comparable_with_previous for r in found] == [True, True, False]
    assert [r.test_set for r in found] == ["1", "1", "2"]


def test_version_without_results_has_no_metrics(written: Written) -> None:
    written.version("v1.0.0")
    written.write("reports/metrics.json", "broken")
    written.commit()
    written.tag("model@v1.0.1", second=9)
    found = read_history(written.root)
    assert found[1].metrics == {}
    assert not found[1].comparable_with_previous


def test_without_versions_there_is_no_history(written: Written) -> None:
    assert read_history(written.root) == []
