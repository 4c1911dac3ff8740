"""Versions as a table, JSON and picture, and how two of them compare."""

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from .conftest import Project


@pytest.fixture
def versions(plain: Project) -> Project:
    """A project with three versions, the third with other test rows."""
    reports = [("v1.0.0", 0.9, "a"), ("v1.1.0", 0.95, "a"), ("v1.2.0", 0.99, "b")]
    for second, (name, auc, test_set) in enumerate(reports):
        spread = [auc - 0.01, auc, auc + 0.01]
        ends = {"value": auc, "low": spread[0], "high": spread[2]}
        content = {
            "rows": 100,
            "interval_rows": 100,
            "test_set": test_set,
            "replicates": {"roc_auc": spread},
        }
        plain.write("reports/bootstrap.json", content)
        plain.write("reports/evaluation.json", {"metrics": {"roc_auc": ends}})
        plain.write("reports/metrics.json", {"roc_auc": auc})
        plain.commit(name)
        plain.tag(f"model@{name}", second=second)
    plain.tag("model#prod#1", "HEAD~2", second=5)
    return plain


@pytest.mark.integration
def test_table_has_versions_stages_intervals_and_what_cannot_be_compared(
    versions: Project,
) -> None:
    shown = versions.rml("models")
    first, second, third = (line for line in shown.splitlines() if line[:2] == "v1")
    assert first.split()[:2] == ["v1.0.0", "prod"]
    assert "0.9000 (0.8900 to 0.9100)" in first
    assert first.endswith(versions.git("rev-parse", "model@v1.0.0^{}")[:7])
    assert " * " not in second
    assert " * " in third
    assert "* v1.2.0: not comparable with the row above: the test set changed" in shown


@pytest.mark.slow
def test_json_has_every_field(versions: Project) -> None:
    records = json.loads(versions.rml("models", "--json"))
    assert [record["comparable_with_previous"] for record in records] == [1, 1, 0]
    assert records[0]["stages"] == ["prod"]
    assert records[0]["date"] == "2024-01-01T00:00:00+00:00"
    assert records[0]["metrics"]["roc_auc"] == pytest.approx(
        {"value": 0.9, "low": 0.89, "high": 0.91}
    )


@pytest.mark.integration
@pytest.mark.slow
def test_picture_is_drawn_as_a_whole_or_not_at_all(
    versions: Project, tmp_path: Path
) -> None:
    path = tmp_path / "history.png"
    assert "3 versions" in versions.rml("models", "--plot", str(path))
    assert imread(path).shape[1] > 400
    shown = versions.rml("models", "--plot", str(tmp_path / "history.txt"), code=1)
    assert "Fix: give a name that ends in .png" in shown
    assert not (tmp_path / "history.txt").exists()


@pytest.mark.integration
def test_versions_of_the_same_rows_are_compared_in_pairs(versions: Project) -> None:
    shown = versions.rml("compare", "prod", "1.1.0")
    assert "v1.1.0 compared with v1.0.0 (the base)." in shown
    assert "Intervals of paired differences on the same 100 test rows" in shown
    [line] = [line for line in shown.splitlines() if line.startswith(" roc_auc")]
    assert line.split() == [
        *("roc_auc", "↑", "0.9000", "0.9500", "+0.0500"),
        *("+0.0500", "to", "+0.0500", "better"),
    ]
    shown = versions.rml("compare", "1.1.0", "latest")
    assert "Warning: The test set changed (100 rows at the base, 100 now)" in shown


@pytest.mark.slow
def test_version_of_the_last_commit_alone(versions: Project) -> None:
    assert versions.rml("models", "--here") == "model@v1.2.0\n"
    commit = versions.commit("Next")
    shown = versions.rml("models", "--here", code=1)
    assert shown.startswith(f"error: HEAD: {commit[:7]} is no registered version. Fix:")


@pytest.mark.slow
def test_without_versions_the_way_to_the_first_is_shown(project: Project) -> None:
    assert "    rml register" in project.rml("models")
    shown = project.rml("compare", "1.0.0", "1.1.0", code=1)
    assert "no version is registered here" in shown
