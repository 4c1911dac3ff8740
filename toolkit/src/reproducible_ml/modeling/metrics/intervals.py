"""What reports say of metrics. It imports nothing that takes time."""

from collections.abc import Mapping
from typing import Any

# What the baseline of each task knows of the training rows.
BASELINE = {
    "binary": "how frequent each class is",
    "multiclass": "how frequent each class is",
    "regression": "the mean of the target",
}


def describe_intervals(facts: Mapping[str, Any]) -> str:
    """Return in words what intervals come from: how many rows, drawn how.

    Args:
        facts: The content of reports/evaluation.json.
    """
    words = f"intervals from {facts.get('interval_rows', 0):,} of them"
    if group := facts.get("interval_group"):
        words += f", drawn by {group} ({facts['groups']:,} values)"
    metrics = facts.get("metrics", {}).values()
    if any(m["value"] is not None and m.get("low") is None for m in metrics):
        words += "; none (-) where all samples drawn have the same value"
    return words
