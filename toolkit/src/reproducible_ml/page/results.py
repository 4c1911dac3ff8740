"""The results of a run, as the page needs them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.page.charts import Row
from reproducible_ml.page.markup import number
from reproducible_ml.report.results import section as part_of
from reproducible_ml.versioning.git import Revision

Json = dict[str, Any]
Directions = Mapping[str, bool]

# Files that are named, and metrics whose history is drawn.
NAMED = 20


class Results(NamedTuple):
    """What the sections are made from; empty where a file is missing.

    Attributes:
        root: Of the repository.
        params: params.yaml.
        pipeline: dvc.yaml.
        contract: data/schema.yaml.
        evaluation: reports/evaluation.json, and so on.
        directions: Whether higher is better, by metric.
    """

    root: Path
    params: Json
    pipeline: Json
    contract: Json
    evaluation: Json
    split: Json
    validation: Json
    profile: Json
    directions: Directions

    @property
    def files(self) -> Revision:
        """The files of the working tree."""
        return Revision(self.root)

    @property
    def task(self) -> str:
        """What kind of target is predicted."""
        return str(part_of(self.params, "data").get("task", "binary"))

    @property
    def target(self) -> str:
        """The column that is predicted."""
        return str(part_of(self.params, "data").get("target", ""))

    @property
    def main_metric(self) -> str | None:
        """The metric that decides: that of the gate, else the first."""
        listed = part_of(self.params, "evaluate").get("metrics")
        first = listed[0] if isinstance(listed, list) and listed else None
        found = part_of(self.params, "gate").get("metric") or first
        known = self.evaluation.get("metrics", {})
        return str(found) if found in known else next(iter(known), None)


def read_results(root: Path, directions: Directions) -> Results:
    """Return the contents of the files in the working tree."""
    files = Revision(root)

    def report(name: str) -> Json:
        found = files.json(f"reports/{name}.json")
        return found if isinstance(found, dict) else {}

    return Results(
        root,
        files.yaml("params.yaml"),
        files.yaml("dvc.yaml"),
        files.yaml("data/schema.yaml"),
        report("evaluation"),
        report("split"),
        report("validation"),
        report("profile"),
        directions,
    )


def format_interval(low: float | None, high: float | None) -> str:
    """Return an interval as text, a dash if it is unknown."""
    return "-" if low is None or high is None else f"{number(low)} to {number(high)}"


def as_row(name: str, found: Mapping[str, Any], note: str = "") -> Row:
    """Return a metric as a row of a chart."""
    return Row(name, found.get("value"), found.get("low"), found.get("high"), note)
