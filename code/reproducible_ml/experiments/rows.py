"""Experiments as `dvc exp show` knows them, a row each, the best first."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.datasets.sources.dvc_command import run_dvc
from reproducible_ml.review.compare import number
from reproducible_ml.review.results import METRICS, PARAMS
from reproducible_ml.review.stages import flat

# States of what is no experiment.
FOLDER = "this folder"
COMMIT = "last commit"


class Row(NamedTuple):
    """An experiment, the last commit, or what is in the folder.

    Attributes:
        name: Of the experiment or branch.
        state: What it is, or what became of it; empty for an experiment that ended.
        params: All parameters by dotted key.
        metrics: All metrics, none before the end.
    """

    name: str
    state: str
    params: dict[str, Any]
    metrics: dict[str, float | None]


def read_rows(root: Path) -> list[Row]:
    """Return the folder if it differs from the last commit, that, its experiments."""
    shown = json.loads(run_dvc("exp", "show", "--json", cwd=root) or "[]")
    rows = [*_rows(shown)]
    if len(rows) > 1 and rows[0][2:] == rows[1][2:]:
        del rows[0]
    return rows


def _rows(shown: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for revision in shown:
        if revision["rev"] == "workspace":
            yield _row(revision, "workspace", FOLDER)
        else:
            yield _row(revision, revision["name"] or revision["rev"][:7], COMMIT)
        for experiment in revision["experiments"] or ():
            last = experiment["revs"][0]
            name = experiment["name"] or last["name"] or last["rev"][:7]
            executor = experiment["executor"] or {}
            yield _row(last, name, executor.get("state") or "")


def _row(revision: dict[str, Any], name: str, state: str) -> Row:
    data = revision["data"] or {}
    params, metrics = (
        dict(flat((data.get(kind, {}).get(path) or {}).get("data") or {}))
        for kind, path in (("params", PARAMS), ("metrics", METRICS))
    )
    state = "" if state == "success" else state
    if state in ("queued", "running", "failed"):
        # What DVC shows are metrics of the commit that it is based on.
        metrics = {}
    if not (params or revision["data"]):
        state = f"{state} cannot be read".strip()
    return Row(name, state, params, {key: number(metrics[key]) for key in metrics})


def best_first(rows: Sequence[Row], metric: str, greater_is_better: bool) -> list[Row]:
    """Sort by a metric; those without it come last, in the order they had."""
    sign = -1 if greater_is_better else 1

    def place(row: Row) -> float:
        value = row.metrics.get(metric)
        return math.inf if value is None else sign * value

    return sorted(rows, key=place)


def differing(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the keys whose values are not the same everywhere."""
    keys = dict.fromkeys(key for values in found for key in values)
    missing = object()
    return [
        key
        for key in keys
        if any(
            values.get(key, missing) != found[0].get(key, missing) for values in found
        )
    ]
