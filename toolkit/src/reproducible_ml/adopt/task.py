"""The task that suits the target: its positive class, metrics and estimator."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from reproducible_ml.contract.findings import quoted
from reproducible_ml.contract.schema import Column
from reproducible_ml.core.errors import UserError

Task = Literal["binary", "multiclass", "regression"]

# Of two classes, the one whose probability is usually of interest. Letters and numbers
# have a meaning only beside their opposite: 1 and 2 are codes.
POSITIVE = {"yes", "true", "positive", "pos", "ja", "oui", "si", "sí", "sim", "wahr"}
OPPOSITES = (
    *(("1", "0"), ("1", "-1"), ("+1", "-1"), ("y", "n"), ("t", "f"), ("j", "n")),
    *(("+", "-"), ("on", "off"), ("vrai", "faux")),
)

ESTIMATORS: dict[Task, str] = {
    "binary": "sklearn.ensemble.HistGradientBoostingClassifier",
    "multiclass": "sklearn.ensemble.HistGradientBoostingClassifier",
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
}

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "roc_auc",
        "average_precision",
        "accuracy",
        "f1",
        "brier_score_loss",
        "log_loss",
    ),
    "multiclass": (
        "balanced_accuracy",
        "accuracy",
        "f1_macro",
        "f1_micro",
        "roc_auc_ovr",
        "log_loss",
    ),
    "regression": ("rmse", "mae", "r2"),
}


class TaskChoice(NamedTuple):
    """The task, its positive class, and why."""

    task: Task
    positive: str | bool | int | None
    evidence: str


def choose_task(
    name: str,
    column: Column,
    counts: Mapping[str, int],
    task: Task | None = None,
    positive: str | None = None,
) -> TaskChoice:
    """Return the task that suits the target; a requested one must be the same.

    Args:
        name: Name of the target.
        column: Its declaration in the contract.
        counts: Rows of each class, by its text; empty for numbers.
        task: The requested one.
        positive: The requested positive class; only for a binary task.

    Raises:
        UserError: Such a column cannot be a target, or not that of the request.
    """
    classes = _classes(column)
    if not classes and column.dtype not in ("float64", "int64"):
        raise UserError(
            f"--target {name}: {quoted(name)} cannot be predicted: it holds"
            f" {_content(column)}. Name another column."
        )
    found = _task(column, classes, task)
    if task not in (None, found):
        raise UserError(
            f"--task {task}: {quoted(name)} holds {_content(column)}. Use --task"
            f" {found}, or leave it out."
        )
    if found == "binary":
        chosen, why = _positive(name, classes, counts, positive)
        return TaskChoice(found, chosen, f"two classes; {why}")
    if positive is not None:
        raise UserError(
            f"--positive {positive}: {quoted(name)} holds {_content(column)}, and only"
            " one of two classes can be positive. Leave it out."
        )
    evidence = "a number" if found == "regression" else f"{len(classes)} classes"
    return TaskChoice(found, None, evidence)


def suits_task(column: Column, task: Task) -> bool:
    """Say whether a column can be the target of a task."""
    classes = _classes(column)
    if not classes:
        return task == "regression" and column.dtype in ("float64", "int64")
    return _task(column, classes, task) == task


def _task(column: Column, classes: list[str | bool | int], task: Task | None) -> Task:
    """Return the task for these classes; two can be multiclass on request."""
    if not classes:
        return "regression"
    many = task == "multiclass" and column.dtype == "category"
    return "binary" if len(classes) == 2 and not many else "multiclass"


def _classes(column: Column) -> list[str | bool | int]:
    if column.dtype == "bool":
        return [False, True]
    return list(column.isin or ()) if column.dtype == "category" else []


def _content(column: Column) -> str:
    """Describe what a target holds."""
    words = {
        "str": "texts that are nearly all different",
        "datetime64[ns]": "dates",
        "float64": "numbers",
        "int64": "whole numbers",
        "bool": "true and false",
    }
    if column.dtype == "category":
        return f"{len(column.isin or ())} classes"
    return words.get(column.dtype, f"{column.dtype} values")


def _positive(
    name: str,
    classes: list[str | bool | int],
    counts: Mapping[str, int],
    requested: str | None,
) -> tuple[str | bool | int, str]:
    """Return the positive class: requested, or one that means yes, or the rarer."""
    for value in classes:
        if requested is not None and str(value).lower() == requested.lower():
            return value, f"positive {quoted(str(value))} as requested"
    if requested is not None:
        values = ", ".join(quoted(str(value)) for value in classes)
        raise UserError(
            f"--positive {requested}: {quoted(name)} has the classes {values}. Name one"
            " of them."
        )
    affirmative = [value for value in classes if _means_yes(value, classes)]
    if len(affirmative) == 1:
        return affirmative[0], f"positive {quoted(str(affirmative[0]))} by its meaning"
    rarer = min(reversed(classes), key=lambda value: counts.get(str(value), 0))
    (other,) = (value for value in classes if value is not rarer)
    rows = [counts.get(str(value), 0) for value in (rarer, other)]
    why = "as it is rarer" if rows[0] < rows[1] else "as both are as frequent"
    change = f"--positive {other} for the other"
    return rarer, f"positive {quoted(str(rarer))} {why}: {change}"


def _means_yes(value: str | bool | int, classes: list[str | bool | int]) -> bool:
    """Say whether a class means yes, by itself or beside the other one."""
    words = [re.sub(r"\.0*$", "", str(one).strip().lower()) for one in classes]
    word = words[classes.index(value)]
    return word in POSITIVE or any(word == yes and no in words for yes, no in OPPOSITES)
