"""How good each registered version was: its metrics, read from Git as it was then.

Nothing is checked out: the reports are in Git at the commit of each version.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.registry.tags import Registry, Version, read_registry
from reproducible_ml.report.results import (
    QUESTION,
    Results,
    number,
    read_results,
    same_table,
    section,
)
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import flatten, locked_outputs


class MetricValue(NamedTuple):
    """A metric and its 95 % interval; None where it is not known."""

    value: float | None
    low: float | None
    high: float | None


class VersionRecord(NamedTuple):
    """A version, and how good it was on its test rows.

    Attributes:
        version: Its name, such as v1.2.0.
        commit: Its hash.
        date: When it was registered.
        stages: Those it is in now.
        metrics: By name, with intervals.
        test_set: Identifies the test rows; None if the version has no results.
        comparable_with_previous: Whether the metrics and those of the record before
            are about the same rows and the same question. True for the first record.
        why_not: In words, if they are not.
    """

    version: str
    commit: str
    date: datetime
    stages: tuple[str, ...]
    metrics: dict[str, MetricValue]
    test_set: str | None
    comparable_with_previous: bool
    why_not: str = ""


def read_history(root: Path) -> list[VersionRecord]:
    """Return a record of each registered version, in the order of registration.

    Args:
        root: Of the repository.

    Raises:
        UserError: The clone lacks commits, or dvc.yaml names no model.
    """
    return history_of(root, read_registry(root))


def history_of(root: Path, registry: Registry) -> list[VersionRecord]:
    """Return a record of each version of a registry, in the order of registration."""
    records: list[VersionRecord] = []
    before: Results | None = None
    for version in registry.versions:
        results = read_results(Revision(root, version.commit))
        why_not = difference_of_tests(before, results) if before else ""
        records.append(_record(registry, version, results, why_not))
        before = results
    return records


def _record(
    registry: Registry, version: Version, results: Results, why_not: str
) -> VersionRecord:
    return VersionRecord(
        version.name,
        version.commit,
        version.created,
        tuple(registry.stages_of(version)),
        metrics_of(results),
        find_test_set(results),
        not why_not,
        why_not,
    )


def metrics_of(results: Results) -> dict[str, MetricValue]:
    """Return all metrics that are numbers, with intervals where there are any."""
    evaluated = results.evaluation.metrics if results.evaluation else {}
    found = {}
    for name, value in flatten(results.metrics):
        if (known := number(value)) is not None:
            ends = evaluated.get(name)
            low, high = (number(ends.low), number(ends.high)) if ends else (None, None)
            found[name] = MetricValue(known, low, high)
    return found


def find_test_set(results: Results) -> str | None:
    """Return what identifies the test rows, None without any results.

    It is the hash of the rows' keys in reports/bootstrap.json; of older results, that
    of the table in dvc.lock.
    """
    if results.bootstrap:
        return results.bootstrap.test_set
    tables = locked_outputs(results.lock).items()
    return next((md5 for path, md5 in tables if path.endswith("/test")), None)


def difference_of_tests(old: Results, new: Results) -> str:
    """Return why the metrics of two versions cannot be compared; empty if they can."""
    sides = (old, new)
    if not all(side.metrics for side in sides):
        return "one of the versions has no metrics"
    data: Sequence[dict[str, Any]] = [section(side.params, "data") for side in sides]
    other = [f"data.{key}" for key in QUESTION if data[0].get(key) != data[1].get(key)]
    if other:
        return f"{', '.join(other)} changed: the metrics mean something else"
    if old.bootstrap and new.bootstrap:
        return new.bootstrap.other_rows(old.bootstrap)
    return "" if same_table(old, new) else "the test set changed, or is not known"
